"""One worker per login: its connections, its Slurm client, and the few threads that may use them.

A login that hangs blocks its own threads only.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import structlog

from service_management.controller.priority_threads import Priority, PriorityThreads
from service_management.lifecycle.findings import Listening
from service_management.lifecycle.job_views import JobEnd, JobView
from service_management.slurm import outcomes
from service_management.slurm.client import SlurmClient
from service_management.slurm.output_file import OutputPart
from service_management.slurm.sbatch import SubmitSpec
from service_management.slurm.srun import Listeners
from service_management.ssh.call_counts import CallCounts
from service_management.ssh.connection import Connection, SshBackend
from service_management.ssh.login import Login

_LOG = structlog.get_logger(__name__)
PROBES = 32  # at one time: each may wait for a service that does not answer


class SlurmCalls(Protocol):
    """What is asked of Slurm at one login. Raises nothing for what SSH or Slurm does."""

    def submit(self, spec: SubmitSpec, waited: float = 0.0) -> outcomes.SubmitOutcome: ...
    def queue(self) -> list[JobView] | outcomes.Unknown: ...
    def find(self, names: Sequence[str]) -> dict[str, JobView | None] | outcomes.Unknown: ...
    def cancel(self, job_ids: Sequence[str]) -> bool | outcomes.Unknown: ...
    def post_mortem(self, job_id: str) -> JobEnd | outcomes.StillThere | outcomes.Unknown: ...
    def with_output(self, end: JobEnd, bash_file: str) -> JobEnd: ...
    def output(self, job_id: str, lines: int) -> OutputPart | outcomes.Unknown: ...
    def output_after(self, job_id: str, begins: Sequence[int]) -> OutputPart | outcomes.Unknown: ...
    def node_address(self, node: str) -> str | outcomes.Unknown: ...
    def submitted_port(self, job_id: str) -> int | outcomes.Unknown | None: ...
    def listeners(self, job_id: str, node: str, port: int) -> Listeners | outcomes.Unknown: ...
    def job_sockets(
        self, job_id: str, node: str, port: int
    ) -> tuple[Listening, ...] | outcomes.Unknown: ...


@dataclass
class LoginWorker:
    login: Login
    connection: Connection
    client: SlurmCalls
    threads: PriorityThreads
    probes: ThreadPoolExecutor
    backend: SshBackend
    counts: CallCounts
    answered_at: float = -math.inf  # monotonic: when a question was sent that was answered
    _running: set[object] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def do(self, key: object, priority: Priority, work: Callable[[], object]) -> bool:
        """Start the work, unless work with the same key is still waiting or running."""
        if not self._claim(key):
            return False
        self.threads.submit(priority, partial(self._run, key, work))
        return True

    def probe(self, key: object, work: Callable[[], object]) -> bool:
        """As `do`, on other threads: services that do not answer must not delay a submission."""
        if not self._claim(key):
            return False
        self.probes.submit(self._run, key, work)
        return True

    def _claim(self, key: object) -> bool:
        with self._lock:
            free = key not in self._running
            self._running.add(key)
        return free

    def busy(self, key: object) -> bool:
        with self._lock:
            return key in self._running

    def numbered(self, number: int) -> Connection:
        """One of the login's SSH connections; number 0 carries the commands."""
        return self.backend.connection(self.login, number) if number else self.connection

    def shut_down(self) -> None:
        """Work that is running goes on to its end; work that has not begun is dropped."""
        self.threads.close()
        self.probes.shutdown(wait=False, cancel_futures=True)

    def _run(self, key: object, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception:
            # No caller reads the outcome; while the action is needed, it is started again.
            _LOG.exception("an action failed", login=str(self.login), action=str(key))
        finally:
            with self._lock:
                self._running.discard(key)


class Workers:
    """May be used from any thread."""

    def __init__(
        self,
        backend: SshBackend,
        counts: CallCounts,
        client: Callable[[Connection, CallCounts], SlurmCalls] = SlurmClient,
    ) -> None:
        self.backend, self._counts, self._client = backend, counts, client
        self._workers: dict[str, LoginWorker] = {}
        self._lock = threading.Lock()

    def of(self, login: Login) -> LoginWorker:
        with self._lock:
            if login.id not in self._workers:
                self._workers[login.id] = self._make(login)
            return self._workers[login.id]

    def known(self, login_id: str) -> LoginWorker | None:
        return self._workers.get(login_id)

    def all(self) -> list[LoginWorker]:
        with self._lock:
            return list(self._workers.values())

    def forget_except(self, login_ids: Collection[str]) -> None:
        """End the threads of all other logins, once their work is done."""
        with self._lock:
            gone = [login_id for login_id in self._workers if login_id not in login_ids]
            for worker in map(self._workers.pop, gone):
                worker.shut_down()

    def close(self) -> None:
        for worker in self.all():
            worker.shut_down()

    def _make(self, login: Login) -> LoginWorker:
        connection = self.backend.connection(login)
        return LoginWorker(
            login,
            connection,
            self._client(connection, self._counts),
            PriorityThreads(f"login-{login.id[:6]}"),
            ThreadPoolExecutor(PROBES, f"probe-{login.id[:6]}"),
            self.backend,
            self._counts,
        )
