"""Random histories: whatever happens in whatever order, these hold after every decision."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import given

from service_management.lifecycle import events as ev
from service_management.lifecycle.actions import Cancel, Submit, routed
from service_management.lifecycle.decision import Context
from service_management.lifecycle.job_views import JobPhase
from service_management.lifecycle.policy import Policy
from service_management.lifecycle.record import Job, Record
from service_management.lifecycle.states import Reason, State
from service_management.lifecycle.transitions import decide

from .samples import actions
from .strategies import History, histories

POLICY = Policy(timeout=30.0, startup_timeout=100.0, queue_timeout=500.0, drain_timeout=50.0)
WITH_JOB = {State.QUEUED, State.STARTING, State.READY, State.DRAINING}


@dataclass(frozen=True)
class Step:
    before: Record
    event: ev.Event
    now: float
    after: Record | None
    actions: tuple[object, ...]

    @property
    def submitted(self) -> list[Job]:
        return [action.job for action in self.actions if isinstance(action, Submit)]

    @property
    def cancelled(self) -> list[Job]:
        return [action.job for action in self.actions if isinstance(action, Cancel)]


def steps(history: History, policy: Policy = POLICY) -> Iterator[Step]:
    record, now, number = Record("s"), 1000.0, 1
    for pause, make in history:
        now += pause
        event = make(int(record.job.name[1:]) if record.job else number - 1)
        fresh = Job(f"j{number}", 8080, now)
        decision = decide(record, event, Context(now, policy, fresh))
        yield Step(record, event, now, decision.record, actions(decision))
        if decision.record is None:
            return
        record = decision.record
        number += fresh == record.job


def certainly_over(step: Step) -> bool:
    """The event says that the job the record had is over, or never was."""
    job = step.before.job
    if job is None:
        return True
    if isinstance(step.event, ev.JobOver):
        return step.event.end.job_id == job.job_id
    if isinstance(step.event, ev.SubmitFailed | ev.JobAbsent):
        return step.event.job_name == job.name and not job.job_id
    return False


@given(histories)
def test_a_job_is_let_go_only_when_it_is_certainly_over(history) -> None:
    for step in steps(history):
        was, now = step.before.job, step.after.job if step.after else None
        if was is not None and (now is None or now.name != was.name):
            assert certainly_over(step)


@given(histories)
def test_a_job_is_submitted_once_and_only_when_none_may_exist(history) -> None:
    names = []
    for step in steps(history):
        if step.submitted:
            assert certainly_over(step)
            assert step.submitted == [step.after.job]
        names += [job.name for job in step.submitted]
    assert len(names) == len(set(names))


@given(histories)
def test_a_new_job_is_either_submitted_or_adopted(history) -> None:
    for step in steps(history):
        was = step.before.job.name if step.before.job else None
        if step.after and step.after.job and step.after.job.name != was:
            assert step.submitted or isinstance(step.event, ev.Adopted)


@given(histories)
def test_states_with_a_job_have_one_and_others_have_none(history) -> None:
    for step in steps(history):
        if step.after is not None:
            assert (step.after.job is not None) == (step.after.state in WITH_JOB)


@given(histories)
def test_jobs_are_cancelled_only_a_pass_after_routing_ended(history) -> None:
    unrouted_at = 0.0
    for step in steps(history):
        if routed(step.before) and step.after and not routed(step.after):
            unrouted_at = step.now
        if step.cancelled:
            assert step.after.state is State.DRAINING
            assert step.after.job.cancelled
            assert not routed(step.before)
        if step.after and step.after.job and step.after.job.cancelled:
            fresh = not (step.before.job and step.before.job.cancelled)
            assert not fresh or step.now > unrouted_at


@given(histories)
def test_there_is_no_way_back_from_a_cancelled_job(history) -> None:
    for step in steps(history):
        if step.before.job and step.before.job.cancelled and step.after and step.after.job:
            same = step.after.job.name == step.before.job.name
            assert not same or (step.after.job.cancelled and step.after.state is State.DRAINING)


@given(histories)
def test_routed_means_healthy_or_reopened_before_cancellation(history) -> None:
    for step in steps(history):
        if step.after is None or not routed(step.after) or routed(step.before):
            continue
        healthy = step.before.state is State.STARTING and (
            step.event == ev.Probed(step.before.job.name, ev.Health.HEALTHY)
        )
        idle = (step.before.state, step.before.reason) == (State.DRAINING, Reason.IDLE)
        alive = not (step.before.job.cancelled or step.before.job.ending)
        assert healthy or (idle and alive)


@given(histories)
def test_what_is_not_known_changes_nothing(history) -> None:
    for step in steps(history):
        ready = step.before.state is State.READY
        uncounted = ready and isinstance(step.event, ev.Ticked) and step.event.inflight is None
        strange = isinstance(step.event, ev.JobSeen) and (step.event.view.phase is JobPhase.UNKNOWN)
        if uncounted or strange:
            assert step.after == step.before


@given(histories)
def test_idleness_ends_only_ready_services_silent_for_timeout(history) -> None:
    for step in steps(history):
        entered = step.after and step.after.state is State.DRAINING is not step.before.state
        if entered and step.after.reason is Reason.IDLE:
            assert step.before.state is State.READY
            assert step.event == ev.Ticked(0, 0)
            assert step.now - step.before.last_activity >= POLICY.timeout


@given(histories)
def test_budgets_end_only_what_has_used_them_up(history) -> None:
    for step in steps(history):
        if step.after is None or step.before.state is step.after.state:
            continue
        if step.after.reason is Reason.STARTUP_TIMEOUT and step.before.state is State.STARTING:
            assert step.now - step.before.since >= POLICY.startup_timeout
        if step.after.reason is Reason.QUEUE_TIMEOUT and step.before.state is State.QUEUED:
            assert step.now - step.before.last_demand >= POLICY.queue_timeout


@given(histories)
def test_backoff_is_kept_by_all_but_operators(history) -> None:
    allowed = (ev.StartAsked, ev.RestartAsked)
    for step in steps(history):
        if step.submitted and step.before.state is State.FAILED:
            assert step.now >= step.before.retry_at or isinstance(step.event, allowed)


@given(histories)
def test_a_disabled_service_never_submits(history) -> None:
    for step in steps(history):
        assert not (step.before.state is State.DISABLED and step.submitted)


@given(histories)
def test_only_a_removed_service_without_a_job_is_forgotten(history) -> None:
    removed = False
    for step in steps(history):
        removed = (removed or step.event == ev.Removed()) and step.event != ev.Restored()
        if step.after is None:
            assert removed
            assert certainly_over(step)
            assert step.actions == ()
