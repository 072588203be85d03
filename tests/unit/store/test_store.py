"""State is written whole, in one transaction, and read back by the next process."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from service_management.lifecycle.findings import Finding, Listening, Saw
from service_management.lifecycle.record import Failure, ServiceRecord, StartTimes
from service_management.lifecycle.replica import Job, Replica, Silence
from service_management.lifecycle.states import Phase, Reason, State
from service_management.store import EVENTS_KEPT, LogEntry, Store
from tests.unit.records import a_record, only

JOB = Job(
    name="io.digits.0.8080.ab12",
    port=8080,
    intended_at=1.5,
    spec='{"login": {}}',
    job_id="7",
    slurm_state="PENDING",
    slurm_reason="Priority",
    node="n1",
    estimated_start=2.5,
    end_time=3.5,
    submitted_at=4.25,
    started_at=4.5,
    ending=True,
    token="t0k3n",
    apart_from=("n2",),
    contested=True,
    walltime_end=16.5,
    draining=True,
    absent_since=5.5,
    finding=Finding(Saw.REFUSED, "/health", 503, (Listening("127.0.0.1", 8000),)),
    found_at=5.75,
)
FAILURE = Failure(
    at=6.5,
    reason=Reason.ENDED_AT_START,
    text="it crashed; „ü“",
    job_id="6",
    slurm_state="FAILED",
    exit_code=3,
    signal=9,
    node="n2",
    output=("Traceback", "no such model"),
    output_file="/home/jo/slurm-6.out",
    command="sbatch run_model.sh 8080",
    kind="auth",
)
REPLICA = Replica(
    route="digits",
    slot=1,
    job=JOB,
    phase=Phase.DRAINING,
    since=7.5,
    reason=Reason.IDLE,
    ready_since=10.5,
    startup_used=12.5,
    strikes=1,
    silence=Silence(2, 13.5, others_answer=True),
    retiring=Reason.CHANGED,
    cancelled=True,
)
SECOND = Replica("digits", 4, replace(JOB, name="io.digits.s4.cd34", job_id="8"), Phase.READY)
FULL = ServiceRecord(
    route="digits",
    replicas=(REPLICA, SECOND),
    demand=True,
    asked_by="1795261459.921-2434-46-1",
    enabled=False,
    removed=True,
    last_demand=8.5,
    last_activity=9.5,
    busy=True,
    failures=2,
    retry_at=11.5,
    last_failure=FAILURE,
    starts=(StartTimes(queue=13.5, load=14.5),),
    abandoned=(replace(JOB, name="io.digits.s2.ef56", job_id="9"),),
    resting_since=15.5,
    resting_reason=Reason.STOPPED,
    failed=True,
)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Each call opens the same file again, as the next process would."""
    stores: list[Store] = []

    def open_it() -> Store:
        stores.append(Store(f"sqlite:///{tmp_path / 'state' / 'state.db'}"))
        return stores[-1]

    yield open_it
    for store in stores:
        store.close()


def entry(number: int, route: str = "digits") -> LogEntry:
    return LogEntry(route, float(number), "ready", "healthy", f"event {number}")


@pytest.mark.parametrize(
    "whole", [JOB, FAILURE, REPLICA, FULL], ids=["job", "failure", "replica", "record"]
)
def test_the_sample_sets_every_field_to_a_distinct_value(whole) -> None:
    """So that a field which is added and not stored shows."""
    for field in fields(whole):
        assert getattr(whole, field.name) != field.default


def test_every_field_survives_a_new_process(opened) -> None:
    opened().save([FULL])
    assert opened().load() == {"digits": FULL}


def test_an_unreadable_record_does_not_hide_the_others(opened, tmp_path: Path) -> None:
    opened().save([FULL, ServiceRecord("text")])
    with sqlite3.connect(tmp_path / "state" / "state.db") as file:
        file.execute("UPDATE services SET record = '{' WHERE route = 'digits'")
    assert opened().load() == {"text": ServiceRecord("text")}
    file.close()


