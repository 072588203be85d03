"""What Slurm said of the job. An answer about a job that is not the record's changes nothing."""

from __future__ import annotations

from dataclasses import replace

from service_management.lifecycle import moves, policy
from service_management.lifecycle.decision import Context
from service_management.lifecycle.events import (
    Adopted,
    JobAbsent,
    JobOver,
    JobSeen,
    SubmitFailed,
    Submitted,
)
from service_management.lifecycle.failure_text import failure_of
from service_management.lifecycle.job_views import JobPhase
from service_management.lifecycle.record import Failure, Record
from service_management.lifecycle.states import TEXT, Reason, State


def _named(record: Record, job_id: str, context: Context) -> Record:
    """Slurm has the job, under this id. An adopted job has one already, and no time."""
    if record.job is not None and not record.job.job_id:
        record = record.with_job(submitted_at=context.now)
    return record.with_job(job_id=job_id, absent_since=None)


def _submitted(record: Record, event: Submitted, context: Context) -> Record:
    if record.job is None or record.job.name != event.job_name:
        return record
    known = _named(record, event.job_id, context)
    return replace(known, reason=Reason.WAITING) if record.state is State.QUEUED else known


SUBMITTED = dict.fromkeys((State.QUEUED, State.DRAINING), _submitted)


def _submit_failed(record: Record, event: SubmitFailed, context: Context) -> Record | None:
    """No job exists. A draining service wanted nothing else."""
    if record.job is None or record.job.name != event.job_name or record.job.job_id:
        return record
    if record.state is State.DRAINING:
        return _drained(record, context)
    failure = Failure(context.now, event.reason, event.text, command=event.command, kind=event.kind)
    return moves.fail(record, failure, context)


SUBMIT_FAILED = dict.fromkeys((State.QUEUED, State.DRAINING), _submit_failed)


def _absent(record: Record, event: JobAbsent, context: Context) -> Record | None:
    """A lost submission may still arrive: it is given up late, and only on the second denial."""
    job = record.job
    if job is None or job.name != event.job_name or job.job_id:
        return record
    if policy.absence_is_final(record, context.now):
        lost = SubmitFailed(job.name, Reason.SUBMIT_LOST, TEXT[Reason.SUBMIT_LOST])
        return _submit_failed(record, lost, context)
    settled = context.now - job.intended_at >= policy.SUBMIT_SETTLED
    return record.with_job(absent_since=context.now) if settled and not job.absent_since else record


JOB_ABSENT = dict.fromkeys((State.QUEUED, State.DRAINING), _absent)


def _is_about(record: Record, event: JobSeen) -> bool:
    """By the job's id; by its unique name while the id is not known."""
    job, view = record.job, event.view
    if job is None:
        return False
    return job.job_id == view.job_id if job.job_id else job.name == view.name


def _noted(record: Record, event: JobSeen, context: Context) -> Record:
    view = event.view
    return _named(record, view.job_id, context).with_job(
        slurm_state=view.state,
        slurm_reason=view.reason,
        node=view.node if view.phase is JobPhase.RUNNING else "",
        estimated_start=view.estimated_start,
        end_time=view.end_time,
        ending=False,
    )


def _seen(record: Record, event: JobSeen, context: Context) -> Record:
    phase = event.view.phase
    if not _is_about(record, event) or phase is JobPhase.UNKNOWN:
        return record
    if phase in (JobPhase.ENDING, JobPhase.ENDED):
        return _ending(record, event, context)
    return _BY_PHASE[phase](record, _noted(record, event, context), context)


def _ending(record: Record, event: JobSeen, context: Context) -> Record:
    """Over but for the cleanup; `JobOver` will say why. No request may go there now."""
    known = _named(record, event.view.job_id, context)
    marked = known.with_job(slurm_state=event.view.state, ending=True)
    return moves.drain(marked, Reason.ENDED, context) if record.state is State.READY else marked


def _waiting(before: Record, noted: Record, context: Context) -> Record:
    if noted.state is State.QUEUED:
        return replace(noted, reason=Reason.WAITING)
    if noted.state in (State.STARTING, State.READY) or _revived(before):
        now = context.now
        return noted.to(State.QUEUED, Reason.REQUEUED, now, last_demand=now, again=False)
    return noted


def _running(before: Record, noted: Record, context: Context) -> Record:
    if noted.state is State.QUEUED or _moved(before, noted) or _revived(before):
        started = noted.to(
            State.STARTING, Reason.LOADING, context.now, strikes=0, startup_used=0.0, again=False
        )
        return started.with_job(started_at=context.now, finding=None, found_at=None)
    return noted


def _moved(before: Record, noted: Record) -> bool:
    """Requeued and started elsewhere between two looks: it must be probed again."""
    was, now = before.job, noted.job
    elsewhere = bool(was and now and was.node and was.node != now.node)
    return elsewhere and noted.state in (State.STARTING, State.READY)


def _revived(before: Record) -> bool:
    """It was ending by itself, and Slurm requeued it instead: it is still wanted."""
    return before.state is State.DRAINING and before.reason is Reason.ENDED


_BY_PHASE = {JobPhase.WAITING: _waiting, JobPhase.RUNNING: _running}
JOB_SEEN = dict.fromkeys((State.QUEUED, State.STARTING, State.READY, State.DRAINING), _seen)


def _adopted(record: Record, event: Adopted, context: Context) -> Record:
    now = context.now
    return record.to(State.QUEUED, Reason.ADOPTED, now, job=event.job, last_demand=now)


ADOPTED = dict.fromkeys((State.COLD, State.FAILED), _adopted)


def _over(record: Record, event: JobOver, context: Context) -> Record | None:
    if record.job is None or record.job.job_id != event.end.job_id:
        return record
    if record.state is State.DRAINING and record.reason is not Reason.ENDED:
        return _drained(_blamed(record, event, context), context)
    stable = policy.served_long(record, context.now)
    return _ended(moves.forgive(record) if stable else record, event, context)


def _ended(record: Record, event: JobOver, context: Context) -> Record | None:
    """It ended by itself. One that served for a while is simply gone; any other failed."""
    served = record.ready_since is not None
    reason = Reason.ENDED if served else Reason.ENDED_AT_START
    failure = failure_of(record, event, reason, context.now)
    if not policy.served_long(record, context.now):
        return moves.fail(record, failure, context)
    gone = replace(moves.cold(record, Reason.ENDED, context), last_failure=failure)
    return moves.submit(gone, context) if record.again else gone


def _blamed(record: Record, event: JobOver, context: Context) -> Record:
    """Draining because its start took too long: the job's last output belongs to the failure."""
    if record.after is not State.FAILED:
        return record
    return replace(record, last_failure=failure_of(record, event, record.reason, context.now))


def _drained(record: Record, context: Context) -> Record | None:
    if record.after is None:
        return None
    if record.after is State.DISABLED:
        return record.to(State.DISABLED, record.reason, context.now, job=None, ready_since=None)
    if record.after is State.FAILED:
        failure = record.last_failure or Failure(context.now, record.reason, "")
        return moves.fail(record, failure, context)
    if record.ready_since is not None:
        # It became ready and was then ended on purpose: that start, however short, succeeded.
        record = moves.forgive(record)
    gone = moves.cold(record, record.reason, context)
    return moves.submit(gone, context) if record.again else gone


JOB_OVER = dict.fromkeys((State.QUEUED, State.STARTING, State.READY, State.DRAINING), _over)
