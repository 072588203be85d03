"""The possible outcomes of a request to Slurm, as values, so that none is overlooked."""

from __future__ import annotations

from dataclasses import dataclass

from service_management.lifecycle.job_views import JobView


@dataclass(frozen=True)
class Accepted:
    """Slurm accepted the job."""

    job_id: str


@dataclass(frozen=True)
class Rejected:
    """Slurm refused the job. The message is Slurm's own."""

    message: str


@dataclass(frozen=True)
class NotSubmitted:
    """Certainly nothing reached Slurm: there was no connection, or the deadline had passed."""

    message: str
    kind: str


@dataclass(frozen=True)
class Unknown:
    """No reliable answer. It changes no state, and in particular does not mean "no"."""

    message: str
    kind: str


@dataclass(frozen=True)
class StillThere:
    """The job has not ended."""

    view: JobView


SubmitOutcome = Accepted | Rejected | NotSubmitted | Unknown
