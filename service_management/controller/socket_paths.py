"""The paths of a job's sockets, derived from its unique name: never reused by another job.

Clients' requests go through the main socket (and further ones, with `ssh_connections`), health
checks and quiet paths through another: the connections of the former are the requests in flight.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from service_management.config import MOST_CONNECTIONS
from service_management.controller.job_spec import spec_of
from service_management.lifecycle.replica import Job


@dataclass(frozen=True)
class Sockets:
    main: Path
    quiet: Path
    further: tuple[Path, ...] = ()  # each on another SSH connection
    on_demand: bool = False  # the further ones are opened when the load asks for them

    @property
    def clients(self) -> tuple[Path, ...]:
        return self.main, *self.further

    @property
    def required(self) -> tuple[Path, ...]:
        further = () if self.on_demand else self.further
        return self.quiet, self.main, *further

    @property
    def all(self) -> tuple[Path, ...]:
        return self.quiet, *self.clients


def sockets(run_dir: Path, job: Job) -> Sockets:
    spec = spec_of(job)
    if spec.ssh_connections:
        return _sockets(run_dir, job.name, spec.ssh_connections)
    return _sockets(run_dir, job.name, MOST_CONNECTIONS, on_demand=True)


@lru_cache(maxsize=4096)
def _sockets(run_dir: Path, job_name: str, connections: int, *, on_demand: bool = False) -> Sockets:
    """Remembered: each pass asks several times for each job."""
    nonce, base = nonce_of(job_name), run_dir / "tunnels"
    numbers = range(1, connections)
    further = tuple(base / f"{nonce}.{number}.sock" for number in numbers)
    return Sockets(base / f"{nonce}.sock", base / f"{nonce}.quiet.sock", further, on_demand)


def on_disk(run_dir: Path) -> set[str]:
    """Every socket's file, whether a process listens there or not."""
    with contextlib.suppress(FileNotFoundError), os.scandir(run_dir / "tunnels") as found:
        return {entry.path for entry in found}
    return set()


def connection_number(socket: Path) -> int:
    """Which of the login's connections opened it: in the name, so that a later process that finds
    the socket can close it."""
    return parse_socket(str(socket))[1]


def parse_socket(path: str) -> tuple[str, int]:
    """The nonce of the job's name, and the number of the connection."""
    nonce, _, rest = path.rpartition("/")[2].partition(".")
    number = rest.partition(".")[0]
    return nonce, int(number) if number.isdigit() else 0


@dataclass
class TunnelTargets:
    """The node that each socket leads to, as far as this process opened it."""

    _nodes: dict[Path, str] = field(default_factory=dict)

    def note(self, socket: Path, node: str) -> None:
        self._nodes[socket] = node

    def node(self, socket: Path) -> str | None:
        """A requeued job may run elsewhere; None where an earlier process opened the tunnel."""
        return self._nodes.get(socket)

    def forget_jobs_except(self, job_names: Iterable[str]) -> None:
        nonces = set(map(nonce_of, job_names))
        for socket in tuple(self._nodes):  # a copy: other threads add to it
            if socket.name.partition(".")[0] not in nonces:
                self._nodes.pop(socket, None)


def nonce_of(job_name: str) -> str:
    return job_name.rpartition(".")[2]
