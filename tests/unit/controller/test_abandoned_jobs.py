"""A job that an operator gave up, in a controller's passes: watched, cancelled, never adopted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from service_management.controller.inbox import OrphanPort
from service_management.lifecycle import events as ev
from service_management.lifecycle.intervals import TROUBLED_EVERY
from service_management.lifecycle.job_views import JobEnd, JobPhase
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.states import Reason, State
from service_management.store import LogEntry
from tests.unit.controller.harness import START, Harness, cancelled, harness, names
from tests.unit.controller.samples import LOGIN, answer, line, live, with_job
from tests.unit.records import changed, only

STOPPED = changed(with_job("digits", State.DRAINING, START - 10), reason=Reason.STOPPED)
JOB = only(STOPPED).job
OVER = ev.JobOver(JobEnd(JOB.job_id, "CANCELLED"))
SHOWN = line(JOB.name, JOB.job_id)


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[Harness]:
    yield from harness(tmp_path, STOPPED)


@pytest.fixture
def abandoned(stopped: Harness) -> Harness:
    stopped.happen(ev.AbandonAsked(0))
    assert stopped.record().abandoned == (JOB,)
    return stopped


@pytest.fixture
def unanswered(tmp_path: Path) -> Iterator[Harness]:
    """Its submission was never answered."""
    unknown = STOPPED.with_replica(only(STOPPED).with_job(job_id=""))
    for made in harness(tmp_path, unknown):
        made.happen(ev.AbandonAsked(0))
        yield made


def last_entry(harness: Harness) -> LogEntry:
    return harness.store.entries[-1]


def polled(calls) -> list[str]:
    return [call[1] for call in calls if call[0] == "poll_queue"]


def test_it_is_stored_and_the_event_names_the_job(abandoned: Harness) -> None:
    assert abandoned.store.records["digits"].abandoned == (JOB,)
    entry = last_entry(abandoned)
    assert (entry.state, entry.reason) == ("cold", "abandoned")
    assert "an operator gave up its job" in entry.text
    assert "(job 7 on n1)" in entry.text


@pytest.mark.parametrize("phase", [JobPhase.WAITING, JobPhase.RUNNING])
def test_it_is_cancelled_when_the_cluster_shows_it(abandoned: Harness, phase: JobPhase) -> None:
    for _ in range(2):  # until it is over
        shown = line(JOB.name, JOB.job_id, phase)
        calls = abandoned.step(answer(shown, asked_at=abandoned.now))
        assert cancelled(calls) == [JOB.job_id]
    assert abandoned.record().abandoned == (JOB,)
    assert not abandoned.record().active


def test_a_job_that_slurm_cleans_up_after_is_left_alone(abandoned: Harness) -> None:
    shown = line(JOB.name, JOB.job_id, JobPhase.ENDING)
    calls = abandoned.step(answer(shown, asked_at=abandoned.now))
    assert not names(calls) & {"cancel_orphan", "fetch_end"}
    assert abandoned.record().abandoned == (JOB,)


@pytest.mark.parametrize("ended", [False, True])
def test_only_slurms_word_that_it_is_over_forgets_it(abandoned: Harness, ended: bool) -> None:
    shown = [line(JOB.name, JOB.job_id, JobPhase.ENDED)] if ended else []
    calls = abandoned.step(answer(*shown, asked_at=abandoned.now))
    assert ("fetch_end", "digits", JOB) in calls
    assert abandoned.record().abandoned == (JOB,)
    abandoned.happen(OVER)
    assert abandoned.record().abandoned == ()
    assert last_entry(abandoned).text == "the job that an operator gave up is over (job 7 on n1)"


def test_without_an_id_it_is_found_by_its_name(unanswered: Harness) -> None:
    calls = unanswered.step(answer(SHOWN, asked_at=unanswered.now))
    assert cancelled(calls) == [JOB.job_id]
    unanswered.happen(OVER)
    assert unanswered.record().abandoned == ()


def test_a_submission_that_never_arrived_is_forgotten(unanswered: Harness) -> None:
    for after in (1.0, 60.0):
        unanswered.step(answer(asked_at=unanswered.now + after), after=after)
        assert unanswered.record().abandoned
    unanswered.step(answer(asked_at=unanswered.now), after=60.0)
    assert unanswered.record().abandoned == ()


def test_an_answer_of_another_login_tells_nothing_of_its_end(abandoned: Harness) -> None:
    calls = abandoned.step(answer(asked_at=abandoned.now, login_id="other"))
    assert "fetch_end" not in names(calls)


def test_any_login_that_shows_it_cancels_it(abandoned: Harness) -> None:
    """The key was replaced: another login, with the same account."""
    abandoned.step(answer(SHOWN, asked_at=abandoned.now, login_id="other"))
    assert ("cancel_orphan", "other", JOB.job_id) in abandoned.calls


def test_it_is_not_adopted(abandoned: Harness) -> None:
    asked_at = abandoned.now + 1  # later than it was given up
    shown, port = answer(SHOWN, asked_at=asked_at), OrphanPort(LOGIN.id, SHOWN, 8080, asked_at)
    calls = abandoned.step(shown, port)
    assert "ask_orphan_port" not in names(calls)
    assert not abandoned.record().active


def test_a_new_job_starts_beside_it(abandoned: Harness) -> None:
    abandoned.happen(ev.StartAsked())
    new = abandoned.replica().job
    calls = abandoned.step(answer(SHOWN, line(new.name, "8"), asked_at=abandoned.now))
    assert cancelled(calls) == [JOB.job_id]
    abandoned.happen(OVER)
    assert abandoned.replica().job.job_id == "8"
    assert (last_entry(abandoned).state, last_entry(abandoned).reason) == ("gone", "abandoned")


def test_its_login_is_asked_though_no_service_has_it(abandoned: Harness) -> None:
    """And its connection stays open until the job is over."""
    abandoned.step(live())
    assert abandoned.record().removed
    assert polled(abandoned.step(after=TROUBLED_EVERY)) == [LOGIN.id]
    assert abandoned.effects.needed_connections == {(LOGIN.id, 0)}
    abandoned.happen(OVER)
    assert abandoned.records.get("digits") is None
    assert "digits" not in abandoned.store.records
    assert polled(abandoned.step(after=TROUBLED_EVERY)) == []
    assert abandoned.effects.needed_connections == set()


def test_it_outlives_the_control_plane(abandoned: Harness, tmp_path: Path) -> None:
    for next_one in harness(tmp_path, abandoned.store.records["digits"]):
        calls = next_one.step(answer(SHOWN, asked_at=next_one.now))
        assert cancelled(calls) == [JOB.job_id]


def test_an_unreadable_specification_is_replaced(tmp_path: Path) -> None:
    """By the service's own, as for a replica's job."""
    job = replace(JOB, spec="by another version")
    for made in harness(tmp_path, ServiceRecord("digits", abandoned=(job,))):
        assert made.record().abandoned == (JOB,)
        assert cancelled(made.step(answer(SHOWN, asked_at=made.now))) == [JOB.job_id]
