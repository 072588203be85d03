"""The order within a pass of the controller, and what an error in one costs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from service_management.config import Catalogue
from service_management.controller.inbox import CatalogueLive, Happened
from service_management.controller.job_spec import spec_of
from service_management.lifecycle import events as ev
from service_management.lifecycle.actions import Find, Submit
from service_management.lifecycle.record import Record
from service_management.lifecycle.states import State
from tests.unit.controller.harness import Calls, Harness, Refused
from tests.unit.controller.samples import configured, with_job


@pytest.fixture
def cold(tmp_path: Path) -> Iterator[Harness]:
    harness = Harness(tmp_path).restore()
    yield harness
    harness.close()


def started(calls: Calls) -> list[object]:
    return [action for name, _route, *rest in calls if name == "start" for action in rest]


# -- when the store refuses ---------------------------------------------------------------


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


# -- logins -------------------------------------------------------------------------------


def test_logins_are_closed_only_once_the_configuration_is_known(tmp_path: Path) -> None:
    harness = Harness(tmp_path).restore()
    harness.effects.needed_logins = {"before"}
    harness.step()
    assert harness.effects.needed_logins == {"before"}

    harness.step(CatalogueLive(Catalogue.of([configured()])))
    [spec] = harness.records.specs.values()
    assert harness.effects.needed_logins == {spec.login.id}
    harness.close()


# -- an error about one service -----------------------------------------------------------


def unreadable(record: Record) -> Record:
    return record.with_job(spec='{"login": 3}')


def test_an_unreadable_job_is_watched_with_its_configured_login(tmp_path: Path) -> None:
    records = with_job("digits", State.READY, 0.0), with_job("text", State.READY, 0.0)
    services = [configured("digits"), configured("text", local_port=9002)]
    harness = Harness(tmp_path, unreadable(records[0]), records[1], services=services)
    calls = harness.step()
    assert {route for name, route, *_ in calls if name == "publish"} == {"digits", "text"}
    assert ("poll_queue", spec_of(records[0].job).login.id) in calls
    assert spec_of(harness.record("digits").job) == spec_of(records[0].job)
    assert harness.store.records["digits"] == harness.record("digits")
    harness.close()


def test_an_unreadable_job_without_a_service_costs_only_itself(tmp_path: Path) -> None:
    removed = unreadable(with_job("removed", State.DRAINING, 0.0))
    harness = Harness(tmp_path, removed, with_job("digits", State.READY, 0.0))
    assert ("publish", "digits") in harness.step()
    assert harness.records.get("removed") is None
    harness.close()


def test_a_service_that_cannot_be_decided_about_costs_only_itself(tmp_path: Path) -> None:
    """It is kept running: the tick is what submits it."""
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
    records = with_job("digits", State.STARTING, 0.0), with_job("text", State.STARTING, 0.0)
    services = [configured("digits"), configured("text", local_port=9002)]
    harness = Harness(tmp_path, *records, services=services).restore()
    harness.effects.fail_next = RuntimeError()
    assert {route for name, route, *_ in harness.step() if name == "start"} == {"digits", "text"}
    assert len(started(harness.step())) == 4
    harness.close()


# -- a catalogue --------------------------------------------------------------------------


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
