"""What asking Slurm for something can lead to. Values, so that no outcome is overlooked."""

from __future__ import annotations

from dataclasses import dataclass

from service_management.lifecycle.job_views import JobView


@dataclass(frozen=True)
class Submitted:
    """Slurm took the job."""

    job_id: str


@dataclass(frozen=True)
class Rejected:
    """Slurm refused the job, in its own words."""

    message: str


@dataclass(frozen=True)
class NotSubmitted:
    """Certainly nothing reached Slurm: there was no connection, or it was too late to ask."""

    message: str
    kind: str


@dataclass(frozen=True)
class Unknown:
    """No answer that can be relied on. It changes nothing, and is no "no"."""

    message: str
    kind: str


@dataclass(frozen=True)
class StillThere:
    """The job that was thought over is not."""

    view: JobView


SubmitOutcome = Submitted | Rejected | NotSubmitted | Unknown
