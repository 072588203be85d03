"""A job that an operator gave up: it counts for nothing, and is remembered until it is over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service_management.lifecycle import events as ev
from service_management.lifecycle.job_views import JobPhase
from service_management.lifecycle.policy import ABSENT_CONFIRMED, SUBMIT_SETTLED
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.states import Phase, Reason, State
from service_management.lifecycle.transitions import decide
from tests.unit.records import changed, only

from .samples import (
    NOW,
    OLD,
    QUEUED,
    READY,
    STARTING,
    SUBMITTING,
    after,
    context,
    decided,
    draining,
    over,
    refused,
    seen,
)

STOPPED = draining(Reason.STOPPED)
ABANDON = ev.AbandonAsked(0)
ABANDONED = after(STOPPED, ABANDON)
NEVER_ANSWERED = after(draining(Reason.STOPPED, job=SUBMITTING.job), ABANDON)


def test_a_draining_job_is_given_up_and_its_service_free() -> None:
    assert (ABANDONED.state, ABANDONED.reason) == (State.COLD, Reason.ABANDONED)
    assert ABANDONED.abandoned == (only(STOPPED).job,)
    assert ABANDONED.since == NOW


def test_the_next_request_starts_another_job() -> None:
    started = decided(ABANDONED, ev.Demanded())
    assert started.submission
    assert started.record.state is State.QUEUED
    assert started.record.abandoned == ABANDONED.abandoned


def test_a_request_that_waits_gets_another_job_at_once() -> None:
    waiting = replace(STOPPED, demand=True)
    assert decided(waiting, ABANDON).submission


@pytest.mark.parametrize("record", [QUEUED, STARTING, READY])
def test_what_does_not_drain_is_not_given_up(record: ServiceRecord) -> None:
    assert decide(record, ABANDON, context()) == record


def test_a_slot_without_a_replica_changes_nothing() -> None:
    assert decide(STOPPED, ev.AbandonAsked(3), context()) == STOPPED


def test_the_other_replicas_of_a_service_go_on() -> None:
    other = replace(only(READY), slot=1, job=replace(only(READY).job, name="io.digits.s1.x"))
    left = decide(STOPPED.with_replica(other), ABANDON, context())
    assert left is not None
    assert [one.phase for one in left.replicas] == [Phase.READY]
    assert len(left.abandoned) == 1


def test_a_disabled_service_stays_disabled() -> None:
    disabled = changed(draining(Reason.DISABLED), enabled=False)
    assert after(disabled, ABANDON).state is State.DISABLED


# -- what Slurm says of it later


@pytest.mark.parametrize("event", [over(), ev.JobOver(replace(over().end, state="UNKNOWN"))])
def test_it_is_forgotten_when_slurm_says_that_it_is_over(event: ev.Event) -> None:
    assert after(ABANDONED, event) == replace(ABANDONED, abandoned=())


def test_a_submission_that_failed_is_forgotten() -> None:
    assert after(NEVER_ANSWERED, refused()).abandoned == ()


@pytest.mark.parametrize("event", [ev.Submitted(OLD, "7"), seen(JobPhase.RUNNING)])
def test_its_id_is_learned_by_its_name(event: ev.Event) -> None:
    known = after(NEVER_ANSWERED, event)
    assert [job.job_id for job in known.abandoned] == ["7"]
    assert after(known, over()).abandoned == ()


@pytest.mark.parametrize("phase", JobPhase)
def test_a_job_that_slurm_shows_is_remembered(phase: JobPhase) -> None:
    assert after(ABANDONED, seen(phase)) == ABANDONED


def test_without_an_id_two_late_denials_forget_it() -> None:
    """Before, a submission whose answer was lost may still arrive."""
    intended = NEVER_ANSWERED.abandoned[0].intended_at
    denied = ev.JobAbsent(OLD)
    early = after(NEVER_ANSWERED, denied, now=intended + SUBMIT_SETTLED - 1)
    assert early == NEVER_ANSWERED
    once = after(early, denied, now=intended + SUBMIT_SETTLED)
    assert [job.name for job in once.abandoned] == [OLD]
    last = intended + SUBMIT_SETTLED + ABSENT_CONFIRMED
    assert after(once, denied, now=last).abandoned == ()


def test_with_an_id_a_denial_of_its_name_means_nothing() -> None:
    assert after(ABANDONED, ev.JobAbsent(OLD), now=NOW + 1000) == ABANDONED


def test_a_word_about_another_job_changes_nothing() -> None:
    for event in (over(job_id="8"), ev.JobAbsent("other"), refused("other")):
        assert after(NEVER_ANSWERED, event) == NEVER_ANSWERED
        assert after(ABANDONED, event) == ABANDONED


# -- a service that leaves the configuration


def test_a_removed_service_is_kept_until_its_job_is_over() -> None:
    removed = after(ABANDONED, ev.Removed())
    assert removed.removed
    assert decided(removed, over()).record is None


def test_a_job_of_a_removed_service_can_be_given_up() -> None:
    removed = after(after(STOPPED, ev.Removed()), ABANDON)
    assert (removed.removed, removed.replicas, len(removed.abandoned)) == (True, (), 1)
    assert decided(removed, over()).record is None


def test_a_service_that_comes_back_has_its_abandoned_job() -> None:
    back = after(after(ABANDONED, ev.Removed()), ev.Restored())
    assert (back.removed, back.abandoned) == (False, ABANDONED.abandoned)
    assert decided(back, ev.Demanded()).submission


def test_its_times_follow_a_clock_that_was_set() -> None:
    assert ABANDONED.moved(60).abandoned[0].intended_at == NOW - 10 + 60
