"""A control plane that stays away for as long as a test wants."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from tests.stack.stack import Stack
from tests.stack.waiting import wait_for


@contextmanager
def control_plane_away(stack: Stack) -> Iterator[None]:
    """kill -9 of all of it; the next one, which the supervisor starts at once, waits for the
    lock that two control planes never hold together."""
    with (stack.directory / "var" / "controller.lock").open("r+b") as lock:
        stack.kill_control_plane()
        wait_for("the lock", lambda: _taken(lock.fileno()), 10, pause=0.005)
        yield
    stack.wait_until_alive()


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
