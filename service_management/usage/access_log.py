"""nginx's access log read with a saved position: every complete line once, also across rotation.

A position is kept for every file that exists, the old ones included: whoever still writes into
a renamed file is heard too.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pydantic_core import from_json

STEP = 4 << 20  # bytes read at a time, and saved after
# Seconds after which the line of an ended request is in the file: nginx holds it back for one
# (flush=1s), and may be late.
WRITTEN_WITHIN = 3.0
_HEAD = 1024
_SERVICE, _QUIET = ".sock", ".quiet.sock"
_WARM = (None, "")
# What is counted stands between the time and this (nginx/snippets/log.conf).
_COUNTED_END, _NOT_HELD = b',"upstream_status":', b'"cold_start":null'


class Request(NamedTuple):
    """What is counted of a line. A tuple: tens of thousands are made in a second."""

    service: str  # empty: a path of the gateway's own
    status: int
    ended: float
    seconds: float
    received: int
    sent: int
    cold_start: float | None = None
    quiet: bool = False  # no demand: a quiet path, or one that nginx answered itself
    first_byte: float | None = None  # of the answer that ended a hold: seconds from the replay


def parse(line: bytes) -> Request | None:
    """None: not a line of ours. Older lines have all their numbers in quotes."""
    try:
        fields = _decode(line)
        cold_start = fields["cold_start"]
        return Request(
            str(fields["service"]),
            int(fields["status"]),
            float(fields["time"]),
            float(fields["request_time"]),
            int(fields["bytes_in"]),
            int(fields["bytes_out"]),
            None if cold_start in _WARM else float(cold_start),
            _is_quiet(fields["upstream"]),
            None if cold_start in _WARM else _first_byte(fields),
        )
    except (ValueError, KeyError, TypeError):
        return None


def tally(lines: Iterable[bytes]) -> tuple[list[tuple[Request, int]], int]:
    """Requests that count alike, and how many of each; and how many lines are none of ours.

    There may be tens of thousands in a second: lines with the same words in their counted part are
    parsed once for all of them. The latest tells when the last of them ended.
    """
    alike: dict[bytes, list[bytes]] = {}
    for line in lines:
        alike.setdefault(line[line.find(b",") : line.find(_COUNTED_END)], []).append(line)
    chosen: list[tuple[bytes, int]] = []
    for counted, group in alike.items():
        if _NOT_HELD in counted:
            chosen.append((max(group), len(group)))
        else:
            chosen += [(line, 1) for line in group]
    parsed = [(parse(line), times) for line, times in chosen]
    good = [(request, times) for request, times in parsed if request is not None]
    return good, sum(times for request, times in parsed if request is None)


def _is_quiet(upstream: str) -> bool:
    return _QUIET in upstream or _SERVICE not in upstream


def _decode(line: bytes) -> Any:
    """pydantic's parser: it takes less than half the time of the standard library's. A client may
    send bytes that are no text."""
    try:
        return from_json(line)
    except ValueError:
        return from_json(line.decode(errors="replace"))


def _first_byte(fields: Mapping[str, Any]) -> float | None:
    """nginx writes "- : 1.009 : 0.003", one time for each attempt, "-" where no header came. After
    a replay that failed the last word is the control plane's, and no service's first byte."""
    latest = str(fields["upstream_header_time"]).split(" ")[-1]
    replayed = str(fields["upstream"]).endswith(".sock")
    return float(latest) if replayed and latest not in ("", "-") else None


@dataclass(frozen=True)
class Step:
    """Some lines, and where to go on after them."""

    lines: list[bytes]
    positions: dict[str, int]  # of every file there is; those that are gone are forgotten
    behind: bool  # there is more to read


def read(files: Sequence[Path], positions: Mapping[str, int], limit: int = STEP) -> Step:
    """The next lines, at most `limit` bytes of them, from the first file on."""
    lines: list[bytes] = []
    reached: dict[str, int] = {}
    left, behind = limit, False
    for file in files:
        with contextlib.suppress(FileNotFoundError), file.open("rb") as log:
            name = identity(log)
            if name is None:
                continue
            start = positions.get(name, 0)
            log.seek(start)
            text = log.read(left)
            behind = behind or len(text) == left
            whole = _complete(text, limit)
            reached[name] = start + len(whole)
            lines += whole.removesuffix(b"\n").split(b"\n") if whole else []
            left -= len(whole)
    return Step(lines, reached, behind)


def identity(log: BinaryIO) -> str | None:
    """The inode alone would do until it is given to another file, as after a reboot. None: there
    is no line yet."""
    log.seek(0)
    head = log.read(_HEAD)
    first, end, _ = head.partition(b"\n")
    if not end and len(head) < _HEAD:
        return None
    return f"{os.fstat(log.fileno()).st_ino}:{hashlib.sha256(first).hexdigest()[:16]}"


def _complete(text: bytes, limit: int) -> bytes:
    """Up to the last end of a line; the rest is still being written."""
    end = text.rfind(b"\n") + 1
    # No line of nginx's is that long: this is no log line, and must not hold up those behind it.
    return text if not end and len(text) == limit else text[:end]
