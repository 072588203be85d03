"""The load of `tests.stack.load` over a stack's services, in the background of a test."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.stack.load import Report
from tests.stack.stack import ROOT, Stack
from tests.stack.waiting import wait_for

ENDS_WITHIN = 60.0
GOES_ON = 2.0  # seconds after what the test does to it


@dataclass(frozen=True)
class Volume:
    rate: int = 300  # requests per second
    connections: int = 20
    streams: int = 200


@contextmanager
def traffic(stack: Stack, routes: Sequence[str], volume: Volume) -> Iterator[list[Report]]:
    """Flows inside the block; after it the list has the report."""
    options = [f"--{name}={value}" for name, value in vars(volume).items()]
    argv = [sys.executable, "-m", "tests.stack.load", stack.url, *routes, *options]
    load = subprocess.Popen(
        argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    reports: list[Report] = []
    try:
        assert load.stdout is not None
        assert load.stdout.readline() == "flowing\n"
        yield reports
        over = time.monotonic() + GOES_ON
        wait_for("more of it", lambda: time.monotonic() >= over, GOES_ON + 1)
        said, _ = load.communicate(timeout=ENDS_WITHIN)
        reports.append(Report(**json.loads(said)))
    finally:
        load.kill()
        load.communicate()
