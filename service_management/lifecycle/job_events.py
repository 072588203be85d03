"""What Slurm said of a replica's job."""

from __future__ import annotations

import math
from dataclasses import replace

from service_management.lifecycle import moves, policy
from service_management.lifecycle.decision import Context
from service_management.lifecycle.events import JobAbsent, JobOver, JobSeen, SubmitFailed, Submitted
from service_management.lifecycle.failure_text import failure_of
from service_management.lifecycle.job_views import JobPhase, JobView
from service_management.lifecycle.record import Failure, ServiceRecord
from service_management.lifecycle.replica import Job, Replica
from service_management.lifecycle.start_phases import usual
from service_management.lifecycle.states import TEXT, Phase, Reason


def _named(replica: Replica, job_id: str, context: Context) -> Replica:
    """Slurm has the job, under this id. An adopted job has one already, and no time."""
    if not replica.job.job_id:
        replica = replica.with_job(submitted_at=context.now)
    return replica.with_job(job_id=job_id, absent_since=None)


def _submitted(
    record: ServiceRecord, replica: Replica, event: Submitted, context: Context
) -> ServiceRecord:
    known = _named(replica, event.job_id, context)
    queued = replica.phase is Phase.QUEUED
    return record.with_replica(replace(known, reason=Reason.WAITING) if queued else known)


SUBMITTED = dict.fromkeys((Phase.QUEUED, Phase.DRAINING), _submitted)


def _submit_failed(
    record: ServiceRecord, replica: Replica, event: SubmitFailed, context: Context
) -> ServiceRecord | None:
    """No job exists. One that drains wanted nothing else."""
    if not replica.live:
        return _drained(record, replica, None, context)
    failure = Failure(context.now, event.reason, event.text, command=event.command, kind=event.kind)
    return moves.fail(record.without(replica), failure, context.now)


SUBMIT_FAILED = dict.fromkeys((Phase.QUEUED, Phase.DRAINING), _submit_failed)


def _absent(
    record: ServiceRecord, replica: Replica, event: JobAbsent, context: Context
) -> ServiceRecord | None:
    """A lost submission may still arrive: it is given up late, and only on the second denial."""
    if policy.absence_is_final(replica.job, context.now):
        lost = SubmitFailed(event.job_name, Reason.SUBMIT_LOST, TEXT[Reason.SUBMIT_LOST])
        return _submit_failed(record, replica, lost, context)
    return record.with_replica(replace(replica, job=policy.denied(replica.job, context.now)))


JOB_ABSENT = dict.fromkeys((Phase.QUEUED, Phase.DRAINING), _absent)


def _noted(replica: Replica, event: JobSeen, context: Context) -> Replica:
    view = event.view
    return _named(replica, view.job_id, context).with_job(
        slurm_state=view.state,
        slurm_reason=view.reason,
        node=view.node if view.phase is JobPhase.RUNNING else "",
        estimated_start=view.estimated_start,
        end_time=view.end_time,
        walltime_end=_walltime_end(replica.job, view),
        draining=_is_on_draining_node(replica.job, view),
        ending=False,
    )


def _is_on_draining_node(job: Job, view: JobView) -> bool:
    """What was known of its node holds until it is asked again."""
    if view.draining is not None:
        return view.draining
    return job.draining and job.node == view.node


def _walltime_end(job: Job, view: JobView) -> float | None:
    """A job that is preempted goes on for its partition's GraceTime, with an earlier EndTime."""
    same_run = view.phase is JobPhase.RUNNING and bool(job.node)
    same_run = same_run and job.estimated_start == view.estimated_start
    known = (job.walltime_end if same_run else None, view.end_time)
    return max((end for end in known if end is not None), default=None)


def _seen(
    record: ServiceRecord, replica: Replica, event: JobSeen, context: Context
) -> ServiceRecord:
    phase = event.view.phase
    if phase is JobPhase.UNKNOWN:
        return record
    if phase in (JobPhase.ENDING, JobPhase.ENDED):
        return _ending(record, replica, event, context)
    return _BY_PHASE[phase](record, replica, _noted(replica, event, context), context)


def _ending(
    record: ServiceRecord, replica: Replica, event: JobSeen, context: Context
) -> ServiceRecord:
    """Over but for the cleanup; `JobOver` will say why. No request may go there now."""
    known = _named(replica, event.view.job_id, context)
    marked = known.with_job(slurm_state=event.view.state, ending=True)
    if replica.phase is not Phase.READY:
        return record.with_replica(marked)
    return _unasked(record.with_replica(marked.drained(Reason.ENDED, context.now)))


