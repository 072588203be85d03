"""One demo cluster for all tests here, and one gateway, installed in a place of its own."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.cluster import Cluster
from tests.stack.installation import install
from tests.stack.stack import Stack
from tests.stack.waiting import wait_for

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster.up("hosts", Path(f"/run/iox{os.getpid()}"))
    try:
        yield cluster
    finally:
        cluster.down()


@pytest.fixture(scope="session")
def running(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    run_dir = Path(tempfile.mkdtemp(prefix="io", dir="/run"))
    root = install(tmp_path_factory.mktemp("installed"))
    stack = Stack(cluster, tmp_path_factory.mktemp("stack"), run_dir, root)
    try:
        stack.up()
        yield stack
    finally:
        stack.down()
        shutil.rmtree(run_dir, ignore_errors=True)


@pytest.fixture
def stack(running: Stack) -> Iterator[Stack]:
    """The gateway, running; without services before and after."""
    yield running
    print(running.last_words())  # pytest shows it where the test failed
    if not running.control_pids():
        running.up()
    running.wait_until_alive()
    running.cluster.cancel_all()
    running.write([])
    wait_for("no service is left", lambda: not running.info()["services"], 30)
    wait_for("no job is left", lambda: not running.jobs(), 20)


@pytest.fixture
def route() -> str:
    """A name no other test has used: what Slurm remembers of it is this test's own."""
    return f"s{next(_NUMBERS)}"
