"""An engine, and one deployment at a time: the container's name is fixed."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker import engine
from tests.docker.deployment import NAME, Deployment

LOCK = Path("/run/lock/io-docker-tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first one builds the images, perhaps from nothing."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def docker() -> Iterator[None]:
    """For one test process at a time."""
    descriptor = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    ours = False
    try:
        if reason := engine.reason_against():
            pytest.skip(reason)
        ours = engine.start()
        yield
    finally:
        if ours:
            engine.stop()
        os.close(descriptor)


@pytest.fixture(scope="module")
def deployment(docker: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    there = subprocess.run(["docker", "inspect", NAME], capture_output=True, check=False)
    if there.returncode == 0:
        pytest.fail(f"there is a container {NAME}: take it down and try again")
    deployment = Deployment(tmp_path_factory.mktemp("compose") / "clone")
    try:
        yield deployment
    finally:
        print(deployment.logs())
        deployment.down()
