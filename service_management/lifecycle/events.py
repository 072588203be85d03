"""Everything that can happen to a service, or to one of its replicas. Each arrives at the
controller's inbox and is put before `transitions.decide`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from service_management.lifecycle.findings import Finding
from service_management.lifecycle.job_views import JobEnd, JobView
from service_management.lifecycle.replica import Job
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
class Resumed:
    """A new control plane takes over. Before `open_since` no request could have come in."""

    open_since: float


@dataclass(frozen=True)
class Submitted:
    job_name: str
    job_id: str

    def is_about(self, job: Job) -> bool:
        return job.name == self.job_name


@dataclass(frozen=True)
class SubmitFailed:
    """The job certainly does not exist: Slurm refused it, or was never asked."""

    job_name: str
    reason: Reason
    text: str
    command: str = ""
    kind: str = ""  # of the problem with the login, where that is the reason

    def is_about(self, job: Job) -> bool:
        return job.name == self.job_name and not job.job_id


@dataclass(frozen=True)
class JobAbsent:
    """Slurm answered: it has no job of this name. Matters only while the id is unknown."""

    job_name: str

    def is_about(self, job: Job) -> bool:
        return job.name == self.job_name and not job.job_id


@dataclass(frozen=True)
class JobSeen:
    view: JobView

    def is_about(self, job: Job) -> bool:
        """By its id; by its unique name while the id is not known."""
        return job.job_id == self.view.job_id if job.job_id else job.name == self.view.name


@dataclass(frozen=True)
class JobOver:
    """Slurm says that the job is over. A job merely missing from a list is not over."""

    end: JobEnd
    command: str = ""

    def is_about(self, job: Job) -> bool:
        return job.job_id == self.end.job_id


@dataclass(frozen=True)
class Adopted:
    """A job that carries this orchestrator's prefix and is in no record: the store was lost."""

    job: Job
    slot: int = 0


@dataclass(frozen=True)
class Probed:
    """`watched`: the seconds for which this and the probe before it show that the service was not
    healthy; 0 where the node could not be reached. `finding`: what was wrong; None also where
    there was no tunnel to look through."""

    job_name: str
    health: Health
    watched: float = 0.0
    finding: Finding | None = None

    def is_about(self, job: Job) -> bool:
        """An answer can be so slow that another job has followed the one it is about."""
        return job.name == self.job_name


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
class AbandonAsked:
    """The replica's job is to be given up: the cluster does not report its end."""

    slot: int


@dataclass(frozen=True)
class Changed:
    """The configuration's job-affecting keys differ from those that these jobs were submitted with;
    without a job, from those of before."""

    jobs: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Removed:
    """The service has left the configuration."""


@dataclass(frozen=True)
class Restored:
    """The service is (again) in the configuration."""


# About one job: of any other than the service's own, nothing is believed.
JobEvent = Submitted | SubmitFailed | JobAbsent | JobSeen | JobOver | Probed
ServiceEvent = (
    Demanded
    | Resumed
    | Adopted
    | StartAsked
    | StopAsked
    | RestartAsked
    | EnableAsked
    | DisableAsked
    | AbandonAsked
    | Changed
    | Removed
    | Restored
)
Event = ServiceEvent | JobEvent
EVENTS: tuple[type, ...] = Event.__args__
