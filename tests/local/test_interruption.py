"""Ctrl-C while Python runs a finalizer, which is where it drops exceptions."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import signal
from service_management.native.waiting import clear_interruption, handle_interruptions, wait

class Dropping:
    def __del__(self):
        signal.raise_signal(signal.{number})

handle_interruptions()
try:
    wait(lambda: Dropping() and {seen}, 20, "nothing", print)
except KeyboardInterrupt:
    clear_interruption()
    print("obeyed", wait(lambda: 7, 20, "something", print))
"""


def obeyed(number: str, seen: str) -> bool:
    argv = [sys.executable, "-c", SCRIPT.format(number=number, seen=seen)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    assert "Exception ignored" in done.stderr  # or nothing was dropped, and nothing is shown
    return done.stdout.split() == ["obeyed", "7"]


def test_a_dropped_interruption_ends_a_wait() -> None:
    assert obeyed("SIGINT", "False")
    assert obeyed("SIGTERM", "False")


def test_also_when_it_came_with_what_was_waited_for() -> None:
    assert obeyed("SIGINT", "True")
