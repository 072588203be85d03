"""A replica of a service: one job. Frozen; a transition makes a new one.

All times are on the controller's clock, which cannot be set (host/steady_clock.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from service_management.lifecycle.findings import EARLY, Finding, sentence
from service_management.lifecycle.states import Phase, Reason
from service_management.lifecycle.times import moved


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
    # The latest end that Slurm named for this run: where `end_time` is before it, it ends early.
    walltime_end: float | None = None
    draining: bool = False  # its node takes no new jobs
    submitted_at: float | None = None  # when its id became known; None: it was adopted
    started_at: float | None = None  # when it was first seen to run
    ending: bool = False  # Slurm is already cleaning it up
    # In its environment, and to be shown by its health answers (verify: "token").
    token: str = field(default="", repr=False)
    # Nodes that Slurm is asked to avoid: other replicas have the same port there.
    apart_from: tuple[str, ...] = ()
    contested: bool = False  # another replica began on its node with its port, and had to go
    absent_since: float | None = None  # when Slurm first said that it has no job of this name
    finding: Finding | None = None  # what the last health check saw; None: none yet, or all is well
    found_at: float | None = None  # when that was

    def moved(self, seconds: float) -> Job:
        """The same on a clock that is so many seconds ahead. Slurm's own times stay."""
        return moved(self, seconds, *_JOB_TIMES)

    def placement(self) -> str:
        """Where it may not run, and why, as a clause; empty if anywhere."""
        if not self.apart_from:
            return ""
        others = "another replica has" if len(self.apart_from) == 1 else "other replicas have"
        return f"not on {' or '.join(self.apart_from)}, where {others} its port"

    def last_check(self, age: float = EARLY) -> str:
        """What the last health check saw, as a clause; empty if nothing, or if all was well."""
        return sentence(self.finding, self.node, self.port, age) if self.finding else ""


@dataclass(frozen=True)
class Silence:
    """Health checks of a ready replica that got no answer, in a row."""

    checks: int = 1
    seconds: float = 0.0  # in which its login is known to have answered
    others_answer: bool = False  # another replica has answered meanwhile


@dataclass(frozen=True)
class Replica:
    route: str
    slot: int  # no two replicas of a service have the same
    job: Job
    phase: Phase = Phase.QUEUED
    since: float = 0.0
    reason: Reason = Reason.NONE
    ready_since: float | None = None
    startup_used: float = 0.0  # seconds of startup_timeout in which health checks reached the node
    strikes: int = 0  # health checks refused in a row while ready
    silence: Silence | None = None
    # Why it does not count any more. It serves on until its successor is ready.
    retiring: Reason = Reason.NONE
    cancelled: bool = False  # cancelling its job was decided: there is no way back

    @property
    def live(self) -> bool:
        """It serves, or will. One that drains only ends."""
        return self.phase is not Phase.DRAINING

    @property
    def counts(self) -> bool:
        """As one of those that are wanted."""
        return self.live and not self.retiring

    def to(self, phase: Phase, reason: Reason, now: float, **changes: Any) -> Replica:
        return replace(self, phase=phase, reason=reason, since=now, silence=None, **changes)

    def with_job(self, **changes: Any) -> Replica:
        return replace(self, job=replace(self.job, **changes))

    def drained(self, reason: Reason, now: float) -> Replica:
        """No longer routed; the job follows once nothing is in flight."""
        return self.to(Phase.DRAINING, reason, now, strikes=0, retiring=Reason.NONE)

    def replaced(self, reason: Reason, now: float, *, overlap: bool) -> Replica:
        """To be followed by another: with `overlap` it serves until that is ready."""
        if overlap and self.phase is Phase.READY:
            return replace(self, retiring=reason)
        return self.drained(reason, now)

    def moved(self, seconds: float) -> Replica:
        """The same on a clock that is so many seconds ahead. Slurm's own times stay."""
        return replace(moved(self, seconds, "since", "ready_since"), job=self.job.moved(seconds))


_JOB_TIMES = ("intended_at", "submitted_at", "started_at", "absent_since", "found_at")
