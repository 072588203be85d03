"""Work in the background: each once at a time, and every failure is logged."""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event

import pytest
import structlog.testing

from service_management.controller.executor import Executor
from service_management.controller.health_check import PATIENCE
from service_management.controller.job_spec import JobSpec
from service_management.controller.priority_threads import THREADS, Priority
from service_management.controller.socket_paths import sockets
from service_management.controller.workers import LoginWorker, Workers
from service_management.lifecycle.actions import Probe
from service_management.lifecycle.states import State
from service_management.ssh.call_counts import CallCounts
from service_management.ssh.connection import Connection, SshBackend
from service_management.ssh.login import Login
from service_management.ssh.openssh.openssh_backend import OpenSshBackend
from tests.stack.waiting import wait_for
from tests.unit.controller.samples import KEY_DIR, configured, with_job
from tests.unit.records import only

LOGIN = JobSpec.of(configured(), KEY_DIR).login


@pytest.fixture
def run_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:  # short, as sockets want it
        yield Path(directory)


@pytest.fixture
def workers(run_dir: Path, tmp_path: Path) -> Iterator[Workers]:
    """No command is run by them: making a connection is only writing its file."""
    workers = Workers(OpenSshBackend(run_dir, tmp_path), CallCounts())
    yield workers
    workers.close()


@pytest.fixture
def worker(workers: Workers) -> LoginWorker:
    return workers.of(LOGIN)


@contextmanager
def silent(path: Path) -> Iterator[None]:
    """A service that takes connections and answers nothing."""
    path.parent.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        yield


def test_the_same_work_is_not_started_twice_at_a_time(worker: LoginWorker) -> None:
    go_on = Event()
    assert worker.do("queue", Priority.POLL, lambda: go_on.wait(10))
    assert not worker.do("queue", Priority.POLL, lambda: None)
    go_on.set()
    wait_for("it is over", lambda: not worker.busy("queue"), 5)
    assert worker.do("queue", Priority.POLL, lambda: None)


def test_work_that_fails_is_logged_and_can_be_started_again(worker: LoginWorker) -> None:
    with structlog.testing.capture_logs() as lines:
        for _ in range(2):
            assert worker.do("queue", Priority.POLL, lambda: 1 // 0)
            wait_for("it is over", lambda: not worker.busy("queue"), 5)
    [line, _] = [line for line in lines if line["event"] == "an action failed"]
    assert (line["login"], line["action"]) == ("jo@login.cluster.example.org:22", "queue")
    assert line["exc_info"]


def test_services_that_do_not_answer_delay_no_submission(workers: Workers, run_dir: Path) -> None:
    executor = Executor(workers, run_dir, lambda _: None, lambda _: None, lambda _: True, time.time)
    starting = [
        only(with_job(f"s{n}", State.STARTING, 0.0)).with_job(name=f"io.s{n}.s0.{n}")
        for n in range(2 * THREADS)
    ]
    done = Event()
    with ExitStack() as services:
        for replica in starting:
            services.enter_context(silent(sockets(run_dir, replica.job).quiet))
        for replica in starting:
            executor.start(replica, Probe(replica.job), 0.0)
        workers.of(LOGIN).do("submit", Priority.SUBMIT, done.set)
        assert done.wait(PATIENCE / 2)


def test_threads_that_meet_a_login_at_once_share_its_worker(
    workers: Workers,
) -> None:
    class Slow:
        """The second thread comes while the first one is still making the connection."""

        def __init__(self, backend: SshBackend) -> None:
            self.backend, self.second = backend, Event()
            self.calls = 0

        def connection(self, login: Login, number: int = 0) -> Connection:
            self.calls += 1
            if self.calls > 1:
                self.second.set()
            self.second.wait(0.3)
            return self.backend.connection(login, number)

    workers.backend = Slow(workers.backend)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(workers.of, [LOGIN, LOGIN])
    assert first is second
