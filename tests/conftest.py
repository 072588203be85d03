"""For all tests."""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests import running_order

# A shell starts what it puts into the background with SIGINT ignored, and programs inherit that.
# The programs whose Ctrl-C is tested must not.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How many examples hypothesis tries. The same ones at every run, so that a red build is about the
# change and nothing else.
_QUICK = settings(deadline=None, max_examples=25, derandomize=False)
settings.register_profile("same", _QUICK, derandomize=True, database=None)
# HYPOTHESIS_PROFILE=random tries other examples each time; =thorough many more, as the nightly
# run does.
settings.register_profile("random", _QUICK)
settings.register_profile("thorough", _QUICK, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """`--dist loadfile`, the longest files first."""
    from xdist.scheduler import LoadFileScheduling

    recorded = running_order.read_record()

    class LongestFirst(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return running_order.scope_of(nodeid)

        def _assign_work_unit(self, node: Any) -> None:
            sizes = {scope: len(tests) for scope, tests in self.workqueue.items()}
            self.workqueue.move_to_end(running_order.longest(sizes, recorded), last=False)
            super()._assign_work_unit(node)

    return LongestFirst(config, log) if config.getoption("dist") == "loadfile" else None


class _Durations:
    """How long each file took, setups included."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[running_order.scope_of(report.nodeid)] += report.duration

    def pytest_sessionfinish(self) -> None:
        running_order.write_record(self._file, self._seconds)


def pytest_configure(config: pytest.Config) -> None:
    file = os.environ.get("RECORD_DURATIONS")
    if file and not hasattr(config, "workerinput"):  # xdist's workers have that
        config.pluginmanager.register(_Durations(Path(file)))
