"""What requests and the clock decide: one start, idleness, budgets, draining."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service_management.lifecycle import events as ev
from service_management.lifecycle.actions import Cancel, Submit
from service_management.lifecycle.job_views import JobPhase
from service_management.lifecycle.policy import STRIKES
from service_management.lifecycle.states import Reason, State
from tests.unit.records import changed

from .samples import (
    ALWAYS_ON,
    COLD,
    DISABLED,
    DRAINING,
    FAILED,
    FRESH,
    NOW,
    POLICY,
    QUEUED,
    READY,
    STARTING,
    actions,
    after,
    cancelled,
    decided,
    draining,
    look,
    over,
    probed,
    routed,
    seen,
)


def submissions(record, event, **circumstances):
    return list(decided(record, event, **circumstances).submissions)


def test_the_first_request_submits_and_the_second_does_not() -> None:
    first = decided(COLD, ev.Demanded())
    assert first.submission == Submit(FRESH)
    assert first.record is not None
    assert not submissions(first.record, ev.Demanded(), fresh=replace(FRESH, name="another"))


def test_nothing_is_submitted_without_a_specification() -> None:
    for record in (COLD, changed(FAILED, retry_at=0.0)):
        for event in (ev.Demanded(), ev.StartAsked(), look(0, held=1)):
            assert not submissions(record, event, fresh=None)
            assert after(record, event, fresh=None).job is None


def test_a_request_during_backoff_starts_nothing() -> None:
    assert after(FAILED, ev.Demanded(), now=FAILED.retry_at - 0.01) == FAILED


def test_the_first_request_after_backoff_tries_again() -> None:
    assert submissions(FAILED, ev.Demanded(), now=FAILED.retry_at)


def test_a_held_request_starts_a_service_whose_demand_was_lost() -> None:
    assert submissions(COLD, look(0, held=1))
    assert submissions(FAILED, look(0, held=1), now=FAILED.retry_at)
    assert not submissions(FAILED, look(0, held=1), now=FAILED.retry_at - 1)


def test_min_replicas_starts_without_demand_and_is_never_idle() -> None:
    assert submissions(COLD, look(0), policy=ALWAYS_ON)
    assert after(READY, look(0), policy=ALWAYS_ON, now=NOW + 1e6) == READY


def test_a_disabled_service_submits_only_after_it_is_enabled() -> None:
    for event in (ev.Demanded(), look(0, held=5), ev.StartAsked(), ev.RestartAsked()):
        assert after(DISABLED, event, policy=ALWAYS_ON) == DISABLED


# -- idleness


def test_idle_runs_from_the_last_request_and_then_drains() -> None:
    end = READY.last_activity + POLICY.timeout
    assert after(READY, look(0), now=end - 0.01).state is State.READY
    idle = after(READY, look(0), now=end)
    assert (idle.state, idle.reason) == (State.DRAINING, Reason.IDLE)


def test_idle_runs_from_the_end_of_a_request_in_flight() -> None:
    busy = after(READY, look(1), now=NOW + 1000)
    assert busy.last_activity == NOW + 1000
    ended = after(busy, look(0), now=NOW + 2000)  # when first seen without it, not before
    assert ended.last_activity == NOW + 2000
    assert after(ended, look(0), now=NOW + 2000 + POLICY.timeout - 1).state is State.READY
    assert after(ended, look(0), now=NOW + 2000 + POLICY.timeout).state is State.DRAINING


def test_a_held_request_is_activity() -> None:
    assert after(READY, look(0, held=1), now=NOW + 1000).last_activity == NOW + 1000


def test_requests_that_cannot_be_counted_end_nothing() -> None:
    assert after(READY, look(None), now=NOW + 1e6) == READY
    assert after(DRAINING, look(None)) == DRAINING


def test_no_service_is_idle_before_the_downtimes_log_is_read() -> None:
    for record in (READY, QUEUED):
        unread = after(record, look(0, last_request=None), now=NOW + 1e6)
        assert (unread.state, unread.last_activity) == (record.state, record.last_activity)


def test_a_request_that_only_the_log_knows_of_is_activity() -> None:
    last_request = NOW + 50
    late = after(
        READY, look(0, last_request=last_request), now=last_request + POLICY.timeout - 0.01
    )
    assert (late.state, late.last_activity) == (State.READY, last_request)
    idle = after(READY, look(0, last_request=last_request), now=last_request + POLICY.timeout)
    assert (idle.state, idle.reason) == (State.DRAINING, Reason.IDLE)
    old = after(READY, look(0, last_request=NOW - 1000))
    assert old.last_activity == READY.last_activity


def test_silence_goes_on_through_a_downtime_of_the_control_plane() -> None:
    """A stream that was in flight before may have ended in it: the log says when."""
    was_busy = changed(READY, busy=True)
    resumed = after(was_busy, ev.Resumed(open_since=0.0), now=NOW + 1000)
    assert resumed == READY
    assert after(resumed, look(0), now=NOW + 1000).state is State.DRAINING
    assert after(resumed, look(1), now=NOW + 1000).last_activity == NOW + 1000


def test_time_without_nginx_does_not_count_as_idle() -> None:
    opened = NOW + 1000
    ready = after(READY, ev.Resumed(open_since=opened), now=opened + 1)
    assert after(ready, look(0), now=opened + POLICY.timeout - 1).state is State.READY
    assert after(ready, look(0), now=opened + POLICY.timeout).state is State.DRAINING
    queued = after(QUEUED, ev.Resumed(open_since=opened), now=opened + 1)
    assert after(queued, look(0), now=opened + POLICY.queue_timeout - 1).state is State.QUEUED


def test_a_client_that_was_refused_while_queued_did_ask() -> None:
    last_request = NOW + 500
    late = last_request + POLICY.queue_timeout
    assert after(QUEUED, look(0, last_request=last_request), now=late - 1).state is State.QUEUED
    assert after(QUEUED, look(0, last_request=last_request), now=late).state is State.DRAINING


@pytest.mark.parametrize("record", [QUEUED, STARTING])
def test_idleness_is_not_counted_while_queued_or_starting(record) -> None:
    kept = after(record, look(0), now=NOW + POLICY.timeout + 1)
    assert kept.state is record.state


def test_idleness_begins_when_the_service_becomes_ready() -> None:
    ready = after(STARTING, ev.Probed(STARTING.job.name, ev.Health.HEALTHY), now=NOW + 250)
    assert after(ready, look(0), now=NOW + 250 + POLICY.timeout - 1).state is State.READY


# -- budgets


def test_a_start_longer_than_timeout_is_not_killed() -> None:
    late = STARTING.since + POLICY.startup_timeout - 0.01
    assert late - STARTING.since > POLICY.timeout
    assert after(STARTING, look(0), now=late) == STARTING


def test_a_start_seen_for_startup_timeout_fails_with_its_output() -> None:
    unanswered = probed(ev.Health.UNHEALTHY, watched=POLICY.startup_timeout)
    given_up = after(after(STARTING, unanswered), look(0))
    assert (given_up.state, given_up.reason) == (State.DRAINING, Reason.STARTUP_TIMEOUT)
    failed = after(cancelled(given_up), over(state="CANCELLED"))
    assert (failed.state, failed.reason) == (State.FAILED, Reason.STARTUP_TIMEOUT)
    assert failed.last_failure.output == ("Traceback", "no such model")
    assert failed.last_failure.at == NOW


def test_startup_timeout_does_not_run_while_no_probe_arrives() -> None:
    """The control plane or SSH was away: the service may have become healthy long ago."""
    long_after = STARTING.since + 10 * POLICY.startup_timeout
    cut_off = after(STARTING, probed(ev.Health.SILENT, watched=0.0), now=long_after)
    assert after(cut_off, look(0), now=long_after).state is State.STARTING
    assert after(cut_off, probed(), now=long_after).state is State.READY


def test_each_start_has_its_own_startup_timeout() -> None:
    used = changed(STARTING, startup_used=POLICY.startup_timeout - 1)
    moved = after(used, seen(JobPhase.RUNNING, node="n2"))
    assert (moved.state, moved.leader.startup_used) == (State.STARTING, 0.0)
    ready = after(used, probed())
    for _ in range(STRIKES):
        ready = after(ready, probed(ev.Health.UNHEALTHY))
    assert (ready.state, ready.leader.startup_used) == (State.STARTING, 0.0)


def test_a_queued_job_is_kept_while_anyone_asks() -> None:
    asked = after(QUEUED, look(0, held=1), now=NOW + 5000)
    assert asked.state is State.QUEUED
    assert after(asked, look(0), now=NOW + 5000 + POLICY.queue_timeout - 1) == asked


def test_an_open_waiting_page_keeps_the_queued_job() -> None:
    """As long as it is open, and queue_timeout beyond that."""
    watched = after(QUEUED, look(0, watched=True), now=NOW + 5000)
    assert watched.state is State.QUEUED
    end = NOW + 5000 + POLICY.queue_timeout
    assert after(watched, look(0), now=end - 1) == watched
    assert after(watched, look(0), now=end).state is State.DRAINING


@pytest.mark.parametrize("record", [COLD, changed(FAILED, retry_at=0.0), DISABLED, DRAINING])
def test_an_open_waiting_page_starts_nothing(record) -> None:
    assert after(record, look(0, watched=True)) == after(record, look(0))


def test_an_idle_service_is_kept_until_a_hidden_tab_looks() -> None:
    """But the tab is no activity: the idle timer is not reset."""
    idle = READY.last_activity + POLICY.timeout
    assert after(READY, look(0, watched=True), now=idle + 70) == READY
    assert after(READY, look(0), now=idle + 70).reason is Reason.IDLE


def test_a_queued_job_ends_queue_timeout_after_the_last_demand() -> None:
    given_up = after(QUEUED, look(0), now=QUEUED.last_demand + POLICY.queue_timeout)
    assert (given_up.state, given_up.reason) == (State.DRAINING, Reason.QUEUE_TIMEOUT)
    assert after(cancelled(given_up), over(state="CANCELLED")).state is State.COLD


# -- draining


def test_routing_stops_before_the_job_is_cancelled() -> None:
    """The pass that unpublishes has counted requests while they still came through."""
    stopping = decided(READY, look(0), now=NOW + 60)
    assert stopping.record is not None
    assert not routed(stopping.record)
    again = decided(stopping.record, look(0), now=NOW + 60)
    assert Cancel not in {type(a) for a in actions(stopping) + actions(again)}
    later = decided(stopping.record, look(0), now=NOW + 60.2)
    assert Cancel in {type(a) for a in actions(later)}


def test_demand_while_draining_reopens_the_route() -> None:
    """No second job is submitted."""
    decision = decided(DRAINING, ev.Demanded())
    assert decision.record is not None
    assert routed(decision.record)
    assert decision.record.job == DRAINING.job
    assert decision.submission is None


def test_a_request_in_flight_while_draining_reopens_the_route() -> None:
    assert after(DRAINING, look(1)).state is State.READY


def test_demand_for_a_cancelled_job_starts_another_after_its_end() -> None:
    asked = decided(cancelled(), ev.Demanded())
    assert asked.record is not None
    assert asked.record.state is State.DRAINING
    assert not submissions(cancelled(), ev.Demanded())
    assert submissions(asked.record, over()) == [Submit(FRESH)]


def test_demand_for_an_ending_job_starts_another_beside_it() -> None:
    """Slurm may clean up for hours."""
    ending = after(changed(READY, ready_since=NOW - 100), seen(JobPhase.ENDING))
    assert (ending.state, ending.reason) == (State.DRAINING, Reason.ENDED)
    asked = decided(ending, ev.Demanded())
    assert asked.submissions == (Submit(FRESH),)
    assert asked.record is not None
    assert [(one.slot, one.job.name) for one in asked.record.replicas] == [
        (0, READY.job.name),
        (1, FRESH.name),
    ]
    assert after(asked.record, over()).job == FRESH


def test_what_may_have_failed_must_end_before_the_next_attempt() -> None:
    """Or the back-off would not apply."""
    asked = decided(after(READY, seen(JobPhase.ENDING)), ev.Demanded())
    assert not asked.submissions
    assert asked.record is not None
    assert after(asked.record, over()).state is State.FAILED


def test_demand_returns_a_draining_queued_job_to_the_queue() -> None:
    asked = after(draining(Reason.QUEUE_TIMEOUT, job=QUEUED.job), ev.Demanded())
    assert (asked.state, asked.job) == (State.QUEUED, QUEUED.job)


@pytest.mark.parametrize("reason", [Reason.STOPPED, Reason.RESTARTED, Reason.CHANGED])
def test_demand_does_not_reopen_what_an_operator_ended(reason) -> None:
    asked = after(draining(reason), ev.Demanded())
    assert (asked.state, asked.demand) == (State.DRAINING, True)


def test_draining_ends_with_the_last_request_or_drain_timeout() -> None:
    stopped = draining(Reason.STOPPED, since=NOW)
    assert after(stopped, look(3), now=NOW + POLICY.drain_timeout - 1) == stopped
    assert after(stopped, look(0), now=NOW + 1).leader.cancelled
    assert after(stopped, look(3), now=NOW + POLICY.drain_timeout).leader.cancelled


def test_a_stop_with_now_does_not_wait_for_requests() -> None:
    hurried = after(READY, ev.StopAsked(hurry=True))
    assert after(hurried, look(3), now=NOW + 0.2).leader.cancelled
