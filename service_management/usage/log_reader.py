"""Reads nginx's logs from a saved position: every complete line once, also across rotation.

A position is kept for every file that exists, rotated ones included: an nginx worker may still
write into a renamed file.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

STEP = 4 << 20  # bytes read at a time, and saved after
# Seconds after which the line of an ended request is in the file: nginx buffers it for one
# (flush=1s), and may be late.
WRITTEN_WITHIN = 3.0
_HEAD = 1024


@dataclass(frozen=True)
class Step:
    """Some lines, and the positions after them."""

    lines: list[bytes]
    positions: dict[str, int]  # of every file that exists
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
    """Inode and first line. The inode alone may be given to another file, after a reboot or when
    the oldest file is deleted; the first line has a time. None: there is no line yet."""
    log.seek(0)
    head = log.read(_HEAD)
    first, end, _ = head.partition(b"\n")
    if not end and len(head) < _HEAD:
        return None
    return f"{os.fstat(log.fileno()).st_ino}:{hashlib.sha256(first).hexdigest()[:16]}"


def _complete(text: bytes, limit: int) -> bytes:
    """Up to the last end of a line; the rest is still being written."""
    end = text.rfind(b"\n") + 1
    # nginx writes no line of that length: skip it, or nothing behind it would be read.
    return text if not end and len(text) == limit else text[:end]
