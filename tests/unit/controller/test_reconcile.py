"""One answer of squeue: who was seen, who is missing, who is a orphan."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from service_management.controller.inbox import QueueAnswer
from service_management.controller.reconcile import match
from service_management.lifecycle.job_views import JobPhase, JobView
from service_management.lifecycle.record import Job, Record
from service_management.lifecycle.states import State

ASKED = 100.0


def record(route: str, job_id: str) -> Record:
    job = Job(f"io.{route}.0.8080.n1", 8080, 50.0, job_id=job_id)
    return Record(route, State.QUEUED, job=job)


def line(name: str, job_id: str, phase: JobPhase = JobPhase.RUNNING) -> JobView:
    return JobView(job_id, name, phase.name, phase)


def compared(views, records, learned=None):
    return match(QueueAnswer("login", views, ASKED), records, learned or {}, "io")


def test_a_job_is_seen_by_its_name_also_before_its_id_is_known() -> None:
    shown = line("io.digits.0.8080.n1", "7")
    found = compared([shown], [record("digits", "")])
    assert found.seen == (("digits", shown),)
    assert (found.missing, found.orphans) == ((), ())


def test_a_job_that_the_answer_does_not_show_is_missing() -> None:
    known = record("digits", "7")
    assert compared([], [known]).missing == (("digits", known.job),)


def test_a_job_whose_id_was_learned_after_squeue_was_asked_is_not_missing() -> None:
    known = record("digits", "7")
    assert compared([], [known], {known.job.name: ASKED}).missing == ()
    assert compared([], [known], {known.job.name: ASKED + 1}).missing == ()
    assert compared([], [known], {known.job.name: ASKED - 1}).missing


def test_a_job_without_an_id_cannot_be_missing() -> None:
    assert compared([], [record("digits", "")]).missing == ()


def test_a_job_with_our_prefix_that_no_record_knows_is_an_orphan() -> None:
    [orphan] = compared([line("io.text.0.20001.zz", "9")], [record("digits", "")]).orphans
    assert (orphan.name.route, orphan.name.port, orphan.view.job_id) == ("text", 20001, "9")


@pytest.mark.parametrize(
    "name", ["other.text.0.1.zz", "io.text", "io", "", "iox.text.0.1.zz", "io.text.0.x.zz"]
)
def test_other_peoples_jobs_are_nobodys_business(name: str) -> None:
    assert compared([line(name, "9")], []).orphans == ()


@pytest.mark.parametrize("phase", [JobPhase.ENDING, JobPhase.ENDED, JobPhase.UNKNOWN])
def test_an_orphan_that_is_ending_or_unclear_is_left_alone(phase: JobPhase) -> None:
    assert compared([line("io.text.0.1.zz", "9", phase)], []).orphans == ()


def test_a_second_job_of_a_route_is_an_orphan_beside_the_recorded_one() -> None:
    mine, other = line("io.digits.0.8080.n1", "7"), line("io.digits.0.8080.n2", "8")
    found = compared([mine, other], [record("digits", "7")])
    assert [view for _, view in found.seen] == [mine]
    assert [orphan.view for orphan in found.orphans] == [other]


@given(some.sets(some.integers(1, 30)), some.sets(some.integers(1, 30)))
def test_every_known_job_is_either_seen_or_missing_and_every_other_an_orphan(known, shown) -> None:
    records = [replace(record(f"r{n}", str(n))) for n in known]
    views = [line(f"io.r{n}.0.8080.n1", str(n)) for n in shown]
    found = compared(views, records)
    assert {route for route, _ in found.seen} == {f"r{n}" for n in known & shown}
    assert {route for route, _ in found.missing} == {f"r{n}" for n in known - shown}
    assert {orphan.name.route for orphan in found.orphans} == {f"r{n}" for n in shown - known}
