"""What the local commands share: their error, progress messages, waiting, and Ctrl-C."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import NoReturn, TypeVar

T = TypeVar("T")
Say = Callable[[str], None]
FIRST_MESSAGE, NEXT_MESSAGE = 2.0, 10.0
# Python drops an exception that is raised inside a finalizer, KeyboardInterrupt too. The flag
# keeps the interruption until the next look.
_interrupted = threading.Event()


class NativeError(Exception):
    """The operator has to do something; the text says what."""


def wait(look: Callable[[], T], seconds: float, what: str, say: Say, pause: float = 0.05) -> T:
    """The first true value of `look`, or its last value when time is up. Says what it waits for."""
    begun = time.monotonic()
    next_message = begun + FIRST_MESSAGE
    while not (seen := look()):
        now = time.monotonic()
        if now - begun >= seconds:
            break
        if now >= next_message:
            say(f"waiting for {what} ({now - begun:.0f} s)")
            next_message = now + NEXT_MESSAGE
        _raise_dropped_interruption()
        time.sleep(pause)
    _raise_dropped_interruption()
    return seen


def handle_interruptions() -> None:
    """SIGTERM from a supervisor or a script counts like Ctrl-C."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)


def clear_interruption() -> None:
    """Its cleanup begins; only another interruption ends that."""
    _interrupted.clear()


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    _interrupted.set()
    raise KeyboardInterrupt


def _raise_dropped_interruption() -> None:
    if _interrupted.is_set():
        raise KeyboardInterrupt
