"""Random histories: whatever happens in whatever order, these hold after every pass, for services
with one replica and with several."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

from hypothesis import given
from hypothesis import strategies as some

from service_management.lifecycle import events as ev
from service_management.lifecycle.actions import Cancel, required_actions
from service_management.lifecycle.activity import Seen
from service_management.lifecycle.decision import Context
from service_management.lifecycle.job_views import JobPhase
from service_management.lifecycle.planner import planned
from service_management.lifecycle.policy import Policy
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Job, Replica
from service_management.lifecycle.states import Phase, Reason, State
from service_management.lifecycle.transitions import decide

from .strategies import History, histories

POLICY = Policy(timeout=30.0, startup_timeout=100.0, queue_timeout=500.0, drain_timeout=50.0)
policies = some.sampled_from(
    [POLICY, POLICY, *(replace(POLICY, min_replicas=n, max_replicas=3) for n in (0, 2, 3))]
)
_OPERATORS = ev.StartAsked | ev.RestartAsked | ev.Changed | ev.AbandonAsked


@dataclass(frozen=True)
class Step:
    """A pass in which one thing happened."""

    policy: Policy
    before: ServiceRecord
    what: ev.Event | Seen
    now: float
    after: ServiceRecord | None

    @property
    def pairs(self) -> list[tuple[Replica | None, Replica | None]]:
        """Each replica before and after, by its job."""
        before = {one.job.name: one for one in self.before.replicas}
        after = {one.job.name: one for one in self.after.replicas} if self.after else {}
        return [(before.get(name), after.get(name)) for name in before | after]

    @property
    def kept(self) -> list[tuple[Replica, Replica]]:
        return [(was, now) for was, now in self.pairs if was and now]

    @property
    def started(self) -> list[Replica]:
        new = [now for was, now in self.pairs if was is None and now]
        return [one for one in new if not isinstance(self.what, ev.Adopted) or not one.job.job_id]


def steps(history: History, policy: Policy) -> Iterator[Step]:
    record, now, names = ServiceRecord("s"), 1000.0, count(1)
    last = 0
    for pause, make in history:
        now += pause
        what, context = make(last), Context(now, policy)
        happened = record if isinstance(what, Seen) else decide(record, what, context)
        seen = what if isinstance(what, Seen) else None
        begun = now
        after = happened and planned(
            happened, seen, context, lambda _slot, at=begun: Job(f"j{next(names)}", 8080, at)
        )
        yield Step(policy, record, what, now, after)
        if after is None:
            return
        record = after
        numbers = [int(one.job.name[1:]) for one in record.replicas]
        last = max([last, *(number for number in numbers if number < 1000)])


def certainly_over(job: Job, what: ev.Event | Seen) -> bool:
    """The event says that it is over, or never was."""
    ends = isinstance(what, ev.JobOver | ev.SubmitFailed | ev.JobAbsent)
    return ends and what.is_about(job)


@given(histories, policies)
def test_a_job_is_let_go_only_when_it_is_certainly_over(history, policy) -> None:
    for step in steps(history, policy):
        for was, now in step.pairs:
            given_up = was and step.after and was.job in step.after.abandoned
            assert now or given_up or certainly_over(was.job, step.what)


@given(histories, policies)
def test_an_abandoned_job_is_remembered_until_it_is_over(history, policy) -> None:
    for step in steps(history, policy):
        names = {job.name for job in step.after.abandoned} if step.after else set()
        for job in step.before.abandoned:
            assert job.name in names or certainly_over(job, step.what)


@given(histories, policies)
def test_only_a_draining_replica_is_abandoned(history, policy) -> None:
    for step in steps(history, policy):
        new = set(step.after.abandoned if step.after else ()) - set(step.before.abandoned)
        if isinstance(step.what, ev.AbandonAsked) and new:
            assert [one.live for one in step.before.replicas if one.job in new] == [False]


@given(histories, policies)
def test_no_slot_has_two_jobs_and_no_service_too_many(history, policy) -> None:
    for step in steps(history, policy):
        if step.after is None:
            continue
        slots = [one.slot for one in step.after.replicas]
        assert len(set(slots)) == len(slots)
        if step.started:
            there = [one for one in step.after.replicas if not one.job.ending]
            assert len(there) <= policy.max_replicas


@given(histories, policies)
def test_no_job_is_submitted_twice(history, policy) -> None:
    names = [one.job.name for step in steps(history, policy) for one in step.started]
    assert len(names) == len(set(names))


@given(histories, policies)
def test_what_failed_is_known_before_the_next_attempt(history, policy) -> None:
    for step in steps(history, policy):
        ends = [one for one in step.before.replicas if not certainly_over(one.job, step.what)]
        failing = [one for one in ends if one.reason is Reason.STARTUP_TIMEOUT]
        if failing and step.started and policy.max_replicas == 1:
            served = [one for one in failing if one.ready_since is not None]
            restarted = isinstance(step.what, _OPERATORS)
            assert served == failing or restarted


@given(histories, policies)
def test_jobs_are_cancelled_only_a_pass_after_routing_ended(history, policy) -> None:
    for step in steps(history, policy):
        hurry = isinstance(step.what, ev.StopAsked)
        for was, now in step.kept:
            if now.cancelled and not was.cancelled and not hurry:
                assert was.phase is now.phase is Phase.DRAINING
                assert step.now > was.since
            if Cancel in map(type, required_actions(now)):
                assert now.cancelled


@given(histories, policies)
def test_there_is_no_way_back_from_a_cancelled_job(history, policy) -> None:
    for step in steps(history, policy):
        for was, now in step.kept:
            assert not was.cancelled or (now.cancelled and not now.live)


@given(histories, policies)
def test_routed_means_healthy_or_reopened_before_cancellation(history, policy) -> None:
    for step in steps(history, policy):
        for was, now in step.pairs:
            if now is None or now.phase is not Phase.READY:
                continue
            assert was is not None
            if was.phase is Phase.READY:
                continue
            healthy = step.what == ev.Probed(was.job.name, ev.Health.HEALTHY)
            idle = (was.phase, was.reason) == (Phase.DRAINING, Reason.IDLE)
            alive = not (was.cancelled or was.job.ending)
            assert (healthy and was.phase is Phase.STARTING) or (idle and alive)


@given(histories, policies)
def test_what_is_not_known_changes_nothing(history, policy) -> None:
    for step in steps(history, policy):
        strange = isinstance(step.what, ev.JobSeen) and step.what.view.phase is JobPhase.UNKNOWN
        if strange and not step.started:
            assert step.after == step.before
        uncounted = isinstance(step.what, Seen) and any(
            step.what.inflight.get(one.slot) is None for one in step.before.replicas
        )
        if uncounted and step.before.state is State.READY:
            assert step.after.demand == step.before.demand
            assert step.after.last_activity == step.before.last_activity


@given(histories, policies)
def test_idleness_ends_only_ready_services_silent_for_timeout(history, policy) -> None:
    for step in steps(history, policy):
        if not (step.before.demand and step.after and step.before.state is State.READY):
            continue
        if isinstance(step.what, Seen) and not step.after.demand:
            assert not any(step.what.inflight.get(one.slot) for one in step.before.replicas)
            assert not step.what.held
            assert step.now - step.before.last_activity >= policy.timeout


@given(histories, policies)
def test_budgets_end_only_what_has_used_them_up(history, policy) -> None:
    for step in steps(history, policy):
        for was, now in step.kept:
            if was.phase is now.phase:
                continue
            if now.reason is Reason.STARTUP_TIMEOUT and was.phase is Phase.STARTING:
                assert was.startup_used >= policy.startup_timeout
            waited = now.reason is Reason.QUEUE_TIMEOUT and was.phase is Phase.QUEUED
            if waited and policy.max_replicas == 1:
                assert step.now - step.before.last_demand >= policy.queue_timeout


@given(histories, policies)
def test_backoff_is_kept_by_all_but_operators(history, policy) -> None:
    allowed = (ev.StartAsked, ev.RestartAsked, ev.StopAsked, ev.Changed)
    for step in steps(history, policy):
        if step.started and step.before.state is State.FAILED:
            assert step.now >= step.before.retry_at or isinstance(step.what, allowed)


@given(histories, policies)
def test_a_disabled_service_never_submits(history, policy) -> None:
    for step in steps(history, policy):
        assert not (step.started and not step.after.enabled)


@given(histories, policies)
def test_only_a_removed_service_without_a_job_is_forgotten(history, policy) -> None:
    removed = False
    for step in steps(history, policy):
        removed = (removed or step.what == ev.Removed()) and step.what != ev.Restored()
        if step.after is None:
            assert removed
            assert all(certainly_over(job, step.what) for job in step.before.jobs)
