"""Back-off, jobs that are not found, and how often Slurm and services are polled."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from service_management.lifecycle import intervals, policy
from service_management.slurm import client
from tests.unit.records import only

from .samples import (
    ALWAYS_ON,
    DRAINING,
    NOW,
    POLICY,
    QUEUED,
    READY,
    STARTING,
    SUBMITTING,
    cancelled,
)


def test_backoff_doubles_and_is_capped() -> None:
    assert [policy.backoff(n) for n in (1, 2, 3, 4)] == [2.0, 4.0, 8.0, 16.0]
    assert policy.backoff(9) == policy.backoff(10_000) == policy.BACKOFF_MAX


@given(some.integers(-5, 10**9))
def test_backoff_never_shrinks_and_stays_within_its_limits(failures: int) -> None:
    pause = policy.backoff(failures)
    assert policy.BACKOFF_FIRST <= pause <= policy.backoff(failures + 1) <= policy.BACKOFF_MAX


@given(some.floats(0, 1000), some.floats(0, 1000))
def test_absence_is_final_only_late_and_denied_twice(first: float, second: float) -> None:
    denied = only(SUBMITTING).with_job(intended_at=NOW, absent_since=NOW + first)
    final = policy.absence_is_final(denied.job, NOW + first + second)
    late = NOW + first - NOW >= policy.SUBMIT_SETTLED
    assert final == (late and NOW + first + second - (NOW + first) >= policy.ABSENT_CONFIRMED)


def test_a_submission_is_given_up_only_once_it_cannot_arrive() -> None:
    latest_start = client.TIMEOUT  # its deadline on the login host
    longest_run = client.TIMEOUT - client.REPLY_TIME
    assert latest_start + longest_run < policy.SUBMIT_SETTLED


def test_absence_is_never_final_without_a_denial() -> None:
    assert not policy.absence_is_final(only(SUBMITTING).job, NOW + 1e9)


def test_an_always_on_service_has_no_idle_or_queue_timeout() -> None:
    assert not policy.idle(READY, ALWAYS_ON, NOW + 1e9)
    assert not policy.queue_patience_over(QUEUED, ALWAYS_ON, NOW + 1e9)


def test_the_startup_budget_counts_what_probes_have_seen() -> None:
    """However long ago the job started: the control plane or SSH may have been away."""
    started = replace(only(STARTING), since=NOW - 10 * POLICY.startup_timeout)
    assert not policy.startup_over(started, POLICY)
    almost = replace(started, startup_used=POLICY.startup_timeout - 0.1)
    assert not policy.startup_over(almost, POLICY)
    assert policy.startup_over(replace(started, startup_used=POLICY.startup_timeout), POLICY)


def test_draining_ends_with_patience() -> None:
    stopped = replace(only(DRAINING), since=NOW)
    assert not policy.drain_over(stopped, POLICY, NOW + POLICY.drain_timeout - 1)
    assert policy.drain_over(stopped, POLICY, NOW + POLICY.drain_timeout)


@pytest.mark.parametrize("record", [QUEUED, STARTING, READY, DRAINING, cancelled()])
def test_polls_and_probes_slow_down_but_never_stop(record) -> None:
    replica = only(record)
    ages = [record.since + age for age in (0, 4, 9, 29, 60, 200, 400, 10_000)]
    for interval in (intervals.queue_interval, intervals.probe_interval):
        paces = [interval(replica, now) for now in ages]
        assert paces == sorted(paces)
        assert 0.1 <= paces[0] <= paces[-1] <= 12.0


def test_polls_are_frequent_during_changes_and_rare_when_steady() -> None:
    for record in (QUEUED, STARTING, cancelled(DRAINING)):
        assert intervals.queue_interval(replace(only(record), since=NOW), NOW) == 1.0
    assert intervals.queue_interval(only(READY), READY.since + 1) == 12.0


def test_a_suspect_service_is_probed_sooner() -> None:
    suspect = replace(only(READY), strikes=1)
    assert intervals.probe_interval(suspect, NOW) < intervals.probe_interval(only(READY), NOW)
