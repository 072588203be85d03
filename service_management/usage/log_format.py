"""The lines of nginx's logs, and what is counted of them (nginx/snippets/log.conf).

Every request has one short line in counts.log. It has no id, and its time has whole seconds, so
that alike requests are alike lines: one is parsed for all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic_core import from_json

# Begins a line of access.log, which is for people: the request is counted by its short line.
# nginx of 0.1.0 wrote JSON that begins otherwise, and no short lines; such an nginx worker ends
# only with its last stream, long after an update.
_NOT_COUNTED = b'{"why":'
_WARM = (None, "")


class Request(NamedTuple):
    """What is counted of a line. A tuple: thousands are made in a second."""

    service: str  # empty: a path of the gateway's own
    status: int
    ended: float
    seconds: float
    received: int
    sent: int
    cold_start: float | None = None
    quiet: bool = False  # no demand: a quiet path, or a request that nginx answered itself
    first_byte: float | None = None  # of the answer that ended a hold: seconds from the replay


def tally(lines: Iterable[bytes]) -> tuple[list[tuple[Request, int]], int]:
    """Distinct requests, and how many of each; and the number of malformed lines."""
    different = Counter(line for line in lines if not line.startswith(_NOT_COUNTED))
    parsed = [(parse(line), times) for line, times in different.items()]
    good = [(request, times) for request, times in parsed if request is not None]
    return good, sum(times for request, times in parsed if request is None)


def parse(line: bytes) -> Request | None:
    """None: malformed."""
    try:
        return _parse_json(line) if line.startswith(b"{") else _parse(line)
    except (ValueError, KeyError, TypeError):
        return None


def _parse(line: bytes) -> Request:
    """Further fields may follow: those of a later version."""
    fields = line.decode().split("\t")
    time, service, status, received, sent, seconds, quiet, held = fields[:8]
    cold_start, times, addresses = held.split("|") if held else ("", "", "")
    return Request(
        service,
        int(status),
        _end_of_second(time),
        float(seconds),
        int(received),
        int(sent),
        float(cold_start) if held else None,
        bool(quiet) or not service,
        _first_byte(times, addresses) if held else None,
    )


@lru_cache(maxsize=64)
def _end_of_second(time: str) -> float:
    """Never before the request ended: a service must not look idle too soon."""
    return datetime.fromisoformat(time).timestamp() + 1.0


def _first_byte(times: str, addresses: str) -> float | None:
    """nginx writes "- : 1.009 : 0.003", a time for each attempt, "-" where no header came. After
    a replay that failed, the last attempt was at the control plane, not at the service."""
    latest, address = times.rsplit(" ", maxsplit=1)[-1], addresses.rsplit(" ", maxsplit=1)[-1]
    replayed = "/routes/" in address
    return float(latest) if replayed and latest not in ("", "-") else None


def _parse_json(line: bytes) -> Request:
    """A line of 0.1.0, or of an older gateway, whose numbers are all in quotes."""
    fields = _decode(line)
    held, upstream = fields["cold_start"] not in _WARM, fields["upstream"]
    return Request(
        str(fields["service"]),
        int(fields["status"]),
        float(fields["time"]),
        float(fields["request_time"]),
        int(fields["bytes_in"]),
        int(fields["bytes_out"]),
        float(fields["cold_start"]) if held else None,
        ".quiet.sock" in upstream or ".sock" not in upstream,
        _first_byte(str(fields["upstream_header_time"]), upstream) if held else None,
    )


def _decode(line: bytes) -> Mapping[str, Any]:
    """A client may send bytes that are not UTF-8."""
    try:
        found: Mapping[str, Any] = from_json(line)
    except ValueError:
        found = from_json(line.decode(errors="replace"))
    return found
