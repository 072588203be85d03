"""What must survive: one record per service. Frozen; a transition makes a new one.

All times are on the controller's clock, which cannot be set (host/steady_clock.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from service_management.lifecycle.replica import Job, Replica
from service_management.lifecycle.states import Phase, Reason, State
from service_management.lifecycle.times import moved


@dataclass(frozen=True)
class Failure:
    """Why the last attempt failed, with everything a person can act on."""

    at: float
    reason: Reason
    text: str
    job_id: str = ""
    slurm_state: str = ""
    exit_code: int | None = None
    signal: int | None = None
    node: str = ""
    output: tuple[str, ...] = ()
    output_file: str = ""
    command: str = ""
    kind: str = ""  # of the problem with the login, where that is the reason


@dataclass(frozen=True)
class StartTimes:
    """How long a start took that succeeded, in seconds."""

    queue: float  # from the job's submission until it ran
    load: float  # from then until the service was healthy


@dataclass(frozen=True)
class ServiceRecord:
    route: str
    replicas: tuple[Replica, ...] = ()
    demand: bool = False  # wanted, by a request or an operator, and not given up since
    asked_by: str = ""  # the request that it was woken by
    enabled: bool = True
    removed: bool = False  # not in the configuration: forgotten once its last job is gone
    last_demand: float = 0.0  # the last request
    last_activity: float = 0.0  # the last request, or the end of the last answer
    busy: bool = False  # a request was in flight at the last look
    failures: int = 0  # attempts failed in a row
    retry_at: float = 0.0  # no attempt before then
    last_failure: Failure | None = None
    starts: tuple[StartTimes, ...] = ()  # the last that succeeded, oldest first
    abandoned: tuple[Job, ...] = ()  # given up by an operator; each may still run
    # Since when it has no replica (while it has some: when one was last gone), why, and whether
    # because the last attempt failed.
    resting_since: float = 0.0
    resting_reason: Reason = Reason.NONE
    failed: bool = False

    # -- as one, for people

    @property
    def leader(self) -> Replica | None:
        """The most advanced replica."""
        if len(self.replicas) > 1:
            return min(self.replicas, key=advancement)
        return self.replicas[0] if self.replicas else None

    @property
    def state(self) -> State:
        if (leader := self.leader) is not None:
            return State(leader.phase.value)
        if not self.enabled:
            return State.DISABLED
        return State.FAILED if self.failed else State.COLD

    @property
    def reason(self) -> Reason:
        leader = self.leader
        return leader.reason if leader else self.resting_reason

    @property
    def since(self) -> float:
        leader = self.leader
        return leader.since if leader else self.resting_since

    @property
    def job(self) -> Job | None:
        leader = self.leader
        return leader.job if leader else None

    # -- its replicas

    @property
    def active(self) -> bool:
        """It has a job that counts."""
        return bool(self.replicas)

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All that may exist on the cluster."""
        return (*(one.job for one in self.replicas), *self.abandoned)

    @property
    def forgettable(self) -> bool:
        return self.removed and not self.jobs

    @property
    def live(self) -> tuple[Replica, ...]:
        return tuple(one for one in self.replicas if one.live)

    @property
    def ready(self) -> tuple[Replica, ...]:
        return tuple(one for one in self.replicas if one.phase is Phase.READY)

    def with_replica(self, replica: Replica) -> ServiceRecord:
        """With this one in its slot."""
        others = [one for one in self.replicas if one.slot != replica.slot]
        return replace(self, replicas=tuple(sorted((*others, replica), key=_slot)))

    def with_replicas(self, *replicas: Replica) -> ServiceRecord:
        record = self
        for one in replicas:
            record = record.with_replica(one)
        return record

    def without(self, replica: Replica) -> ServiceRecord:
        others = (one for one in self.replicas if one.slot != replica.slot)
        return replace(self, replicas=tuple(others))

    def beside(self, replica: Replica) -> list[Replica]:
        """The others with its port on its node."""
        place = (replica.job.node, replica.job.port)
        others = self.without(replica).replicas
        return [one for one in others if place[0] and (one.job.node, one.job.port) == place]

    def resting(self, reason: Reason, now: float, **changes: Any) -> ServiceRecord:
        """Why it has no replica, if it has none."""
        return replace(
            self, **{"resting_reason": reason, "resting_since": now, "failed": False, **changes}
        )

    def moved(self, seconds: float) -> ServiceRecord:
        """The same on a clock that is so many seconds ahead. Slurm's own times stay."""
        return replace(
            moved(self, seconds, *_TIMES),
            replicas=tuple(one.moved(seconds) for one in self.replicas),
            abandoned=tuple(job.moved(seconds) for job in self.abandoned),
            last_failure=moved(self.last_failure, seconds, "at"),
        )


_TIMES = ("resting_since", "last_demand", "last_activity", "retry_at")
_ADVANCE = (Phase.READY, Phase.STARTING, Phase.QUEUED, Phase.DRAINING)


def advancement(replica: Replica) -> tuple[int, float]:
    """The most advanced first; of two, the one that has been so for longer."""
    return _ADVANCE.index(replica.phase), replica.since


def _slot(replica: Replica) -> int:
    return replica.slot
