"""A service in every state, as the API sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from service_management.controller.snapshot import ServiceSnapshot
from service_management.lifecycle.activity import total
from service_management.lifecycle.record import Failure
from service_management.lifecycle.replica import Job, Replica
from service_management.lifecycle.states import Phase, Reason, State
from tests.unit.config.samples import service
from tests.unit.records import a_record, changed

NOW = 10_000.0
JOB = Job("io.digits.0.8080.ab", 8080, NOW - 60, job_id="7", slurm_state="RUNNING", node="n1")
PENDING = replace(JOB, slurm_state="PENDING", slurm_reason="Priority", node="")
FAILURE = Failure(
    NOW - 5,
    Reason.ENDED_AT_START,
    "the job ended before the service became healthy",
    job_id="6",
    slurm_state="FAILED",
    exit_code=3,
    output=("Traceback", "no such model"),
)
RECORDS = {
    State.COLD: a_record(),
    State.QUEUED: a_record("digits", State.QUEUED, NOW - 60, Reason.WAITING, PENDING),
    State.STARTING: a_record("digits", State.STARTING, NOW - 60, Reason.LOADING, JOB),
    State.READY: a_record("digits", State.READY, NOW - 60, Reason.HEALTHY, JOB),
    State.DRAINING: a_record("digits", State.DRAINING, NOW - 60, Reason.IDLE, JOB),
    State.FAILED: a_record(
        "digits", State.FAILED, NOW - 5, Reason.ENDED_AT_START, last_failure=FAILURE, failures=1
    ),
    State.DISABLED: a_record("digits", State.DISABLED, NOW - 60, Reason.DISABLED),
}


def view(state: State, **changes: Any) -> ServiceSnapshot:
    """Fields of the view itself, keys of the service (`timeout`), else of the record or of its
    replica."""
    mine = {key: changes.pop(key) for key in ("inflight", "held", "trouble") if key in changes}
    names = ("timeout", "min_replicas", "max_inflight")
    keys = {key: changes.pop(key) for key in names if key in changes}
    record = changed(RECORDS[state], **changes)
    counts = {one.job.name: mine.get("inflight", 0) for one in record.replicas}
    base = ServiceSnapshot(service(**keys), record, 0, 0, "", inflight_of=counts)
    return replace(base, **mine)


def replica(slot: int, phase: Phase, **changes: Any) -> Replica:
    """One of several: job 70 is in slot 0, job 71 in slot 1."""
    reasons = {
        Phase.QUEUED: Reason.WAITING,
        Phase.STARTING: Reason.LOADING,
        Phase.READY: Reason.HEALTHY,
        Phase.DRAINING: Reason.IDLE,
    }
    job = PENDING if phase is Phase.QUEUED else JOB
    job = replace(job, name=f"io.digits.s{slot}.ab", job_id=f"7{slot}")
    made = Replica("digits", slot, job, phase, NOW - 60, reasons[phase])
    return replace(made, **changes)


def view_of(*replicas: Replica, inflight: Sequence[int | None] = ()) -> ServiceSnapshot:
    """A service that has these, with so many requests in flight each."""
    record = replace(RECORDS[State.COLD], replicas=replicas, demand=True)
    jobs = (one.job.name for one in replicas)
    counts = dict(zip(jobs, inflight or [0] * len(replicas), strict=True))
    return ServiceSnapshot(
        service(max_replicas=3), record, total(counts.values()), 0, "", inflight_of=counts
    )
