"""The order within a pass of the controller, and what an error in one costs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from service_management.config import Catalogue
from service_management.controller.inbox import CatalogueLive, Happened, QueueAnswer
from service_management.controller.job_spec import spec_of
from service_management.gateway.inflight import Sample
from service_management.lifecycle import events as ev
from service_management.lifecycle.actions import Cancel, Find, Submit
from service_management.lifecycle.job_views import JobPhase, JobView
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.states import Reason, State
from tests.unit.controller.harness import START, Harness, Refused, healthy, in_flight, over, started
from tests.unit.controller.samples import configured, with_job
from tests.unit.records import changed, only
from tests.unit.records import with_job as with_changed_job

TIMEOUT = configured().timeout


@pytest.fixture
def cold(tmp_path: Path) -> Iterator[Harness]:
    harness = Harness(tmp_path).restore()
    yield harness
    harness.close()


def test_nothing_is_done_while_the_intent_cannot_be_stored(cold: Harness) -> None:
    cold.store.refuses = True
    with pytest.raises(Refused):
        cold.happen(ev.Demanded())
    assert cold.calls == []
    assert cold.snapshot.records["digits"].state is State.COLD


def test_each_action_is_started_once_after_many_refused_passes(tmp_path: Path) -> None:
    services = [configured(f"s{n}", local_port=9000 + n) for n in range(200)]
    harness = Harness(tmp_path, services=services).restore()
    harness.store.refuses = True
    for _ in range(20):
        with pytest.raises(Refused):
            harness.step(*(Happened(s.route_name, ev.Demanded()) for s in services))
    harness.store.refuses = False
    actions = started(harness.step())
    assert len([action for action in actions if isinstance(action, Submit)]) == 200
    assert len([action for action in actions if isinstance(action, Find)]) == 200
    assert len(actions) == 400
    harness.close()


def test_logins_are_closed_only_once_the_configuration_is_known(tmp_path: Path) -> None:
    harness = Harness(tmp_path).restore()
    harness.effects.needed_connections = {("before", 0)}
    harness.step()
    assert harness.effects.needed_connections == {("before", 0)}

    harness.step(CatalogueLive(Catalogue.of([configured()])))
    [spec] = harness.records.specs.values()
    assert harness.effects.needed_connections == {(spec.login.id, 0)}
    harness.close()


@pytest.fixture
def starting(tmp_path: Path) -> Iterator[Harness]:
    harness = Harness(tmp_path, with_job("digits", State.STARTING, START)).restore()
    yield harness
    harness.close()


@pytest.fixture
def ready(tmp_path: Path) -> Iterator[Harness]:
    record = changed(with_job("digits", State.READY, START), last_activity=START)
    harness = Harness(tmp_path, record).restore()
    yield harness
    harness.close()


def test_the_intent_is_stored_before_the_submission_starts(cold: Harness) -> None:
    calls = cold.happen(ev.Demanded())
    submit = ("start", "digits", Submit(cold.replica().job))
    assert calls.index(("save", {"digits": State.QUEUED})) < calls.index(submit)
    assert cold.store.records["digits"] == cold.record()


def test_a_ready_service_is_stored_published_and_then_shown(starting: Harness) -> None:
    calls = starting.happen(healthy(starting))
    assert calls[:2] == [
        ("save", {"digits": State.READY}),
        ("publish", "digits", State.STARTING),
    ]
    assert starting.snapshot.records["digits"].state is State.READY


def test_a_drained_service_is_unpublished_before_it_is_stored(ready: Harness) -> None:
    calls = ready.happen(ev.StopAsked())
    assert calls[:2] == [
        ("unpublish", "digits", State.READY),
        ("save", {"digits": State.DRAINING}),
    ]


def test_a_drained_service_is_unpublished_with_a_full_disk_too(ready: Harness) -> None:
    ready.store.refuses = True
    with pytest.raises(Refused):
        ready.happen(ev.StopAsked())
    assert ready.routes.routes == {}


def test_a_service_not_stored_as_ready_is_not_published(starting: Harness) -> None:
    starting.store.refuses = True
    with pytest.raises(Refused):
        starting.happen(healthy(starting))
    assert starting.routes.routes == {}
    starting.store.refuses = False
    starting.step()
    assert starting.routes.routes.keys() == {("digits", 0)}


def test_a_ready_service_is_published_once(ready: Harness) -> None:
    assert "publish" not in {call[0] for call in ready.happen(ev.Demanded())}


def test_a_removed_service_is_unpublished_and_forgotten(ready: Harness) -> None:
    ready.records.configure({})
    calls = ready.happen(ev.Removed())
    assert calls[:2] == [
        ("unpublish", "digits", State.READY),
        ("save", {"digits": State.DRAINING}),
    ]
    assert ready.happen(over(ready))[:1] == [("save", {})]
    assert (ready.routes.routes, ready.store.records, ready.snapshot.records) == ({}, {}, {})


def test_a_removed_service_without_a_job_is_forgotten(cold: Harness) -> None:
    cold.records.configure({})
    assert cold.happen(ev.Removed())[:1] == [("save", {})]
    assert "digits" not in cold.snapshot.records


def test_a_thread_that_asked_is_released_after_the_commit(cold: Harness) -> None:
    done = threading.Event()
    cold.store.refuses = True
    with pytest.raises(Refused):
        cold.step(Happened("digits", ev.StartAsked(), done))
    assert not done.is_set()
    cold.store.refuses = False
    cold.step()
    assert done.is_set()
    assert cold.snapshot.records["digits"].state is State.QUEUED


def test_a_line_is_logged_once_however_often_a_pass_fails(cold: Harness) -> None:
    cold.store.refuses = True
    with structlog.testing.capture_logs() as logged:
        for _ in range(3):
            with pytest.raises(Refused):
                cold.happen(ev.Demanded())
        cold.store.refuses = False
        cold.step()
        cold.step()
    assert [line["state"] for line in logged if "state" in line] == ["queued"]
    assert len(cold.store.entries) == 1


def test_a_submission_of_a_replaced_job_is_not_started(cold: Harness) -> None:
    """The pass that wrote the intent failed; in the next one an orphan is adopted instead."""
    cold.store.refuses = True
    with pytest.raises(Refused):
        cold.happen(ev.Demanded())
    cold.store.refuses = False
    refused = ev.SubmitFailed(cold.replica().job.name, Reason.SUBMIT_REJECTED, "no")
    orphan = JobView("9", "io.digits.0.20001.zz", "RUNNING", JobPhase.RUNNING)
    login = cold.records.specs["digits"].login.id
    seen = QueueAnswer(login, [orphan], cold.now + 5)
    actions = started(cold.step(Happened("digits", refused), seen))
    assert cold.replica().job.job_id == "9"
    assert not [action for action in actions if isinstance(action, Submit)]


def test_what_was_stored_is_not_stored_again_by_a_repeated_pass(starting: Harness) -> None:
    starting.routes.fail_next = OSError("no space left")
    with pytest.raises(OSError, match="no space"):
        starting.happen(healthy(starting))
    starting.step()
    assert starting.routes.routes.keys() == {("digits", 0)}
    assert [entry.state for entry in starting.store.entries] == ["ready"]


def test_queues_are_asked_after_the_commit(ready: Harness) -> None:
    ready.store.refuses = True
    with pytest.raises(Refused):
        ready.happen(ev.StopAsked(), after=60.0)
    assert "poll_queue" not in {call[0] for call in ready.calls}
    ready.store.refuses = False
    assert "poll_queue" in {call[0] for call in ready.step()}


def test_each_pass_starts_what_it_has_collected(ready: Harness) -> None:
    before = ready.effects.flushes
    ready.step()
    assert ready.effects.flushes == before + 1


def test_a_pass_that_changes_nothing_writes_nothing(ready: Harness) -> None:
    assert "save" not in {call[0] for call in ready.step(after=0.01)}


def test_an_idle_service_is_drained_and_cancelled_a_pass_later(ready: Harness) -> None:
    draining = ready.step(after=TIMEOUT)
    assert ready.record().reason is Reason.IDLE
    assert not any(isinstance(action, Cancel) for action in started(draining))
    assert any(isinstance(action, Cancel) for action in started(ready.step()))


def test_a_request_in_flight_keeps_its_service(ready: Harness) -> None:
    ready.sample = in_flight(ready, 1)
    ready.step(after=2 * TIMEOUT)
    assert ready.record().state is State.READY
    assert ready.snapshot.inflight == {ready.replica().job.name: 1}


def test_a_request_that_slipped_in_while_draining_keeps_the_job(ready: Harness) -> None:
    ready.step(after=TIMEOUT)
    ready.sample = in_flight(ready, 1)
    calls = ready.step()
    assert ready.record().state is State.READY
    assert ("publish", "digits", State.DRAINING) in calls


def test_an_old_sample_cancels_nothing(ready: Harness) -> None:
    """It cannot show a late request: it was taken before the end of routing."""
    ready.step(after=TIMEOUT)
    assert not any(isinstance(a, Cancel) for a in started(ready.step(after=0.01)))


def test_without_a_count_nothing_is_idle(ready: Harness) -> None:
    ready.sample = Sample(known=False)
    ready.step(after=2 * TIMEOUT)
    assert ready.record().state is State.READY


def test_nothing_is_idle_before_the_log_has_been_read(ready: Harness) -> None:
    ready.last_request = None
    ready.step(after=2 * TIMEOUT)
    assert ready.record().state is State.READY
    ready.last_request = 0.0
    ready.step()
    assert ready.record().state is State.DRAINING


def test_a_held_request_counts_as_demand(cold: Harness) -> None:
    with cold.snapshot.waiters.holding("digits"):
        cold.step()
    assert cold.record().state is State.QUEUED


def test_a_new_process_publishes_ready_services_only(tmp_path: Path) -> None:
    records = with_job("digits", State.READY, 0.0), with_job("text", State.STARTING, 0.0)
    services = [configured("digits"), configured("text", local_port=9002)]
    harness = Harness(tmp_path, *records, services=services)
    old = Path("/run/io/tunnels/old.sock")
    harness.routes.routes = {("text", 0): old, ("removed", 0): old, ("removed", 1): old}
    harness.restore()
    assert harness.routes.routes.keys() == {("digits", 0)}
    assert set(harness.snapshot.records) == {"digits", "text"}
    harness.close()


@pytest.mark.parametrize(
    ("open_since", "idle_after"), [(START + 5000, TIMEOUT), (START - 10, TIMEOUT - 10)]
)
def test_silence_counts_from_the_start_of_nginx(
    tmp_path: Path, open_since: float, idle_after: float
) -> None:
    """A time in the future, by a wall clock that was set, counts as now."""
    record = changed(with_job("digits", State.READY, 0.0), last_activity=0.0)
    harness = Harness(tmp_path, record)
    harness.open_since = open_since
    harness.restore()
    harness.step(after=idle_after - 1)
    assert harness.record().state is State.READY
    harness.step(after=1.0)
    assert harness.record().state is State.DRAINING
    harness.close()


def test_a_new_process_repeats_no_submission(tmp_path: Path) -> None:
    unanswered = with_changed_job(with_job("digits", State.QUEUED, START), job_id="", node="")
    harness = Harness(tmp_path, unanswered)
    assert {type(action) for action in started(harness.step())} == {Find}
    harness.close()


def unreadable(record: ServiceRecord) -> ServiceRecord:
    return with_changed_job(record, spec='{"login": 3}')


def test_an_unreadable_job_is_watched_with_its_configured_login(tmp_path: Path) -> None:
    records = with_job("digits", State.READY, 0.0), with_job("text", State.READY, 0.0)
    services = [configured("digits"), configured("text", local_port=9002)]
    harness = Harness(tmp_path, unreadable(records[0]), records[1], services=services)
    calls, submitted = harness.step(), spec_of(only(records[0]).job)
    assert {route for name, route, *_ in calls if name == "publish"} == {"digits", "text"}
    assert ("poll_queue", submitted.login.id) in calls
    assert spec_of(harness.replica().job) == submitted
    assert harness.store.records["digits"] == harness.record("digits")
    harness.close()


def test_an_unreadable_job_without_a_service_costs_only_itself(tmp_path: Path) -> None:
    removed = unreadable(with_job("removed", State.DRAINING, 0.0))
    harness = Harness(tmp_path, removed, with_job("digits", State.READY, 0.0))
    assert "publish" in {call[0] for call in harness.step()}
    assert harness.records.get("removed") is None
    harness.close()


def test_an_event_that_cannot_be_applied_costs_only_its_service(tmp_path: Path) -> None:
    """It is kept running: its plan is what submits it."""
    good = configured("good", min_replicas=1, local_port=9002)
    bad = configured("bad", min_replicas=1).model_copy(update={"env": {"A": "\ud800"}})
    harness = Harness(tmp_path, services=[bad, good])
    with structlog.testing.capture_logs() as logged:
        harness.step()
        harness.step(Happened("bad", ev.Demanded()), Happened("good", ev.Demanded()))
    states = {route: record.state for route, record in harness.snapshot.records.items()}
    assert states == {"bad": State.COLD, "good": State.QUEUED}
    assert [line["route"] for line in logged if line["log_level"] == "error"] == ["bad"]
    harness.close()


def test_an_action_that_cannot_be_started_costs_only_itself(tmp_path: Path) -> None:
    records = (
        with_job("digits", State.STARTING, 0.0),
        with_changed_job(with_job("text", State.STARTING, 0.0), port=8081),
    )
    services = [configured("digits"), configured("text", local_port=9002)]
    harness = Harness(tmp_path, *records, services=services).restore()
    harness.effects.fail_next = RuntimeError()
    assert {route for name, route, *_ in harness.step() if name == "start"} == {"digits", "text"}
    assert len(started(harness.step())) == 4
    harness.close()


def test_a_catalogue_that_cannot_be_stored_is_in_force(cold: Harness) -> None:
    cold.store.refuses = True
    catalogue, done = Catalogue.of([configured("text")]), threading.Event()
    with pytest.raises(Refused):
        cold.step(CatalogueLive(catalogue), Happened("text", ev.DisableAsked(), done))
    cold.store.refuses = False
    cold.step()
    assert list(cold.snapshot.services) == ["text"]
    assert cold.snapshot.version == catalogue.version
    assert done.is_set()
    assert cold.store.records["text"].state is State.DISABLED


def test_a_catalogue_is_tried_until_it_has_been_stored(cold: Harness) -> None:
    cold.store.refuses = True
    with pytest.raises(Refused):
        cold.step(CatalogueLive(Catalogue.of([configured("text")])))
    assert cold.snapshot.config_error
    cold.store.refuses = False
    cold.step(after=10.0)
    assert len(cold.store.notes["catalogue"]) == 1
    assert cold.snapshot.config_error == ()


def test_a_catalogue_that_fails_half_way_changes_nothing_yet(cold: Harness) -> None:
    broken = configured("text").model_copy(update={"ssh_username": "-x"})
    catalogue = Catalogue.of([configured(timeout=7), broken])
    for _ in range(3):
        cold.step(CatalogueLive(catalogue), after=10.0)
    assert list(cold.snapshot.services) == ["digits"]
    assert cold.records.services["digits"].timeout != 7
    assert cold.snapshot.config_error
    cold.step(CatalogueLive(Catalogue.of([configured(timeout=7)])))
    assert cold.records.services["digits"].timeout == 7
    assert cold.snapshot.config_error == ()
