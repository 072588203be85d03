"""A real sshd per test, and every SSH backend there is, for tests that must hold for all."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service_management.ssh.connection import Connection, SshBackend
from service_management.ssh.login_backoff import Backoff
from service_management.ssh.openssh.openssh_backend import OpenSshBackend, OpenSshConnection
from service_management.ssh.paramiko.paramiko_backend import ParamikoBackend, ParamikoConnection
from tests.cluster_ssh.sshd import Sshd

BackendMaker = Callable[[Path], SshBackend]
SshdMaker = Callable[..., Sshd]


def openssh(directory: Path) -> SshBackend:
    return OpenSshBackend(directory / "run", directory / "state")


def paramiko(directory: Path) -> SshBackend:
    return ParamikoBackend(directory / "state")


BACKENDS: dict[str, BackendMaker] = {"openssh": openssh, "paramiko": paramiko}


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """pytest's own directories are too long for the path of a unix socket."""
    directory = Path(tempfile.mkdtemp(prefix="orc-"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def make_sshd(short_dir: Path) -> Iterator[SshdMaker]:
    made: list[Sshd] = []
    numbers = itertools.count()

    def make(*extra: str, port: int | None = None) -> Sshd:
        sshd = Sshd(short_dir / f"sshd{next(numbers)}", extra)
        sshd.port = port or sshd.port
        made.append(sshd)
        return sshd.start()

    yield make
    for sshd in made:
        sshd.stop()


@pytest.fixture
def sshd(make_sshd: SshdMaker) -> Sshd:
    return make_sshd()


@pytest.fixture(params=sorted(BACKENDS))
def backend(request: pytest.FixtureRequest, short_dir: Path) -> Iterator[SshBackend]:
    made = BACKENDS[request.param](short_dir)
    yield made
    made.close_all()


@pytest.fixture
def openssh_backend(short_dir: Path) -> Iterator[OpenSshBackend]:
    made = OpenSshBackend(short_dir / "run", short_dir / "state")
    yield made
    made.close_all()


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Pauses between logins end this much sooner."""
    passed = [0.0]
    made = Backoff.__init__

    def skip(seconds: float) -> None:
        passed[0] += seconds

    def make(self: Backoff, clock: Callable[[], float]) -> None:
        made(self, lambda: clock() + passed[0])

    monkeypatch.setattr(Backoff, "__init__", make)
    return skip


def logged_in(connection: Connection) -> bool:
    if isinstance(connection, OpenSshConnection):
        return connection._master.alive()
    assert isinstance(connection, ParamikoConnection)
    return connection._session is not None and connection._session.alive()


def process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
