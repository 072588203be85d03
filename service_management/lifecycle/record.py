"""What must survive: one record per service. Frozen; a transition makes a new one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from service_management.lifecycle.states import Reason, State


@dataclass(frozen=True)
class Job:
    """One submission. Its name is unique and is known before `sbatch` runs."""

    name: str
    port: int
    intended_at: float
    spec: str = ""  # how it was submitted (login, script, ...): JSON the lifecycle never opens
    job_id: str = ""  # empty until Slurm has told it
    slurm_state: str = ""
    slurm_reason: str = ""
    node: str = ""
    estimated_start: float | None = None
    end_time: float | None = None
    submitted_at: float | None = None  # when Slurm told its id; None: unknown, it was adopted
    started_at: float | None = None  # when it was first seen to run
    ending: bool = False  # Slurm is already cleaning it up
    cancelled: bool = False  # we decided to cancel it: there is no way back
    absent_since: float | None = None  # first time Slurm denied knowing its name


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


@dataclass(frozen=True)
class Record:
    route: str
    state: State = State.COLD
    since: float = 0.0
    reason: Reason = Reason.NONE
    job: Job | None = None
    last_demand: float = 0.0  # somebody asked
    last_activity: float = 0.0  # somebody asked, or was still being answered
    busy: bool = False  # something was in flight when last looked
    ready_since: float | None = None
    strikes: int = 0  # health checks refused in a row while ready
    failures: int = 0  # attempts failed in a row
    retry_at: float = 0.0
    last_failure: Failure | None = None
    # Where draining leads, and whether it starts again from there.
    after: State | None = State.COLD  # None: the record is forgotten
    again: bool = False
    hurry: bool = False  # cancel without waiting for requests in flight

    def to(self, state: State, reason: Reason, now: float, **changes: Any) -> Record:
        return replace(self, state=state, reason=reason, since=now, **changes)

    def with_job(self, **changes: Any) -> Record:
        return self if self.job is None else replace(self, job=replace(self.job, **changes))

    @property
    def active(self) -> bool:
        """Something of it may exist on the cluster."""
        return self.job is not None
