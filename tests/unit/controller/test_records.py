"""The records during one pass: what changed, what must reach the disk, what is logged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from service_management.controller.job_spec import spec_of
from service_management.controller.records import SOFT_SAVE, Records
from service_management.lifecycle import events as ev
from service_management.lifecycle.actions import Find, Submit
from service_management.lifecycle.job_views import JobEnd, JobPhase, JobView
from service_management.lifecycle.policy import SPEAKS_FOR
from service_management.lifecycle.record import Record
from service_management.lifecycle.states import Reason, State
from service_management.slurm.job_names import parse_job_name
from service_management.store import Store

from .samples import KEY_DIR, configured, with_job

NOW = 1000.0


def ledger(records=None, **keys) -> Records:
    book = Records("io", KEY_DIR, records or {})
    book.configure({"digits": configured(**keys)})
    book.take()
    return book


def queued() -> Records:
    book = ledger()
    book.apply("digits", ev.Demanded("r1"), NOW)
    book.take()
    return book


def ready() -> Record:
    return replace(with_job("digits", State.READY, NOW), reason=Reason.HEALTHY)


def test_a_service_never_heard_of_begins_cold_and_known_ones_stay() -> None:
    book = Records("io", KEY_DIR, {"digits": ready()})
    book.configure({"digits": configured(), "text": configured("text")})
    assert book.records == {"digits": ready(), "text": Record("text")}
    assert set(book.take().records) == {"text"}


def test_an_event_for_a_service_nobody_knows_does_nothing() -> None:
    book = ledger()
    book.apply("nothing", ev.Demanded(), NOW)
    assert book.take().records == {}


def test_an_intent_is_durable_and_its_submission_is_the_action() -> None:
    book = ledger()
    book.apply("digits", ev.Demanded(), NOW)
    changes = book.take()
    job = changes.records["digits"].job
    assert changes.durable == {"digits"}
    assert changes.actions == [("digits", Submit(job)), ("digits", Find(job))]


def test_a_jobs_name_says_whose_it_is_and_its_spec_how_it_was_submitted() -> None:
    book = ledger(remote_port="auto")
    job, other = book.fresh_job("digits", NOW), book.fresh_job("digits", NOW)
    name = parse_job_name(job.name)
    assert (name.prefix, name.route, name.port) == ("io", "digits", job.port)
    assert job.name != other.name
    assert spec_of(job) == book.specs["digits"]


def test_those_with_a_job_are_active_and_no_longer_once_it_is_gone() -> None:
    book = Records("io", KEY_DIR, {"digits": ready(), "text": Record("text")})
    book.configure({"digits": configured(), "text": configured("text")})
    assert book.active() == [book.records["digits"]]
    book.apply("text", ev.Demanded(), NOW)
    assert {record.route for record in book.active()} == {"digits", "text"}
    job = book.records["text"].job
    book.apply("text", ev.SubmitFailed(job.name, Reason.SUBMIT_REJECTED, "no"), NOW)
    book.apply("digits", ev.Removed(), NOW)
    assert book.active() == [book.records["digits"]]
    book.apply("digits", ev.JobOver(JobEnd("7", "CANCELLED")), NOW)
    assert book.active() == []


def test_services_that_are_kept_running_are_known_by_name() -> None:
    book = ledger(min_replicas=1)
    assert book.always_on == {"digits"}
    book.configure({"digits": configured()})
    assert book.always_on == frozenset()


def test_without_its_configuration_nothing_is_submitted_and_nothing_is_given_up() -> None:
    """After a restart, before the configuration has been read."""
    book = Records("io", KEY_DIR, {"digits": ready(), "text": Record("text")})
    book.apply("digits", ev.Ticked(0), NOW + 1e6)
    book.apply("text", ev.Demanded(), NOW)
    book.apply("text", ev.Ticked(0, held=3), NOW)
    assert book.records == {"digits": ready(), "text": Record("text")}


def test_the_configurations_numbers_are_the_policy() -> None:
    book = ledger({"digits": ready()}, timeout=7)
    book.apply("digits", ev.Demanded(), NOW)
    book.apply("digits", ev.Ticked(0), NOW + SPEAKS_FOR + 6.9)
    assert book.records["digits"].state is State.READY
    book.apply("digits", ev.Ticked(0), NOW + SPEAKS_FOR + 7)
    assert book.records["digits"].state is State.DRAINING


def test_activity_reaches_the_disk_now_and_then_and_a_state_always() -> None:
    book = ledger({"digits": ready()})
    saved = []
    for tenth in range(int(SOFT_SAVE * 20)):
        book.apply("digits", ev.Demanded(), NOW + tenth / 10)
        saved += book.take().durable
    assert len(saved) == 2
    book.apply("digits", ev.StopAsked(), NOW + tenth / 10)
    assert book.take().durable == {"digits"}


def test_what_changed_nothing_is_not_written() -> None:
    book = ledger({"digits": ready()})
    book.apply("digits", ev.Ticked(None), NOW)
    changes = book.take()
    assert (changes.records, changes.durable, changes.entries) == ({}, set(), [])
    assert changes.actions  # its duties are asked for all the same


def test_a_line_is_logged_where_a_state_is_entered_or_a_job_is_named_and_nowhere_else() -> None:
    book = ledger()
    for event in (ev.Demanded("r1"), ev.Demanded("r2"), ev.Ticked(0), ev.Ticked(0, held=1)):
        book.apply("digits", event, NOW)
    job = book.records["digits"].job
    for _ in range(2):
        book.apply("digits", ev.Submitted(job.name, "7"), NOW + 1)
    view = JobView("7", job.name, "RUNNING", JobPhase.RUNNING, node="n1")
    for _ in range(2):
        book.apply("digits", ev.JobSeen(view), NOW + 2)
    texts = [(entry.state, entry.text) for entry in book.take().entries]
    assert texts == [
        ("queued", "the job is being submitted (request r1)"),
        ("queued", "the job waits in Slurm's queue (job 7)"),
        (
            "starting",
            "the job runs; the service does not answer its health path yet (job 7 on n1)",
        ),
    ]


def test_a_failures_entry_is_all_that_is_known_of_the_attempt() -> None:
    book = queued()
    refusal = ev.SubmitFailed(
        book.records["digits"].job.name, Reason.SUBMIT_REJECTED, "invalid partition", "sbatch"
    )
    book.apply("digits", refusal, NOW)
    assert [e.text for e in book.take().entries] == ["invalid partition\nCommand: sbatch"]


def test_the_line_of_a_job_that_ended_says_how() -> None:
    book = ledger({"digits": ready()})
    book.apply("digits", ev.JobOver(JobEnd("7", "TIMEOUT")), NOW)
    [entry] = book.take().entries
    assert (entry.state, entry.reason) == ("failed", "ended_at_start")
    assert "job 7: Slurm says TIMEOUT" in entry.text


def test_changes_that_could_not_be_committed_are_in_the_next_pass() -> None:
    book = ledger()
    book.apply("digits", ev.Demanded("r1"), NOW)
    lost = book.take()
    book.give_back(lost)
    job = book.records["digits"].job
    book.apply("digits", ev.Submitted(job.name, "7"), NOW + 1)
    changes = book.take()
    assert changes.records["digits"].job.job_id == "7"
    assert changes.durable == {"digits"}
    assert changes.actions[0] == ("digits", Submit(job))
    assert [entry.state for entry in changes.entries] == ["queued", "queued"]


def test_newer_changes_win_over_those_given_back() -> None:
    book = ledger()
    book.apply("digits", ev.Demanded(), NOW)
    lost = book.take()
    book.apply("digits", ev.StopAsked(), NOW + 1)
    book.give_back(lost)
    assert book.take().records["digits"].state is State.DRAINING


def test_a_removed_service_without_a_job_is_forgotten() -> None:
    book = ledger()
    book.configure({})
    book.apply("digits", ev.Removed(), NOW)
    changes = book.take()
    assert (changes.forgotten, changes.records, book.records) == ({"digits"}, {}, {})


def test_a_service_added_again_before_it_was_gone_begins_anew_and_is_stored() -> None:
    book = ledger({"digits": ready()})
    book.apply("digits", ev.Removed(), NOW)
    book.configure({"digits": configured()})
    book.apply("digits", ev.JobOver(JobEnd("7", "CANCELLED")), NOW + 1)
    changes = book.take()
    assert book.records["digits"] == Record("digits", since=NOW + 1)
    assert (changes.forgotten, changes.durable) == ({"digits"}, {"digits"})
    assert changes.records == book.records


@pytest.fixture
def store(tmp_path: Path):
    store = Store(f"sqlite:///{tmp_path}/state.db")
    yield store
    store.close()


def test_a_process_killed_between_saving_and_acting_finds_its_job_and_submits_no_other(
    store: Store,
) -> None:
    before = ledger()
    before.apply("digits", ev.Demanded(), NOW)
    changes = before.take()
    store.save(changes.records.values(), changes.forgotten, changes.entries)
    # Here it is killed: nobody knows whether sbatch ran.
    after = ledger(store.load())
    after.apply("digits", ev.Demanded(), NOW + 1)
    after.apply("digits", ev.Ticked(0, held=300), NOW + 1)
    [action, *_] = [action for _, action in after.take().actions]
    assert action == Find(before.records["digits"].job)
    assert after.records["digits"].job == before.records["digits"].job


def test_a_port_that_is_chosen_is_not_one_that_another_job_of_ours_has(monkeypatch) -> None:
    """Both may run on one node, and the wrong service would answer the health path."""
    book = ledger(remote_port="auto")
    book.configure({route: configured(route, remote_port="auto") for route in ("digits", "text")})
    nonces = iter(["00000001", "00000001", "00000002"])
    monkeypatch.setattr("secrets.token_hex", lambda _size: next(nonces))
    for route in ("digits", "text"):
        book.apply(route, ev.Demanded(), NOW)
    assert book.records["digits"].job.port != book.records["text"].job.port


def test_what_happens_to_a_running_service_makes_no_job_that_nobody_needs(monkeypatch) -> None:
    book = ledger({"digits": ready()}, remote_port="auto")
    monkeypatch.setattr("secrets.token_hex", lambda _size: pytest.fail("a job was made"))
    job = book.records["digits"].job
    running = JobView("7", job.name, "RUNNING", JobPhase.RUNNING, node="n1")
    for event in (
        ev.Demanded(),
        ev.Ticked(0),
        ev.Probed(job.name, ev.Health.HEALTHY),
        ev.JobSeen(running),
    ):
        book.apply("digits", event, NOW)
    assert book.records["digits"].state is State.READY


def test_a_restarted_service_gets_its_new_job_once_the_old_one_is_over() -> None:
    book = ledger({"digits": ready()})
    old = book.records["digits"].job
    book.apply("digits", ev.RestartAsked(), NOW)
    book.apply("digits", ev.JobOver(JobEnd("7", "CANCELLED")), NOW)
    assert book.records["digits"].state is State.QUEUED
    assert book.records["digits"].job.name != old.name
