"""The order within a pass of the controller, and what an error in one costs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service_management.config import Catalogue
from service_management.controller.inbox import CatalogueLive, Happened
from service_management.lifecycle import events as ev
from service_management.lifecycle.actions import Find, Submit
from service_management.lifecycle.states import State
from tests.unit.controller.harness import Calls, Harness, Refused
from tests.unit.controller.samples import configured


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
