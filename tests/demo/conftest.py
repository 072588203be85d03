"""Real clusters for these tests: one of each shape, in separate directories below /run."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from demo import Cluster, down
from demo.processes import wait_until
from demo.spec import Shape

Ssh = Callable[..., subprocess.CompletedProcess[str]]


def new_directory() -> Path:
    """Short, and the login user can enter it (pytest's own tmp_path is root's alone)."""
    directory = Path(tempfile.mkdtemp(prefix="io-t-", dir="/run"))
    directory.chmod(0o755)
    return directory


def a_cluster(shape: Shape) -> Iterator[Cluster]:
    directory = new_directory()
    try:
        yield Cluster.up(shape=shape, directory=directory)
    finally:
        if directory.exists():
            down(directory)


@pytest.fixture(scope="session")
def host_cluster() -> Iterator[Cluster]:
    yield from a_cluster("host")


@pytest.fixture(scope="session")
def hosts_cluster() -> Iterator[Cluster]:
    yield from a_cluster("hosts")


@pytest.fixture
def ssh(tmp_path: Path) -> Ssh:
    """A command on the login, as a stranger with just the key and the host key would run it."""

    def run(cluster: Cluster, command: str, timeout: float = 20, connect: int = 10) -> object:
        known = tmp_path / "known_hosts"
        known.write_text(cluster.host_key + "\n")
        options = ["BatchMode=yes", f"UserKnownHostsFile={known}", f"ConnectTimeout={connect}"]
        argv = ["ssh", "-F", "/dev/null", "-i", str(cluster.key_file), "-p", str(cluster.ssh_port)]
        for option in ("StrictHostKeyChecking=yes", "GlobalKnownHostsFile=/dev/null", *options):
            argv += ["-o", option]
        argv += [f"{cluster.ssh_user}@{cluster.ssh_host}", command]
        return subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False)

    return run


@pytest.fixture(scope="session")
def eventually() -> Callable[..., None]:
    """Wait on a predicate, with a bound."""

    def wait(predicate: Callable[[], object], seconds: float = 15) -> None:
        assert wait_until(lambda: bool(predicate()), seconds), "not within its time"

    return wait


@pytest.fixture
def directory() -> Iterator[Path]:
    """A place for a cluster of the test's own, which is taken down in any case."""
    place = new_directory()
    yield place
    if (place / "cluster.json").exists():
        down(place)
    elif place.exists():
        shutil.rmtree(place)


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
