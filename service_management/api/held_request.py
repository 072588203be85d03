"""What nginx reports about a request that it keeps: parsed from the headers of its question."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from flask import Request

from service_management.api.pages import wants_page

_SECONDS = re.compile(r"[0-9]{1,9}\.[0-9]{3}")


@dataclass(frozen=True)
class Held:
    """A request that could not be passed to its service."""

    method: str
    attempts: tuple[int, ...]  # bytes sent in each attempt, whatever the number of replicas tried
    patience: float | None  # the client's own, from Prefer: wait=N
    html: bool
    request_id: str
    ready: str = ""  # nginx's named location that sends it again
    client: str = ""  # its address
    at_gateway: bool = False  # not at the address of the service's own
    waited: float = 0.0  # seconds in earlier visits to the hold

    @property
    def sent(self) -> bool:
        """The last attempt reached the service, so it may have been executed."""
        return bool(self.attempts) and self.attempts[-1] > 0

    @property
    def replays(self) -> int:
        return _replays(self.attempts)


def read(request: Request) -> Held:
    attempts = _attempts(request.headers.get("X-Hold-Sent", ""))
    return Held(
        method=request.headers.get("X-Original-Method", "GET"),
        attempts=attempts,
        patience=_patience(request.headers.get("Prefer", "")),
        html=wants_page(request),
        request_id=request.headers.get("X-Request-ID", ""),
        ready=request.headers.get("X-Hold-Ready", ""),
        client=request.headers.get("X-Real-IP", ""),
        at_gateway="X-Hold-Prefix" in request.headers,
        waited=_waited(request.headers.get("X-Hold-Waited", ""), _replays(attempts)),
    )


def _attempts(header: str) -> tuple[int, ...]:
    """nginx's "0, 0 : 312 : 0, 15": a number of bytes for each replica that was tried. Attempts are
    separated by colons, the latest is last. nginx tries no further replica once it has sent what
    must not be repeated."""
    if not header:
        return ()
    return tuple(
        sum(_whole(word.strip()) or 0 for word in attempt.split(","))
        for attempt in header.split(":")
    )


def _replays(attempts: Sequence[int]) -> int:
    """After the first attempt (two, where there are several replicas: @again_…) come pairs: the
    question to the control plane, and the replay."""
    return max(0, len(attempts) - 1) // 2


def _waited(header: str, replays: int) -> float:
    """nginx's "0.001 : 12.345 : 0.002": the seconds of each attempt, as above. Before each replay
    was the hold."""
    held = header.split(":")[-2::-2][:replays]
    return sum(float(text) for text in map(str.strip, held) if _SECONDS.fullmatch(text))


def _patience(prefer: str) -> float | None:
    for part in prefer.split(","):
        name, _, value = part.strip().partition("=")
        if name.strip().lower() == "wait" and (seconds := _whole(value.strip())) is not None:
            return float(seconds)
    return None


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
