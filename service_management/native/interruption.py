"""Ctrl-C that is not lost: in a finalizer, Python drops the exception that tells of it."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import NoReturn

_asked = threading.Event()


def listen() -> None:
    """A supervisor's or a script's TERM is an interruption like Ctrl-C."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    _asked.set()
    raise KeyboardInterrupt


def check() -> None:
    """Where something is waited for: what was dropped is raised again."""
    if _asked.is_set():
        raise KeyboardInterrupt


def heard() -> None:
    """It is being obeyed: what that waits for is interrupted by the next one only."""
    _asked.clear()
