"""One demo cluster and one gateway for all tests here; each test brings its own services."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.cluster import Cluster
from tests.stack.stack import Stack
from tests.stack.waiting import wait_for

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster.up("hosts", Path(f"/run/ioc{os.getpid()}"))
    try:
        yield cluster
    finally:
        cluster.down()


@pytest.fixture(scope="session")
def running(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    run_dir = Path(tempfile.mkdtemp(prefix="io", dir="/run"))
    stack = Stack(cluster, tmp_path_factory.mktemp("stack"), run_dir)
    try:
        stack.up()
        yield stack
    finally:
        stack.down()
        shutil.rmtree(run_dir, ignore_errors=True)


@pytest.fixture
def stack(running: Stack) -> Iterator[Stack]:
    """The gateway, without services before and after; failing tests leave no job either."""
    yield running
    print(running.last_words())  # pytest shows it where the test failed
    running.cluster.cancel_all()
    running.write([])
    wait_for("no service is left", lambda: not running.info()["services"], 20)
    wait_for("no job is left", lambda: not running.jobs(), 20)


@pytest.fixture
def route() -> str:
    """A name no other test has used: what Slurm remembers of it is this test's own."""
    return f"s{next(_NUMBERS)}"


@pytest.fixture
def service(stack: Stack, route: str) -> Callable[..., str]:
    """Configure one test service with these keys, and give its route."""

    def configure(**keys: Any) -> str:
        stack.configure(stack.entry(route, **keys))
        return route

    return configure
