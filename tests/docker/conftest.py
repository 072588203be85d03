"""An engine, and one deployment at a time: the container's name is fixed."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker import engine
from tests.docker.deployment import IDLE, NAME, Deployment
from tests.stack.waiting import wait_for

LOCK = Path("/run/lock/io-docker-tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first one builds the images, perhaps from nothing."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(scope="session")
def docker() -> Iterator[None]:
    """For one test process at a time."""
    descriptor = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    ours = False
    try:
        if reason := engine.reason_against():
            pytest.skip(reason)
        try:
            ours = engine.start()
        except engine.NoEngine as error:
            pytest.skip(str(error))
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


@pytest.fixture(scope="module")
def started(deployment: Deployment) -> Deployment:
    deployment.up("--build")
    deployment.wait_until_served()
    return deployment


@pytest.fixture
def running(started: Deployment) -> Iterator[Deployment]:
    """Without a job at first."""
    started.wait_until_served()
    wait_for("no job is left", lambda: not started.jobs(), IDLE + 20, 0.5)
    wait_for("all is cold", lambda: started.state("probe") == "cold", 20)
    yield started
    print(started.logs())  # pytest shows it where the test failed


@pytest.fixture(scope="module")
def warm(started: Deployment) -> Deployment:
    """The probe has a job, which stays."""
    started.edit(f'"timeout": {IDLE}', '"timeout": 600')
    wait_for("an answer", lambda: started.answers("/probe/echo"), 90, 0.5)
    return started


@pytest.fixture
def kept(warm: Deployment) -> Iterator[Deployment]:
    """Whatever a test does to the container, the same job serves before and after."""
    before = warm.jobs()
    assert len(before) == 1
    yield warm
    print(warm.logs())
    wait_for("ready again", lambda: warm.state("probe") == "ready", 60, 0.2)
    assert warm.answers("/probe/echo")
    assert warm.jobs() == before
