"""How an open waiting page says so: /info/<route>?waiting=N."""

from __future__ import annotations

from typing import Any, cast

import pytest
from werkzeug.test import Client

from service_management.api.flask_app import Parts, create_app
from service_management.controller.snapshot import Snapshot
from service_management.host.steady_clock import SteadyClock
from service_management.lifecycle.states import State
from service_management.store import Store
from tests.unit.config.samples import service

from .samples import RECORDS


@pytest.fixture
def snapshot() -> Snapshot:
    shown = Snapshot(SteadyClock("", 0.0, lambda: 0.0, lambda: 0.0))
    shown.services, shown.version = {"digits": service()}, "1"
    shown.replace({"digits": RECORDS[State.QUEUED]}, set())
    return shown


@pytest.fixture
def client(snapshot: Snapshot) -> Client:
    nothing = cast(Any, None)
    parts = Parts(snapshot, nothing, Store("sqlite://"), nothing, nothing, "", most_held=4)
    return create_app(parts).test_client()


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("?waiting=5", 5),
        ("?waiting=75", 75),
        ("?waiting=999999", 90),  # a tab that is closed ends soon after
        ("?waiting=-5", 0),
        ("?waiting=soon", 0),
        ("", 0),
    ],
)
def test_a_waiting_page_counts_for_as_long_as_it_says(
    client: Client, snapshot: Snapshot, query: str, seconds: int
) -> None:
    assert client.get(f"/info/digits{query}").status_code == 200
    assert snapshot.waiters.watched("digits", seconds - 0.1) == (seconds > 0)
    assert not snapshot.waiters.watched("digits", seconds)


def test_a_page_that_reads_ready_waits_no_longer(client: Client, snapshot: Snapshot) -> None:
    snapshot.replace({"digits": RECORDS[State.READY]}, set())
    client.get("/info/digits?waiting=75")
    assert not snapshot.waiters.watched("digits", 0)


def test_a_known_route_is_503_before_the_first_pass(client: Client, snapshot: Snapshot) -> None:
    """A waiting page would take a 404 for the end of its service."""
    snapshot.records = {}
    answer = client.get("/info/digits?waiting=5")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")


def test_an_unknown_route_is_404_and_nothing_is_kept(client: Client, snapshot: Snapshot) -> None:
    assert client.get("/info/nothing?waiting=75").status_code == 404
    assert not snapshot.waiters.watched("nothing", 0)
