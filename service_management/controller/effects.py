"""The actions of the controller. `Executor` carries them out; `RecordingEffects`, for tests, only
writes them down."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from service_management.lifecycle.actions import Action
from service_management.lifecycle.job_views import JobView
from service_management.lifecycle.replica import Job, Replica
from service_management.ssh.login import Login


class Effects(Protocol):
    """Every method returns at once. Outcomes arrive later, as events in the inbox."""

    def start(self, replica: Replica, action: Action, now: float) -> None:
        """Start the action, unless it is under way, not due yet, or already done. What one call
        can do for many jobs may wait for `flush`."""

    def flush(self) -> None:
        """Start what was collected: called at the end of every pass."""

    def poll_queue(self, login: Login, now: float) -> None:
        """Ask the login for its queue."""

    def fetch_end(self, route: str, job: Job) -> None:
        """Ask how a job ended that squeue no longer shows."""

    def look_at_job(self, route: str, job: Job) -> None:
        """Ask about one job by its id whether it runs already."""

    def cancel_orphan(self, login_id: str, job_id: str) -> None:
        """Cancel a job that carries this orchestrator's prefix and is in no record."""

    def ask_orphan_port(self, login_id: str, view: JobView, asked_at: float) -> None:
        """Ask which port a job was submitted with that no record knows."""

    def close_tunnels_except(
        self, jobs: Iterable[Job], listening: frozenset[str], now: float
    ) -> None:
        """Close every tunnel that belongs to none of these jobs."""

    def open_further_tunnel(self, replica: Replica, number: int) -> None:
        """Open the replica's tunnel on a further connection of its login."""

    def close_connections_except(self, needed: Set[tuple[str, int]], now: float) -> None:
        """Log out where no service and no job needs the connection (login id, number) any more."""

    def probe_soon(self, replica: Replica) -> None:
        """Let the next probe of this replica start without waiting for its turn."""

    def tunnel_is_up(self, job: Job, socket: Path) -> bool:
        """Whether the socket listens and leads to the node where the job runs now."""

    def forget_jobs_except(self, names: set[str]) -> None:
        """Forget everything about all other jobs."""


@dataclass
class RecordingEffects:
    """Nothing happens; the calls are kept in the order in which they were made."""

    calls: list[tuple[object, ...]] = field(default_factory=list)
    down: set[Path] = field(default_factory=set)  # tunnels that are not up
    needed_connections: Set[tuple[str, int]] = frozenset()
    flushes: int = 0
    fail_next: Exception | None = None  # raised by the next `start`, once

    def start(self, replica: Replica, action: Action, now: float) -> None:  # noqa: ARG002
        self.calls.append(("start", replica.route, action))
        failure, self.fail_next = self.fail_next, None
        if failure is not None:
            raise failure

    def flush(self) -> None:
        self.flushes += 1

    def poll_queue(self, login: Login, now: float) -> None:  # noqa: ARG002
        self.calls.append(("poll_queue", login.id))

    def fetch_end(self, route: str, job: Job) -> None:
        self.calls.append(("fetch_end", route, job))

    def look_at_job(self, route: str, job: Job) -> None:
        self.calls.append(("look_at_job", route, job))

    def cancel_orphan(self, login_id: str, job_id: str) -> None:
        self.calls.append(("cancel_orphan", login_id, job_id))

    def ask_orphan_port(self, login_id: str, view: JobView, asked_at: float) -> None:
        self.calls.append(("ask_orphan_port", login_id, view, asked_at))

    def close_tunnels_except(
        self, jobs: Iterable[Job], listening: frozenset[str], now: float
    ) -> None:
        """Called at every sample: not worth recording."""

    def open_further_tunnel(self, replica: Replica, number: int) -> None:
        self.calls.append(("open_further_tunnel", replica.route, number))

    def close_connections_except(
        self,
        needed: Set[tuple[str, int]],
        now: float,  # noqa: ARG002
    ) -> None:
        self.needed_connections = needed

    def probe_soon(self, replica: Replica) -> None:
        self.calls.append(("probe_soon", replica.route))

    def tunnel_is_up(self, job: Job, socket: Path) -> bool:  # noqa: ARG002
        return socket not in self.down

    def forget_jobs_except(self, names: set[str]) -> None:
        """Called in every pass: not worth recording."""
