"""Tunnels are opened together, ready services first; unused ones are closed at growing pauses."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from service_management.controller.job_tunnels import BATCH, JobTunnels
from service_management.controller.socket_paths import sockets
from service_management.controller.workers import LoginWorker, Workers
from service_management.lifecycle.replica import Job
from service_management.lifecycle.states import State
from service_management.ssh.call_counts import CallCounts
from service_management.ssh.connection import Forward, Result
from service_management.ssh.errors import SshError, SshProblem
from service_management.ssh.login import Login
from tests.stack.waiting import wait_for
from tests.unit.controller.samples import with_job

RUN_DIR = Path("/run/io")
LOGIN = Login("jo", "login.example", 22, "/keys/id")


@dataclass
class FakeConnection:
    """Every node is at 10.0.0.1; tunnels open once `go` is set."""

    login: Login
    go: threading.Event = field(default_factory=threading.Event)
    fails: set[Path] = field(default_factory=set)
    opened: list[list[Path]] = field(default_factory=list)
    closed: list[Path] = field(default_factory=list)
    commands: int = 0

    def run(self, script: str, timeout: float) -> Result:
        self.commands += 1
        return Result(0, "NodeName=n1 NodeAddr=10.0.0.1 NodeHostName=n1\n", "")

    def open_tunnels(self, forwards: Sequence[Forward]) -> dict[Path, SshError]:
        self.opened.append([forward.socket for forward in forwards])
        assert self.go.wait(10)
        error = SshError(SshProblem.FORWARD_FAILED, "no forwarding")
        return {f.socket: error for f in forwards if f.socket in self.fails}

    def open_tunnel(self, socket: Path, host: str, port: int) -> None: ...

    def close_tunnel(self, socket: Path) -> None:
        self.closed.append(socket)

    def tunnel_alive(self, socket: Path) -> bool:
        return any(socket in paths for paths in self.opened)

    def close(self) -> None: ...


@dataclass
class FakeBackend:
    made: FakeConnection

    def connection(self, login: Login, number: int = 0) -> FakeConnection:
        return self.made

    def close_except(self, kept: Collection[tuple[str, int]]) -> None: ...

    def close_all(self) -> None: ...


@pytest.fixture
def connection() -> FakeConnection:
    return FakeConnection(LOGIN)


@pytest.fixture
def worker(connection: FakeConnection) -> Iterator[LoginWorker]:
    workers = Workers(FakeBackend(connection), CallCounts())
    yield workers.of(LOGIN)
    connection.go.set()
    workers.close()


@pytest.fixture
def trouble() -> list[str]:
    return []


@pytest.fixture
def tunnels(trouble: list[str]) -> JobTunnels:
    return JobTunnels(RUN_DIR, lambda _, _kind, text: trouble.append(text), refuse, lambda _: True)


def refuse(worker: LoginWorker, number: int, text: str) -> None:
    raise AssertionError(text)


def job(number: int) -> Job:
    sample = with_job("digits", State.READY, 0.0).job
    assert sample is not None
    return replace(sample, name=f"io.digits.0.8080.{number:08x}")


def test_tunnels_are_opened_together_and_ready_services_first(
    tunnels: JobTunnels, worker: LoginWorker, connection: FakeConnection
) -> None:
    tunnels.open(worker, job(0), urgent=False)
    wait_for("the first call is under way", lambda: connection.opened, 5)
    for number in range(1, 101):
        tunnels.open(worker, job(number), urgent=number > 60)
    connection.go.set()
    wait_for("all are up", lambda: tunnels.is_up(job(60), sockets(RUN_DIR, job(60)).main), 5)

    sizes = [len(paths) for paths in connection.opened]
    assert sum(sizes) == 2 * 101
    assert len(sizes) == 1 + -(-2 * 100 // BATCH)
    ready = {path for n in range(61, 101) for path in sockets(RUN_DIR, job(n)).required}
    assert ready <= {*connection.opened[1], *connection.opened[2]}


def test_one_that_fails_is_reported_and_the_others_are_up(
    tunnels: JobTunnels, worker: LoginWorker, connection: FakeConnection, trouble: list[str]
) -> None:
    paths = sockets(RUN_DIR, job(1))
    connection.fails.add(paths.quiet)
    connection.go.set()
    tunnels.open(worker, job(1), urgent=False)
    wait_for("the other is up", lambda: tunnels.is_up(job(1), paths.main), 5)
    wait_for("it is reported", lambda: trouble == ["no forwarding"], 5)
    assert not tunnels.is_up(job(1), paths.quiet)
    assert worker.counts.failures()[str(LOGIN), "tunnel"] == 1


def test_a_tunnel_without_its_file_is_not_up(
    tmp_path: Path, worker: LoginWorker, connection: FakeConnection
) -> None:
    """The kernel's list has it as before."""
    tunnels = JobTunnels(tmp_path, lambda *_: None, refuse, lambda _: True)
    main = sockets(tmp_path, job(1)).main
    connection.go.set()
    tunnels.open(worker, job(1), urgent=False)
    wait_for("it is up", lambda: tunnels.is_up(job(1), main), 5)
    main.parent.mkdir()
    main.touch()
    tunnels.close_except([worker], [job(1)], frozenset({str(main)}), 0.0)
    assert tunnels.is_up(job(1), main)
    main.unlink()
    tunnels.close_except([worker], [job(1)], frozenset({str(main)}), 0.2)
    assert not tunnels.is_up(job(1), main)


def test_a_reopened_tunnel_does_not_ask_for_the_node_again(
    tunnels: JobTunnels, worker: LoginWorker, connection: FakeConnection
) -> None:
    down = JobTunnels(RUN_DIR, lambda *_: None, refuse, lambda _: False)
    connection.go.set()
    for _ in range(3):
        down.open(worker, job(1), urgent=True)
        wait_for("it is done", lambda: not worker.busy(("tunnels", 0)), 5)
    assert connection.commands == 1
    assert len(connection.opened) == 1  # they are open, whatever the last look showed


def test_closing_a_tunnel_is_tried_again_at_growing_pauses(
    tunnels: JobTunnels, worker: LoginWorker, connection: FakeConnection
) -> None:
    unused = frozenset({"/run/io/tunnels/stray.sock"})
    for tenth in range(0, 600):
        tunnels.close_except([worker], [], unused, tenth / 10)
        wait_for("it is done", lambda: not worker.busy((*unused, "close")), 5)
    assert len(connection.closed) == 7  # at 0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5 s
    tunnels.close_except([worker], [], frozenset(), 60.0)
    tunnels.close_except([worker], [], unused, 60.1)
    wait_for("it is tried at once", lambda: len(connection.closed) == 8, 5)
