"""Opens and closes the tunnels of jobs, in the background.

Each SSH connection opens all tunnels that are wanted from it together, those of ready services
first: when the connection of 200 jobs is lost, that takes 8 `ssh` processes and not 800. There is
one such task per connection, so that a login that hangs occupies one thread of its worker, and a
further connection never delays the first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from service_management.controller.priority_threads import Priority
from service_management.controller.socket_paths import (
    TunnelTargets,
    connection_number,
    on_disk,
    sockets,
)
from service_management.controller.workers import LoginWorker
from service_management.lifecycle.intervals import CLOSE_FIRST, CLOSE_LONGEST
from service_management.lifecycle.replica import Job
from service_management.slurm import outcomes
from service_management.ssh.connection import Connection, Forward
from service_management.ssh.errors import ClusterError

BATCH = 50  # tunnels that are opened together, before the next look at what is wanted


@dataclass(frozen=True)
class Wanted:
    """A tunnel to open; `urgent` where a ready service waits for it, `optional` where it has
    another one."""

    socket: Path
    job: Job
    urgent: bool
    optional: bool


class JobTunnels:
    """`trouble` reports why a login cannot be used (the kind, the text), `refused` that it opens no
    further connection. `listens` tells whether a process listened on the socket at the last look at
    the kernel's list."""

    def __init__(
        self,
        run_dir: Path,
        trouble: Callable[[LoginWorker, str, str], None],
        refused: Callable[[LoginWorker, int, str], None],
        listens: Callable[[Path], bool],
    ) -> None:
        self._run_dir, self._listens = run_dir, listens
        self._trouble, self._refused = trouble, refused
        self._targets = TunnelTargets()
        self._files: set[str] | None = None  # the sockets' files at the last look
        self._wanted: dict[tuple[str, int], dict[Path, Wanted]] = {}
        self._addresses: dict[tuple[str, str], str] = {}  # (job name, node) → address
        self._lock = threading.Lock()
        self._close_at: dict[str, tuple[float, float]] = {}  # path → next attempt, pause after it

    def is_up(self, job: Job, socket: Path) -> bool:
        """Whether it listens and leads to the node where the job runs now. The kernel's list has a
        socket also when its file was removed, and then nothing can connect to it."""
        there = self._files is None or str(socket) in self._files
        return there and self._targets.node(socket) == job.node and self._listens(socket)

    def leads_elsewhere(self, job: Job, socket: Path) -> bool:
        """Whether this process led it to a node where the job no longer runs."""
        return self._targets.node(socket) not in (None, job.node)

    def open(self, worker: LoginWorker, job: Job, *, urgent: bool) -> None:
        """Open those that are missing. Returns at once."""
        self._want(worker, job, sockets(self._run_dir, job).required, urgent=urgent)

    def open_further(self, worker: LoginWorker, job: Job, number: int) -> None:
        """Open the one on this connection, which the service can do without."""
        self._want(worker, job, (sockets(self._run_dir, job).clients[number],), optional=True)

    def _want(
        self,
        worker: LoginWorker,
        job: Job,
        paths: Iterable[Path],
        *,
        urgent: bool = False,
        optional: bool = False,
    ) -> None:
        missing = [path for path in paths if not self.is_up(job, path)]
        with self._lock:
            for path in missing:
                wanted = self._wanted.setdefault(_key(worker, connection_number(path)), {})
                wanted[path] = Wanted(path, job, urgent, optional)
        for number in sorted(set(map(connection_number, missing))):
            open_wanted = partial(self._open_wanted, worker, number)
            worker.do(("tunnels", number), Priority.TUNNEL, open_wanted)

    def close_except(
        self,
        workers: Iterable[LoginWorker],
        jobs: Iterable[Job],
        listening: frozenset[str],
        now: float,
    ) -> None:
        """Close every tunnel of no job, whichever process opened it and when, and remove the files
        of dead ones.

        Only the connection that opened a tunnel can close it, so every login is asked. One that
        cannot be closed, or that no login knows, is tried again at growing pauses."""
        kept = {str(path) for job in jobs for path in sockets(self._run_dir, job).all}
        self._files = on_disk(self._run_dir)
        strays = (listening | self._files) - kept
        self._close_at = {path: self._close_at.get(path, (now, CLOSE_FIRST)) for path in strays}
        for path, (due, pause) in self._close_at.items():
            if now >= due:
                self._close_at[path] = (now + pause, min(pause * 2, CLOSE_LONGEST))
                for worker in workers:
                    close = partial(_close, worker, Path(path))
                    worker.do((path, "close"), Priority.CLOSE, close)

    def forget_jobs_except(self, names: set[str]) -> None:
        self._targets.forget_jobs_except(names)
        for key in [key for key in tuple(self._addresses) if key[0] not in names]:
            self._addresses.pop(key, None)

    # -- on a thread of the login -----------------------------------------------------

    def _open_wanted(self, worker: LoginWorker, number: int) -> None:
        while batch := self._next_batch(_key(worker, number)):
            try:
                self._open_batch(worker, worker.numbered(number), batch)
            except ClusterError as error:
                # The others would fail alike. As long as they are wanted, each pass asks again.
                with self._lock:
                    self._wanted.pop(_key(worker, number), None)
                if all(one.optional for one in batch):
                    self._refused(worker, number, error.text)
                else:
                    self._trouble(worker, error.kind, error.text)

    def _next_batch(self, key: tuple[str, int]) -> list[Wanted]:
        with self._lock:
            wanted = self._wanted.get(key, {})
            batch = sorted(wanted.values(), key=lambda one: not one.urgent)[:BATCH]
            for one in batch:
                del wanted[one.socket]
            return batch

    def _open_batch(self, worker: LoginWorker, connection: Connection, batch: list[Wanted]) -> None:
        # The look at the kernel's list may be older than the tunnel.
        missing = [one for one in batch if not self._is_open(connection, one)]
        forwards = [forward for one in missing if (forward := self._forward(worker, one))]
        if not forwards:
            return
        failed = connection.open_tunnels(forwards)
        nodes = {one.socket: one.job.node for one in batch}
        for forward in forwards:
            error = failed.get(forward.socket)
            worker.counts.add(str(worker.login), "tunnel", failed=error is not None)
            if error is None:
                self._targets.note(forward.socket, nodes[forward.socket])
            else:
                self._trouble(worker, error.kind, error.text)

    def _is_open(self, connection: Connection, one: Wanted) -> bool:
        leads_there = self._targets.node(one.socket) == one.job.node
        return leads_there and connection.tunnel_alive(one.socket)

    def _forward(self, worker: LoginWorker, wanted: Wanted) -> Forward | None:
        job = wanted.job
        # Asked once per job and node: no node of a running job changes its address.
        address = self._addresses.get((job.name, job.node)) or worker.client.node_address(job.node)
        if isinstance(address, outcomes.Unknown):
            self._trouble(worker, address.kind, address.message)
            return None
        self._addresses[job.name, job.node] = address
        return Forward(wanted.socket, address, job.port)


def _key(worker: LoginWorker, number: int) -> tuple[str, int]:
    return worker.login.id, number


def _close(worker: LoginWorker, socket: Path) -> None:
    worker.numbered(connection_number(socket)).close_tunnel(socket)
