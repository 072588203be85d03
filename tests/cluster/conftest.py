"""One demo cluster and one gateway for all tests here; each test brings its own services."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.cluster import Cluster
from tests.stack.bringup import empty, gateway, hosts
from tests.stack.stack import Stack

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with hosts(Path(f"/run/ioc{os.getpid()}")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def running(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with gateway(cluster, tmp_path_factory.mktemp("stack")) as stack:
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


@pytest.fixture
def service(stack: Stack, route: str) -> Callable[..., str]:
    """Configure one test service with these keys, and give its route."""

    def configure(**keys: Any) -> str:
        stack.configure(stack.entry(route, **keys))
        return route

    return configure
