"""Records of schema 0002, where a service had one job whose state was its own."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from service_management.lifecycle import events as ev
from service_management.lifecycle import planner
from service_management.lifecycle.actions import Cancel, Find, required_actions
from service_management.lifecycle.activity import Seen
from service_management.lifecycle.decision import Context
from service_management.lifecycle.job_views import JobEnd
from service_management.lifecycle.policy import Policy
from service_management.lifecycle.record import Failure, ServiceRecord, StartTimes
from service_management.lifecycle.replica import Job, Replica
from service_management.lifecycle.states import Phase, Reason, State
from service_management.lifecycle.transitions import decide
from service_management.store import Store
from tests.stack.stores import RELEASED, restore
from tests.unit.records import only

NOW = 100.0
CONTEXT = Context(NOW, Policy(timeout=600.0))
NAME = "io.digits.0.8080.ab12"
JOB = {"name": NAME, "port": 8080, "intended_at": 1.5, "spec": "{}", "job_id": "7", "node": "n1"}
FAILURE = {"at": 6.5, "reason": "ended_at_start", "text": "it crashed", "output": ["Traceback"]}
WITH_JOB = ("queued", "starting", "ready", "draining")
Migrated = Callable[..., ServiceRecord]


def old(state: str, reason: str = "", **changes: Any) -> dict[str, Any]:
    """A record as the version before wrote it, with every field."""
    return {
        "route": "digits",
        "state": state,
        "since": 7.5,
        "reason": reason,
        "job": {**JOB, "cancelled": False} if state in WITH_JOB else None,
        "last_demand": 8.5,
        "last_activity": 9.5,
        "busy": False,
        "ready_since": None,
        "startup_used": 0.0,
        "strikes": 0,
        "failures": 0,
        "retry_at": 0.0,
        "last_failure": None,
        "starts": [],
        "after": "cold",
        "again": False,
        "hurry": False,
        **changes,
    }


def loaded(file: Path, *rows: tuple[str, str]) -> dict[str, ServiceRecord]:
    """The store of a released version, with these records in it, opened by this one."""
    restore(RELEASED[-1], file)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("DELETE FROM services")
        database.executemany("INSERT INTO services VALUES (?, ?)", rows)
    store = Store(f"sqlite:///{file}")
    try:
        return store.load()
    finally:
        store.close()


@pytest.fixture
def migrated(tmp_path: Path) -> Migrated:
    def migrate(state: str, reason: str = "", **changes: Any) -> ServiceRecord:
        text = json.dumps(old(state, reason, **changes))
        return loaded(tmp_path / "state.db", ("digits", text))["digits"]

    return migrate


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("cold", ""),
        ("cold", "stopped"),
        ("queued", "submitting"),
        ("queued", "adopted"),
        ("starting", "unhealthy"),
        ("ready", "healthy"),
        ("draining", "idle"),
        ("failed", "ended_at_start"),
        ("disabled", "disabled_by_operator"),
    ],
)
def test_a_service_is_in_the_state_it_was_in(migrated: Migrated, state: str, reason: str) -> None:
    record = migrated(state, reason)
    assert (record.state, record.reason, record.since) == (state, reason, 7.5)
    assert (record.last_demand, record.last_activity) == (8.5, 9.5)
    assert len(record.replicas) == (state in WITH_JOB)
    assert record.demand == (state in ("queued", "starting", "ready"))
    assert record.enabled == (state != "disabled")
    assert not record.removed


def test_a_job_becomes_the_replica_in_slot_0(migrated: Migrated) -> None:
    fields = {"ready_since": 10.5, "startup_used": 12.5, "strikes": 1}
    record = migrated("ready", "healthy", busy=True, **fields)
    job = Job(NAME, 8080, 1.5, "{}", "7", node="n1")
    assert only(record) == Replica(
        "digits", 0, job, Phase.READY, 7.5, Reason.HEALTHY, 10.5, startup_used=12.5, strikes=1
    )
    assert record.busy


def test_failures_and_start_times_stay(migrated: Migrated) -> None:
    fields = {"failures": 2, "retry_at": 11.5, "starts": [{"queue": 13.5, "load": 14.5}]}
    record = migrated("failed", "ended_at_start", last_failure=FAILURE, **fields)
    assert (record.state, record.failures, record.retry_at) == (State.FAILED, 2, 11.5)
    assert record.starts == (StartTimes(queue=13.5, load=14.5),)
    failure = Failure(6.5, Reason.ENDED_AT_START, "it crashed", output=("Traceback",))
    assert record.last_failure == failure


def test_an_intent_without_an_id_is_looked_for(migrated: Migrated) -> None:
    """And not submitted a second time."""
    record = migrated("queued", "submitting", job={**JOB, "job_id": "", "node": ""})
    (action,) = required_actions(only(record))
    assert isinstance(action, Find)
    assert planned(record) == record


# -- draining


def planned(record: ServiceRecord, seen: Seen | None = None) -> ServiceRecord:
    return planner.planned(record, seen, CONTEXT, lambda slot: Job(f"new.{slot}", 1, NOW))


def over(record: ServiceRecord) -> ServiceRecord | None:
    """Slurm says that its job has ended."""
    return decide(record, ev.JobOver(JobEnd("7", "CANCELLED")), CONTEXT)


@pytest.mark.parametrize(
    ("reason", "after", "state"),
    [
        ("idle", "cold", State.COLD),
        ("queue_timeout", "cold", State.COLD),
        ("stopped", "cold", State.COLD),
        ("restarted", "cold", State.COLD),
        ("config_changed", "cold", State.COLD),
        ("removed_from_config", "cold", State.COLD),  # added again while it drained
        ("startup_timeout", "failed", State.FAILED),
        ("disabled_by_operator", "disabled", State.DISABLED),
        ("removed_from_config", None, None),
    ],
)
@pytest.mark.parametrize("again", [False, True], ids=["", "again"])
def test_a_drain_leads_where_it_led(
    migrated: Migrated, reason: str, after: str | None, state: State | None, again: bool
) -> None:
    record = migrated("draining", reason, after=after, again=again and after == "cold")
    ended = over(record)
    assert (ended and ended.state) == state
    if ended is None:
        return
    following = planned(ended)
    assert following.active == (again and after == "cold")
    if state is not State.COLD:
        assert (ended.reason, ended.since) == (reason, NOW)


def test_a_job_that_was_ending_by_itself_is_reported(migrated: Migrated) -> None:
    job = {**JOB, "ending": True}
    ended = over(migrated("draining", "job_ended", ready_since=1.0, job=job))
    assert ended is not None
    assert (ended.state, ended.reason) == (State.COLD, Reason.ENDED)
    assert ended.last_failure is not None
    assert ended.last_failure.job_id == "7"


@pytest.mark.parametrize("reason", ["idle", "queue_timeout", "stopped"])
def test_a_drain_with_again_waits_for_the_old_job(migrated: Migrated, reason: str) -> None:
    """It was being cancelled: nothing leads back to it."""
    job = {**JOB, "cancelled": True}
    record = migrated("draining", reason, again=True, job=job)
    assert record.demand
    assert only(planned(record, Seen({0: 0}))).job.name == NAME
    assert only(planned(record, Seen({0: 0}))).phase is Phase.DRAINING


@pytest.mark.parametrize(
    ("hurry", "cancelled"), [(False, False), (True, False), (False, True), (True, True)]
)
def test_a_cancellation_that_was_decided_is_repeated(
    migrated: Migrated, hurry: bool, cancelled: bool
) -> None:
    """Also one that was to come without waiting for requests in flight."""
    job = {**JOB, "cancelled": cancelled}
    replica = only(migrated("draining", "stopped", hurry=hurry, job=job))
    assert replica.cancelled == (hurry or cancelled)
    assert any(isinstance(one, Cancel) for one in required_actions(replica)) == replica.cancelled


def test_an_undecided_drain_waits_for_requests_in_flight(migrated: Migrated) -> None:
    record = migrated("draining", "stopped", since=NOW - 1)
    assert not only(planned(record, Seen({0: 1}))).cancelled
    assert only(planned(record, Seen({0: 0}))).cancelled


def test_a_drained_idle_job_is_kept_for_a_request(migrated: Migrated) -> None:
    record = migrated("draining", "idle", since=NOW - 1)
    asked = decide(record, ev.Demanded(), CONTEXT)
    assert asked is not None
    assert only(planned(asked)).phase is Phase.READY


@pytest.mark.parametrize("state", ["queued", "starting", "ready"])
def test_hurry_of_an_earlier_stop_does_not_cancel(migrated: Migrated, state: str) -> None:
    """It stayed set when the job of a service that had been stopped in a hurry was adopted."""
    assert not only(migrated(state, "adopted", hurry=True)).cancelled


# -- what a version before that did not write, or that cannot be read


def test_fields_that_were_not_there_yet_have_their_defaults(tmp_path: Path) -> None:
    row = ("digits", '{"route": "digits"}')
    assert loaded(tmp_path / "state.db", row) == {"digits": ServiceRecord("digits")}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "",
        "7",
        "[]",
        "null",
        "{}",
        '{"route": "bad", "job": 7}',
        '{"route": "bad", "state": "ready", "job": "7"}',
        '{"route": "bad", "job": {"name": "n"}}',
        '{"route": "bad", "state": "cold", "job": {"name": "n", "port": 1, "intended_at": 1}}',
        '{"route": "bad", "failures": "many"}',
    ],
)
def test_an_unreadable_record_stays_and_hides_no_other(tmp_path: Path, text: str) -> None:
    file = tmp_path / "state.db"
    records = loaded(file, ("bad", text), ("digits", json.dumps(old("ready", "healthy"))))
    assert records["digits"].state is State.READY
    with closing(sqlite3.connect(file)) as database:
        routes = database.execute("SELECT route FROM services ORDER BY route").fetchall()
    assert routes == [("bad",), ("digits",)]
    assert "bad" not in records or not records["bad"].active  # cold: its job will be adopted
