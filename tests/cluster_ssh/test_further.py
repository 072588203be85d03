"""A further connection that fails does not affect the rest of its login."""

from __future__ import annotations

import math
import os
import signal
import threading
from pathlib import Path

import pytest

from service_management.controller.job_spec import JobSpec
from service_management.controller.job_tunnels import JobTunnels
from service_management.controller.priority_threads import THREADS, Priority
from service_management.controller.socket_paths import sockets
from service_management.controller.workers import LoginWorker, Workers
from service_management.lifecycle.replica import Job
from service_management.ssh.call_counts import CallCounts
from service_management.ssh.connection import SshBackend
from service_management.ssh.errors import SshError
from service_management.ssh.login_backoff import FIRST_DELAY, LONGEST_DELAY
from tests.cluster_ssh.sshd import Sshd, wait_until


def job(worker: LoginWorker, number: int, port: int) -> Job:
    spec = JobSpec(worker.login, "/run.sh", port, ssh_connections=2)
    return Job(f"io.s.0.{port}.{number:08x}", port, 0.0, spec.dump(), job_id="1", node="n1")


def test_a_further_login_that_hangs_leaves_threads_to_the_first(
    backend: SshBackend, sshd: Sshd, short_dir: Path
) -> None:
    workers = Workers(backend, CallCounts())
    worker = workers.of(sshd.login())
    tunnels = JobTunnels(short_dir, lambda *_: None, lambda *_: None, Path.exists)
    worker.client._nodes["n1"] = (math.inf, "127.0.0.1")  # there is no Slurm to ask
    jobs = [job(worker, number, sshd.port) for number in range(THREADS + 1)]
    assert worker.connection.run("echo in", 10).stdout == "in\n"
    assert sshd.process is not None
    os.kill(sshd.process.pid, signal.SIGSTOP)  # what is logged in goes on
    try:
        for one in jobs:
            tunnels.open(worker, one, urgent=False)
        looked = threading.Event()
        assert worker.do("queue", Priority.POLL, looked.set)
        assert looked.wait(5)
        mains = [sockets(short_dir, one).main for one in jobs]
        wait_until(lambda: all(path.exists() for path in mains))
    finally:
        os.kill(sshd.process.pid, signal.SIGCONT)

    def all_are_open() -> bool:
        for one in jobs:
            tunnels.open(worker, one, urgent=False)
        return all(path.exists() for one in jobs for path in sockets(short_dir, one).all)

    wait_until(all_are_open, 20)
    workers.close()


def test_an_opened_tunnel_resets_the_pauses_between_logins(
    backend, sshd: Sshd, short_dir: Path, pass_time
) -> None:
    connection = backend.connection(sshd.login(), 1)

    def fail() -> None:
        with pytest.raises(SshError):
            connection.open_tunnel(short_dir / "a.sock", "127.0.0.1", 80)

    sshd.stop()
    for _ in range(4):
        fail()
        pass_time(LONGEST_DELAY)
    sshd.start()
    connection.open_tunnel(short_dir / "a.sock", "127.0.0.1", 80)
    sshd.stop()
    wait_until(lambda: not connection.tunnel_alive(short_dir / "a.sock"))
    fail()
    sshd.start()
    pass_time(FIRST_DELAY)
    connection.open_tunnel(short_dir / "a.sock", "127.0.0.1", 80)