def test_a_fresh_record_survives_too(opened) -> None:
    opened().save([ServiceRecord("digits")])
    assert opened().load() == {"digits": ServiceRecord("digits")}


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some.text(some.characters(exclude_categories=["Cs"])), some.floats(0, 1e10))
def test_whatever_slurm_said_is_read_back_as_it_was(opened, words: str, at: float) -> None:
    record = replace(FULL, last_failure=replace(FAILURE, at=at, text=words, output=(words,)))
    store = opened()
    store.save([record], entries=[LogEntry("digits", at, "failed", "idle", words)])
    assert store.load()["digits"] == record
    assert store.events("digits")[-1].text == words


def test_the_last_word_on_a_service_counts(opened) -> None:
    store = opened()
    store.save([FULL, ServiceRecord("text")])
    store.save([replace(FULL, failures=5)])
    assert {route: record.failures for route, record in store.load().items()} == {
        "digits": 5,
        "text": 0,
    }


def test_a_forgotten_service_is_deleted_unless_added_again(opened) -> None:
    store = opened()
    store.save([FULL, ServiceRecord("text")])
    store.save([ServiceRecord("digits")], forgotten=["digits", "text"])
    assert store.load() == {"digits": ServiceRecord("digits")}


def test_a_pass_is_written_whole_or_not_at_all(opened) -> None:
    store = opened()
    store.save([FULL], entries=[entry(1)])
    impossible = replace(entry(2), text=object())
    with pytest.raises(sa.exc.SQLAlchemyError):
        store.save([replace(FULL, failures=9)], entries=[impossible])
    assert store.load() == {"digits": FULL}
    assert store.events("digits") == [entry(1)]


def test_an_intent_is_in_the_file_before_anything_is_done(opened) -> None:
    """The process is killed right after `save`: what the next one reads is the intent."""
    job = Job("io.digits", 1, 1.0)
    opened().save([a_record("digits", State.QUEUED, 1.0, Reason.SUBMITTING, job)])
    found = only(opened().load()["digits"]).job
    assert (found.name, found.job_id) == ("io.digits", "")


def test_the_next_replicas_intent_is_beside_the_ready_one(opened) -> None:
    ready = a_record("digits", State.READY, 1.0, job=JOB)
    intent = Replica("digits", 1, Job("io.digits.s1", 1, 2.0), reason=Reason.SUBMITTING)
    store = opened()
    store.save([ready])
    store.save([ready.with_replica(intent)])
    found = opened().load()["digits"]
    assert [(one.slot, one.job.job_id) for one in found.replicas] == [(0, "7"), (1, "")]
    store.save([found.without(only(ready))])
    assert only(opened().load()["digits"]) == intent


def test_writing_waits_for_the_disk(opened) -> None:
    with opened()._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_events_are_in_order_and_only_a_services_own(opened) -> None:
    store = opened()
    store.save([], entries=[entry(1), entry(2, "text"), entry(3)])
    assert opened().events("digits") == [entry(1), entry(3)]
    assert store.events("nothing") == []


def test_only_the_last_events_of_each_service_are_kept(opened) -> None:
    store = opened()
    store.save([], entries=[entry(0, "text")])
    for number in range(EVENTS_KEPT + 20):
        store.save([], entries=[entry(number)])
    with store._engine.connect() as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM events").scalar()
    assert count == EVENTS_KEPT + 1
    assert [e.at for e in store.events("digits")] == list(range(20, EVENTS_KEPT + 20))
    assert store.events("text") == [entry(0, "text")]


def test_notes_survive_and_are_replaced(opened) -> None:
    store = opened()
    assert store.noted("catalogue") is None
    store.note("catalogue", ["old"])
    store.note("catalogue", [{"name": "Digits"}])
    assert opened().noted("catalogue") == [{"name": "Digits"}]


def test_the_files_directory_is_made(opened, tmp_path: Path) -> None:
    opened()
    assert stat.S_ISDIR((tmp_path / "state").stat().st_mode)


def test_opening_waits_for_another_process_writing_a_new_store(tmp_path: Path) -> None:
    """SQLite refuses the switch to WAL at once then, whatever its `busy_timeout`."""
    other = sqlite3.connect(
        tmp_path / "state.db", isolation_level=None, check_same_thread=False, timeout=0
    )
    other.execute("CREATE TABLE other (x)")
    other.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.2, other.execute, ("COMMIT",))
    done.start()
    store = Store(f"sqlite:///{tmp_path / 'state.db'}")
    assert store.load() == {}
    done.join()
    store.close()
    other.close()
