"""Everything that can happen to a service. Each arrives at the controller's inbox and
is put before `transitions.decide`, which has an entry for every state × event."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from service_management.lifecycle.findings import Finding
from service_management.lifecycle.job_views import JobEnd, JobView
from service_management.lifecycle.record import Job
from service_management.lifecycle.states import Reason


class Health(Enum):
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"  # refused, broke off, or answered other than 2xx
    UNVERIFIED = "unverified"  # answered 2xx, but not provably by the job: see verify
    SILENT = "silent"  # no answer in time: a busy service is not a dead one


@dataclass(frozen=True)
class Demanded:
    """A request asks for the service."""

    request_id: str = ""


@dataclass(frozen=True)
class Ticked:
    """Time passed. `inflight` is None where it could not be counted: then nothing is idle.

    `last_request` is when the last request ended, from nginx's log; None until the part of the log
    from before this control plane began has been read: then nothing is idle either. `watched`: a
    waiting page is open. It keeps what is under way, as a held request does, but starts nothing.
    """

    inflight: int | None
    held: int = 0
    last_request: float | None = 0.0
    watched: bool = False

    @property
    def awaited(self) -> bool:
        """A client waits for the job that is under way."""
        return self.held > 0 or self.watched


@dataclass(frozen=True)
class Resumed:
    """A new control plane takes over. Before `open_since` no request could have come in."""

    open_since: float


@dataclass(frozen=True)
class Submitted:
    job_name: str
    job_id: str


@dataclass(frozen=True)
class SubmitFailed:
    """The job certainly does not exist: Slurm refused it, or was never asked."""

    job_name: str
    reason: Reason
    text: str
    command: str = ""
    kind: str = ""  # of the problem with the login, where that is the reason


@dataclass(frozen=True)
class JobAbsent:
    """Slurm answered: it has no job of this name. Matters only while the id is unknown."""

    job_name: str


@dataclass(frozen=True)
class JobSeen:
    view: JobView


@dataclass(frozen=True)
class JobOver:
    """Slurm says that the job is over. A job merely missing from a list is not over."""

    end: JobEnd
    command: str = ""


@dataclass(frozen=True)
class Adopted:
    """A job that carries this orchestrator's prefix and is in no record: the store was lost."""

    job: Job


@dataclass(frozen=True)
class Probed:
    """`watched`: the seconds for which this and the probe before it show that the service was not
    healthy; 0 where the node could not be reached. `finding`: what was wrong; None also where
    there was no tunnel to look through."""

    job_name: str
    health: Health
    watched: float = 0.0
    finding: Finding | None = None


@dataclass(frozen=True)
class StartAsked:
    pass


@dataclass(frozen=True)
class StopAsked:
    hurry: bool = False


@dataclass(frozen=True)
class RestartAsked:
    pass


@dataclass(frozen=True)
class EnableAsked:
    pass


@dataclass(frozen=True)
class DisableAsked:
    pass


@dataclass(frozen=True)
class Changed:
    """The configuration's job-affecting keys differ from those its job was submitted with."""


@dataclass(frozen=True)
class Removed:
    """The service has left the configuration."""


@dataclass(frozen=True)
class Restored:
    """The service is (again) in the configuration."""


Event = (
    Demanded
    | Ticked
    | Resumed
    | Submitted
    | SubmitFailed
    | JobAbsent
    | JobSeen
    | JobOver
    | Adopted
    | Probed
    | StartAsked
    | StopAsked
    | RestartAsked
    | EnableAsked
    | DisableAsked
    | Changed
    | Removed
    | Restored
)
EVENTS: tuple[type, ...] = Event.__args__
