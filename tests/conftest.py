"""For all tests."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from hypothesis import settings

# A shell starts what it puts into the background with SIGINT ignored, and programs inherit that.
# The programs whose Ctrl-C is tested must not.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How hard hypothesis looks: the pure tests (lifecycle, config) take ten seconds; and the same
# examples at every run, so that a red build is about the change and nothing else.
_EASY = settings(deadline=None, max_examples=25, derandomize=False)
settings.register_profile("same", _EASY, derandomize=True, database=None)
# HYPOTHESIS_PROFILE=anew looks at other examples each time; =thorough for as long as one likes
# to wait.
settings.register_profile("anew", _EASY)
settings.register_profile("thorough", _EASY, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


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
