"""A service in every state, as the API sees it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from service_management.controller.snapshot import ServiceSnapshot
from service_management.lifecycle.record import Failure, Job, Record
from service_management.lifecycle.states import Reason, State
from tests.unit.config.samples import service

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
    State.COLD: Record("digits"),
    State.QUEUED: Record("digits", State.QUEUED, NOW - 60, Reason.WAITING, PENDING),
    State.STARTING: Record("digits", State.STARTING, NOW - 60, Reason.LOADING, JOB),
    State.READY: Record("digits", State.READY, NOW - 60, Reason.HEALTHY, JOB),
    State.DRAINING: Record("digits", State.DRAINING, NOW - 60, Reason.IDLE, JOB),
    State.FAILED: Record(
        "digits", State.FAILED, NOW - 5, Reason.ENDED_AT_START, last_failure=FAILURE, failures=1
    ),
    State.DISABLED: Record("digits", State.DISABLED, NOW - 60, Reason.DISABLED),
}


def view(state: State, **changes: Any) -> ServiceSnapshot:
    """Fields of the view itself, keys of the service (`timeout`), else of the record."""
    mine = {key: changes.pop(key) for key in ("inflight", "held", "trouble") if key in changes}
    keys = {key: changes.pop(key) for key in ("timeout", "min_replicas") if key in changes}
    base = ServiceSnapshot(service(**keys), replace(RECORDS[state], **changes), 0, 0, "")
    return replace(base, **mine)
