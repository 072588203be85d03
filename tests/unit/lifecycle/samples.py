"""One service in every state, and one event of every kind, at one moment: NOW."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from service_management.lifecycle import events as ev
from service_management.lifecycle.actions import Action, Submit, required_actions
from service_management.lifecycle.activity import Seen
from service_management.lifecycle.decision import Context
from service_management.lifecycle.job_views import JobEnd, JobPhase, JobView
from service_management.lifecycle.planner import planned
from service_management.lifecycle.policy import Policy
from service_management.lifecycle.record import Failure, ServiceRecord
from service_management.lifecycle.replica import Job
from service_management.lifecycle.states import Phase, Reason, State
from service_management.lifecycle.transitions import decide
from tests.unit.records import a_record, changed

NOW = 10_000.0
POLICY = Policy(timeout=60.0, startup_timeout=300.0, queue_timeout=600.0, drain_timeout=120.0)
ALWAYS_ON = replace(POLICY, min_replicas=1)
FRESH = Job("io.digits.s0.new", 8080, NOW)
OLD = "io.digits.s0.old"

UNKNOWN_ID = Job(OLD, 8080, NOW - 10)
PENDING = replace(UNKNOWN_ID, job_id="7", slurm_state="PENDING")
RUNNING = replace(PENDING, slurm_state="RUNNING", node="n1", started_at=NOW - 8)

COLD = a_record()
SUBMITTING = a_record(
    "digits", State.QUEUED, NOW - 10, Reason.SUBMITTING, UNKNOWN_ID, last_demand=NOW - 10
)
QUEUED = changed(SUBMITTING, reason=Reason.WAITING, job=PENDING)
STARTING = a_record(
    "digits", State.STARTING, NOW - 10, Reason.LOADING, RUNNING, last_demand=NOW - 10
)
READY = a_record(
    "digits",
    State.READY,
    NOW - 10,
    Reason.HEALTHY,
    RUNNING,
    last_demand=NOW - 10,
    last_activity=NOW - 10,
    ready_since=NOW - 10,
)
DRAINING = changed(READY, phase=Phase.DRAINING, reason=Reason.IDLE, demand=False)
FAILED = a_record(
    "digits",
    State.FAILED,
    NOW - 1,
    Reason.ENDED_AT_START,
    failures=2,
    retry_at=NOW + 3,
    last_failure=Failure(NOW - 1, Reason.ENDED_AT_START, "it crashed"),
)
DISABLED = a_record("digits", State.DISABLED, reason=Reason.DISABLED)

RECORDS = {
    State.COLD: COLD,
    State.QUEUED: QUEUED,
    State.STARTING: STARTING,
    State.READY: READY,
    State.DRAINING: DRAINING,
    State.FAILED: FAILED,
    State.DISABLED: DISABLED,
}


@dataclass(frozen=True)
class Decision:
    """What a pass makes of a service; None: it is forgotten."""

    record: ServiceRecord | None
    submissions: tuple[Submit, ...] = ()

    @property
    def submission(self) -> Submit | None:
        return self.submissions[0] if self.submissions else None


def look(inflight: int | None = 0, **more: Any) -> Seen:
    """A look at a service that has one replica."""
    return Seen({0: inflight}, **more)


def context(now: float = NOW, policy: Policy = POLICY) -> Context:
    return Context(now, policy)


def decided(
    record: ServiceRecord,
    what: ev.Event | Seen,
    now: float = NOW,
    policy: Policy = POLICY,
    fresh: Job | None = FRESH,
) -> Decision:
    """A pass in which this happens, or is seen, and nothing else."""
    where = context(now, policy)
    seen = what if isinstance(what, Seen) else None
    happened = record if isinstance(what, Seen) else decide(record, what, where)
    if happened is None:
        return Decision(None)
    after = planned(happened, seen, where, lambda _slot: fresh)
    known = {one.job.name for one in happened.replicas}
    new = (one.job for one in after.replicas if one.job.name not in known)
    return Decision(after, tuple(map(Submit, new)))


def actions(decision: Decision) -> tuple[Action, ...]:
    """What the loop does about it, if the next pass brings nothing else."""
    replicas = decision.record.replicas if decision.record else ()
    required = (action for one in replicas for action in required_actions(one))
    return (*decision.submissions, *required)


def routed(record: ServiceRecord) -> bool:
    return bool(record.ready)


def after(record: ServiceRecord, what: ev.Event | Seen, **circumstances: Any) -> ServiceRecord:
    """What the service is after it; it must not be forgotten."""
    kept = decided(record, what, **circumstances).record
    assert kept is not None
    return kept


def draining(reason: Reason, **changes: Any) -> ServiceRecord:
    return changed(DRAINING, **{"reason": reason, **changes})


def cancelled(record: ServiceRecord = DRAINING) -> ServiceRecord:
    return changed(record, cancelled=True)


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
    ev.Resumed: ev.Resumed(open_since=NOW - 5),
    ev.Probed: probed(),
    ev.Submitted: ev.Submitted(OLD, "7"),
    ev.SubmitFailed: refused(),
    ev.JobAbsent: ev.JobAbsent(OLD),
    ev.JobSeen: seen(JobPhase.RUNNING),
    ev.JobOver: over(),
    ev.Adopted: ev.Adopted(replace(RUNNING, name="io.digits.s0.lost", job_id="5")),
    ev.StartAsked: ev.StartAsked(),
    ev.StopAsked: ev.StopAsked(),
    ev.RestartAsked: ev.RestartAsked(),
    ev.EnableAsked: ev.EnableAsked(),
    ev.DisableAsked: ev.DisableAsked(),
    ev.AbandonAsked: ev.AbandonAsked(0),
    ev.Changed: ev.Changed(frozenset({OLD})),
    ev.Removed: ev.Removed(),
    ev.Restored: ev.Restored(),
}
