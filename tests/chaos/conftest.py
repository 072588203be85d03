"""One demo cluster for all tests here, and one gateway in its own directory."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.cluster import Cluster
from tests.stack.bringup import empty, gateway, hosts
from tests.stack.installation import install
from tests.stack.stack import Stack

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with hosts(Path(f"/run/iox{os.getpid()}")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def running(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    root = install(tmp_path_factory.mktemp("installed"))
    with gateway(cluster, tmp_path_factory.mktemp("stack"), root) as stack:
        yield stack


@pytest.fixture
def stack(running: Stack) -> Iterator[Stack]:
    """The gateway, running; without services before and after."""
    yield running
    empty(running)


@pytest.fixture
def route() -> str:
    """A name no other test has used: what Slurm remembers of it is this test's own."""
    return f"s{next(_NUMBERS)}"
