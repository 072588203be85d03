"""`POST /admin/services/<route>/replicas/<slot>/abandon`: what is refused, and why."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from werkzeug.test import TestResponse

from service_management.api.flask_app import Parts, create_app
from service_management.controller.snapshot import Snapshot
from service_management.lifecycle import events as ev
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.states import Phase
from service_management.store import Store
from tests.unit.config.samples import service

from .samples import replica

PAIR = ServiceRecord("digits", (replica(0, Phase.READY), replica(2, Phase.DRAINING)))
Abandon = Callable[[str, str], TestResponse]


@dataclass
class FakeController:
    asked: list[tuple[str, ev.Event]] = field(default_factory=list)
    decides: bool = True

    def ask(self, route: str, event: ev.Event) -> bool:
        self.asked.append((route, event))
        return self.decides


@pytest.fixture
def controller() -> FakeController:
    return FakeController()


@pytest.fixture
def snapshot() -> Snapshot:
    shown = Snapshot()
    shown.version, shown.services = "1", {"digits": service()}
    shown.replace({"digits": PAIR}, set())
    return shown


@pytest.fixture
def call(controller: FakeController, snapshot: Snapshot) -> Iterator[Callable[..., TestResponse]]:
    store, nothing = Store("sqlite://"), cast(Any, None)
    parts = Parts(snapshot, cast(Any, controller), store, nothing, nothing, "token", 4)
    client = create_app(parts).test_client()
    mine, other = socket.socketpair()

    def call(path: str, method: str = "POST") -> TestResponse:
        over = {"gunicorn.socket": mine}
        headers = {"Authorization": "Bearer token"}
        return client.open(path, method=method, headers=headers, environ_overrides=over)

    yield call
    mine.close()
    other.close()
    store.close()


@pytest.fixture
def abandon(call: Callable[..., TestResponse]) -> Abandon:
    return lambda route, slot: call(f"/admin/services/{route}/replicas/{slot}/abandon")


def test_a_draining_replica_is_given_up(controller: FakeController, abandon: Abandon) -> None:
    answer = abandon("digits", "2")
    assert (answer.status_code, answer.get_json()["service"]) == (200, "digits")
    assert controller.asked == [("digits", ev.AbandonAsked(2))]


def test_what_is_not_draining_must_be_stopped_first(
    controller: FakeController, abandon: Abandon
) -> None:
    answer = abandon("digits", "0")
    assert answer.status_code == 409
    assert "Replica 0 of digits is ready, and only" in answer.get_json()["detail"]
    assert "orchestrator stop --now digits" in answer.get_json()["detail"]
    assert controller.asked == []


@pytest.mark.parametrize("slot", ["1", "-1", "x", "00"])
def test_an_unknown_slot_is_answered_with_those_there_are(
    controller: FakeController, abandon: Abandon, slot: str
) -> None:
    answer = abandon("digits", slot)
    assert (answer.status_code, answer.get_json()["title"]) == (404, "No such replica")
    assert answer.get_json()["detail"].endswith("Slots in use: 0, 2.")
    assert controller.asked == []


def test_without_a_replica_there_is_no_slot(snapshot: Snapshot, abandon: Abandon) -> None:
    snapshot.replace({"digits": ServiceRecord("digits")}, set())
    assert abandon("digits", "0").get_json()["detail"].endswith("Slots in use: none.")


def test_an_unknown_service_is_404(abandon: Abandon) -> None:
    answer = abandon("digit", "0")
    assert answer.status_code == 404
    assert "Did you mean 'digits'?" in answer.get_json()["detail"]


def test_a_removed_service_that_drains_can_be_freed(
    controller: FakeController, snapshot: Snapshot, abandon: Abandon
) -> None:
    """It is shown nowhere, but its route cannot be used again before."""
    snapshot.services = {}
    assert abandon("digits", "2").status_code == 200
    assert controller.asked == [("digits", ev.AbandonAsked(2))]


def test_a_decision_that_is_late_can_be_asked_for_again(
    controller: FakeController, abandon: Abandon
) -> None:
    controller.decides = False
    answer = abandon("digits", "2")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")


def test_abandoned_jobs_are_shown_to_operators_only(
    snapshot: Snapshot, call: Callable[..., TestResponse]
) -> None:
    given_up = replace(PAIR, abandoned=(replica(1, Phase.DRAINING).job,))
    snapshot.replace({"digits": given_up}, set())
    shown = call("/admin/services/digits", "GET").get_json()
    assert shown["abandoned"] == [{"job_id": "71", "job_name": "io.digits.s1.ab"}]
    assert "abandoned" not in call("/info/digits", "GET").get_json()
