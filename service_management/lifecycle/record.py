"""What must survive: one record per service. Frozen; a transition makes a new one.

All times are on the controller's clock, which cannot be set (host/steady_clock.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from service_management.lifecycle.findings import EARLY, Finding, sentence
from service_management.lifecycle.states import Reason, State


@dataclass(frozen=True)
class Job:
    """One submission. Its name is unique and is known before `sbatch` runs."""

    name: str
    port: int
    intended_at: float
    spec: str = ""  # how it was submitted (login, script, ...): JSON the lifecycle never opens
    job_id: str = ""  # empty until it is known
    slurm_state: str = ""
    slurm_reason: str = ""
    node: str = ""
    estimated_start: float | None = None  # by the cluster's clock, as is the next
    end_time: float | None = None
    submitted_at: float | None = None  # when its id became known; None: it was adopted
    started_at: float | None = None  # when it was first seen to run
    ending: bool = False  # Slurm is already cleaning it up
    cancelled: bool = False  # cancelling it was decided: there is no way back
    # In its environment, and to be shown by its health answers (verify: "token").
    token: str = field(default="", repr=False)
    absent_since: float | None = None  # when Slurm first said that it has no job of this name
    finding: Finding | None = None  # what the last health check saw; None: none yet, or all is well
    found_at: float | None = None  # when that was

    def last_check(self, age: float = EARLY) -> str:
        """What the last health check saw, as a clause; empty if nothing, or if all was well."""
        return sentence(self.finding, self.node, self.port, age) if self.finding else ""


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
class Record:
    route: str
    state: State = State.COLD
    since: float = 0.0
    reason: Reason = Reason.NONE
    job: Job | None = None
    last_demand: float = 0.0  # the last request
    last_activity: float = 0.0  # the last request, or the end of the last answer
    busy: bool = False  # a request was in flight at the last look
    ready_since: float | None = None
    startup_used: float = 0.0  # seconds of startup_timeout in which health checks reached the node
    strikes: int = 0  # health checks refused in a row while ready
    failures: int = 0  # attempts failed in a row
    retry_at: float = 0.0
    last_failure: Failure | None = None
    starts: tuple[StartTimes, ...] = ()  # the last that succeeded, oldest first
    # Where draining leads, and whether the service is started again from there.
    after: State | None = State.COLD  # None: the record is forgotten
    again: bool = False
    hurry: bool = False  # cancel without waiting for requests in flight

    def to(self, state: State, reason: Reason, now: float, **changes: Any) -> Record:
        return replace(self, state=state, reason=reason, since=now, **changes)

    def with_job(self, **changes: Any) -> Record:
        return self if self.job is None else replace(self, job=replace(self.job, **changes))

    def moved(self, seconds: float) -> Record:
        """The same on a clock that is so many seconds ahead. Slurm's own times stay."""
        return replace(
            _moved(self, seconds, *_RECORD_TIMES),
            job=_moved(self.job, seconds, *_JOB_TIMES),
            last_failure=_moved(self.last_failure, seconds, "at"),
        )

    @property
    def active(self) -> bool:
        """A job of it may exist on the cluster."""
        return self.job is not None


_RECORD_TIMES = ("since", "last_demand", "last_activity", "ready_since", "retry_at")
_JOB_TIMES = ("intended_at", "submitted_at", "started_at", "absent_since", "found_at")
_T = TypeVar("_T")


def _moved(value: _T, seconds: float, *names: str) -> _T:
    """A time that is not set stays so."""
    if value is None:
        return value
    times = {name: time + seconds for name in names if (time := getattr(value, name))}
    return replace(value, **times)  # type: ignore[type-var]
