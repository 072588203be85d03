"""One service in every state, and one event of every kind, at one moment: NOW."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from service_management.lifecycle import events as ev
from service_management.lifecycle.actions import Action, required_actions
from service_management.lifecycle.decision import Context, Decision
from service_management.lifecycle.job_views import JobEnd, JobPhase, JobView
from service_management.lifecycle.policy import Policy
from service_management.lifecycle.record import Failure, Job, Record
from service_management.lifecycle.states import Reason, State
from service_management.lifecycle.transitions import decide

NOW = 10_000.0
POLICY = Policy(timeout=60.0, startup_timeout=300.0, queue_timeout=600.0, drain_timeout=120.0)
ALWAYS_ON = replace(POLICY, always_on=True)
FRESH = Job("io.digits.0.8080.new", 8080, NOW)
OLD = "io.digits.0.8080.old"

UNKNOWN_ID = Job(OLD, 8080, NOW - 10)
PENDING = replace(UNKNOWN_ID, job_id="7", slurm_state="PENDING")
RUNNING = replace(PENDING, slurm_state="RUNNING", node="n1", started_at=NOW - 8)

COLD = Record("digits")
SUBMITTING = Record(
    "digits", State.QUEUED, NOW - 10, Reason.SUBMITTING, UNKNOWN_ID, last_demand=NOW - 10
)
QUEUED = replace(SUBMITTING, reason=Reason.WAITING, job=PENDING)
STARTING = replace(QUEUED, state=State.STARTING, reason=Reason.LOADING, job=RUNNING)
READY = replace(
    STARTING,
    state=State.READY,
    reason=Reason.HEALTHY,
    last_activity=NOW - 10,
    ready_since=NOW - 10,
)
DRAINING = replace(READY, state=State.DRAINING, reason=Reason.IDLE)
FAILED = replace(
    COLD,
    state=State.FAILED,
    since=NOW - 1,
    reason=Reason.ENDED_AT_START,
    failures=2,
    retry_at=NOW + 3,
    last_failure=Failure(NOW - 1, Reason.ENDED_AT_START, "it crashed"),
)
DISABLED = replace(COLD, state=State.DISABLED, reason=Reason.DISABLED)

RECORDS = {
    State.COLD: COLD,
    State.QUEUED: QUEUED,
    State.STARTING: STARTING,
    State.READY: READY,
    State.DRAINING: DRAINING,
    State.FAILED: FAILED,
    State.DISABLED: DISABLED,
}


def context(now: float = NOW, policy: Policy = POLICY, fresh: Job | None = FRESH) -> Context:
    return Context(now, policy, fresh)


def decided(record: Record, event: ev.Event, **circumstances: Any) -> Decision:
    return decide(record, event, context(**circumstances))


def actions(decision: Decision) -> tuple[Action, ...]:
    """What the loop does about it, if the next pass brings nothing else."""
    submission = (decision.submission,) if decision.submission else ()
    return submission + (required_actions(decision.record) if decision.record else ())


def after(record: Record, event: ev.Event, **circumstances: Any) -> Record:
    """What the service is after the event; the event must not make it forgotten."""
    kept = decided(record, event, **circumstances).record
    assert kept is not None
    return kept


def draining(reason: Reason, **changes: Any) -> Record:
    return replace(DRAINING, **{"reason": reason, **changes})


def cancelled(record: Record = DRAINING) -> Record:
    return record.with_job(cancelled=True)


def view(phase: JobPhase, **changes: Any) -> JobView:
    states = {
        JobPhase.WAITING: "PENDING",
        JobPhase.RUNNING: "RUNNING",
        JobPhase.ENDING: "COMPLETING",
        JobPhase.ENDED: "FAILED",
        JobPhase.UNKNOWN: "SIGNALING",
    }
    node = "n1" if phase in (JobPhase.RUNNING, JobPhase.ENDING) else ""
    return replace(JobView("7", OLD, states[phase], phase, node=node), **changes)


def seen(phase: JobPhase, **changes: Any) -> ev.JobSeen:
    return ev.JobSeen(view(phase, **changes))


def over(**changes: Any) -> ev.JobOver:
    end = JobEnd("7", "FAILED", exit_code=3, output=("Traceback", "no such model"))
    return ev.JobOver(replace(end, **changes), "sbatch run_model.sh 8080")


def probed(
    health: ev.Health = ev.Health.HEALTHY, job_name: str = OLD, watched: float = 1.0
) -> ev.Probed:
    return ev.Probed(job_name, health, watched)


def refused(job_name: str = OLD) -> ev.SubmitFailed:
    return ev.SubmitFailed(job_name, Reason.SUBMIT_REJECTED, "invalid partition", "sbatch x")


EXAMPLES: dict[type, ev.Event] = {
    ev.Demanded: ev.Demanded("r1"),
    ev.Ticked: ev.Ticked(inflight=0),
    ev.Resumed: ev.Resumed(open_since=NOW - 5),
    ev.Probed: probed(),
    ev.Submitted: ev.Submitted(OLD, "7"),
    ev.SubmitFailed: refused(),
    ev.JobAbsent: ev.JobAbsent(OLD),
    ev.JobSeen: seen(JobPhase.RUNNING),
    ev.JobOver: over(),
    ev.Adopted: ev.Adopted(replace(RUNNING, name="io.digits.0.8080.lost", job_id="5")),
    ev.StartAsked: ev.StartAsked(),
    ev.StopAsked: ev.StopAsked(),
    ev.RestartAsked: ev.RestartAsked(),
    ev.EnableAsked: ev.EnableAsked(),
    ev.DisableAsked: ev.DisableAsked(),
    ev.Changed: ev.Changed(),
    ev.Removed: ev.Removed(),
    ev.Restored: ev.Restored(),
}
