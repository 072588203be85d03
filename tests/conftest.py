"""For all tests."""

from __future__ import annotations

import signal
from typing import Any

import pytest

# A shell starts what it puts into the background with SIGINT ignored, and programs inherit that.
# The programs whose Ctrl-C is tested must not.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """`--dist loadfile`, with all container tests as one file: the container's name is fixed, so
    a second process would only wait for the first."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            scope = super()._split_scope(nodeid)
            return "tests/docker" if scope.startswith("tests/docker/") else scope

    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None