def _unasked(record: ServiceRecord) -> ServiceRecord:
    """Its last job ended by itself: the next request starts another."""
    return record if record.live else replace(record, demand=False)


def _waiting(
    record: ServiceRecord, before: Replica, noted: Replica, context: Context
) -> ServiceRecord:
    if noted.live and _is_held_back(record, noted, context):
        withdrawn = noted.drained(Reason.REQUEUED, context.now)
        return replace(record.with_replica(withdrawn), demand=True, last_demand=context.now)
    if noted.phase is Phase.QUEUED:
        return record.with_replica(replace(noted, reason=Reason.WAITING))
    if noted.live or _revived(before):
        requeued = noted.to(Phase.QUEUED, Reason.REQUEUED, context.now)
        return replace(record.with_replica(requeued), demand=True, last_demand=context.now)
    return record.with_replica(noted)


def _is_held_back(record: ServiceRecord, noted: Replica, context: Context) -> bool:
    """Slurm lets a job that it put back wait for two minutes before it looks at it again. Another
    one may start at once, unless the queue usually takes longer."""
    job = noted.job
    if job.started_at is None or job.slurm_reason != "BeginTime":
        return False
    left = math.inf if job.estimated_start is None else job.estimated_start - context.wall
    return left > (usual(record)["queue"] or 0.0)


def _running(
    record: ServiceRecord, before: Replica, noted: Replica, context: Context
) -> ServiceRecord:
    revived = _revived(before)
    if noted.phase is not Phase.QUEUED and not _moved(before, noted) and not revived:
        return record.with_replica(noted)
    started = noted.to(
        Phase.STARTING, Reason.LOADING, context.now, strikes=0, startup_used=0.0
    ).with_job(started_at=context.now, finding=None, found_at=None)
    return replace(record.with_replica(started), demand=record.demand or revived)


def _moved(before: Replica, noted: Replica) -> bool:
    """Requeued and started elsewhere between two looks: it must be probed again."""
    elsewhere = bool(before.job.node) and before.job.node != noted.job.node
    return elsewhere and noted.phase in (Phase.STARTING, Phase.READY)


def _revived(before: Replica) -> bool:
    """It was ending by itself, and Slurm requeued it instead: it is still wanted."""
    return not before.live and before.reason is Reason.ENDED


_BY_PHASE = {JobPhase.WAITING: _waiting, JobPhase.RUNNING: _running}
JOB_SEEN = dict.fromkeys(Phase, _seen)


def _over(
    record: ServiceRecord, replica: Replica, event: JobOver, context: Context
) -> ServiceRecord | None:
    if not replica.live and replica.reason is not Reason.ENDED:
        return _drained(record, replica, event, context)
    return _ended(record, replica, event, context)


def _ended(
    record: ServiceRecord, replica: Replica, event: JobOver, context: Context
) -> ServiceRecord | None:
    """It ended by itself. One that served for a while is simply gone; any other failed."""
    served = replica.ready_since is not None
    if not served and _lost_its_port(record, replica, event):
        return moves.rest(record.without(replica), Reason.PORT_TAKEN, context.now)
    reason = Reason.ENDED if served else Reason.ENDED_AT_START
    failure = failure_of(replica, event, reason, context.now)
    if not policy.served_long(replica, context.now):
        return moves.fail(record.without(replica), failure, context.now)
    gone = replace(moves.forgive_before(record.without(replica), replica), last_failure=failure)
    if replica.live:
        gone = _unasked(gone)
    return moves.rest(gone, Reason.ENDED, context.now)


def _lost_its_port(record: ServiceRecord, replica: Replica, event: JobOver) -> bool:
    """Of two that begin on one node at the same moment, either may be the one that cannot listen,
    also the one that was to stay. If the script itself is wrong, the next fails too."""
    node = event.end.node or replica.job.node
    rival = replica.job.contested or bool(record.beside(replica.with_job(node=node)))
    return rival and node not in replica.job.apart_from


def _drained(
    record: ServiceRecord, replica: Replica, event: JobOver | None, context: Context
) -> ServiceRecord | None:
    """It was ended on purpose. One that took too long to start has failed by that, and the job's
    last output belongs to the failure."""
    gone, reason, now = record.without(replica), replica.reason, context.now
    if reason is Reason.STARTUP_TIMEOUT:
        failure = failure_of(replica, event, reason, now) if event else Failure(now, reason, "")
        return moves.fail(gone, failure, now)
    if replica.ready_since is not None:
        # It became ready and was then ended on purpose: that start, however short, succeeded.
        gone = moves.forgive_before(gone, replica)
    return moves.rest(gone, reason, now)


JOB_OVER = dict.fromkeys(Phase, _over)
