"""Held requests wait for a state: no wake-up is lost, and every wait ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from service_management.controller.public_view import Trouble
from service_management.controller.snapshot import Snapshot
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.states import State
from tests.unit.records import a_record, only

from .samples import configured, with_job, with_jobs


def snapshot(*routes: str) -> Snapshot:
    shown = Snapshot()
    shown.services = {route: configured(route) for route in routes or ("digits",)}
    shown.replace({route: a_record(route) for route in shown.services}, set())
    return shown


def is_ready(record: ServiceRecord | None) -> bool:
    return record is not None and record.state is State.READY


def soon(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_a_service_snapshot_is_one_service_at_one_moment() -> None:
    shown, record = snapshot(), with_job("digits", State.READY, 0.0)
    shown.replace({"digits": record}, set())
    shown.inflight = {only(record).job.name: 3}
    shown.trouble = {"digits": Trouble("slurm", "Slurm is silent.")}
    with shown.waiters.holding("digits"):
        view = shown.of("digits")
    assert view is not None
    assert (view.record.route, view.inflight, view.held, view.trouble) == (
        "digits",
        3,
        1,
        "Slurm is silent.",
    )


def test_requests_in_flight_are_those_of_all_replicas() -> None:
    shown, record = snapshot(), with_jobs("digits", 0.0, State.READY, State.READY, State.QUEUED)
    shown.replace({"digits": record}, set())
    first, second, third = (one.job.name for one in record.replicas)
    shown.inflight = {first: 3, second: 2, "io.digits.s0.gone": 5}
    view = shown.of("digits")
    assert view is not None
    assert (view.inflight, view.inflight_of) == (5, {first: 3, second: 2, third: 0})


def test_requests_in_flight_are_unknown_if_one_replica_is() -> None:
    shown, record = snapshot(), with_jobs("digits", 0.0, State.READY, State.READY)
    shown.replace({"digits": record}, set())
    first, second = (one.job.name for one in record.replicas)
    shown.inflight = {first: 3, second: None}
    view = shown.of("digits")
    assert view is not None
    assert (view.inflight, view.inflight_of) == (None, {first: 3, second: None})


def test_a_service_that_is_not_configured_is_not_shown() -> None:
    shown = snapshot("digits", "text")
    shown.services = {"digits": configured()}
    assert shown.of("text") is None
    assert [view.record.route for view in shown.all()] == ["digits"]


def test_a_forgotten_record_is_gone_unless_it_came_back() -> None:
    shown = snapshot("digits", "text")
    shown.replace({"text": a_record("text", since=5.0)}, {"digits", "text"})
    assert shown.records == {"text": a_record("text", since=5.0)}


def test_held_requests_are_counted_until_they_end_or_fail() -> None:
    shown = snapshot()
    with shown.waiters.holding("digits"), shown.waiters.holding("digits"):
        assert shown.waiters.held("digits") == 2
    with pytest.raises(ConnectionError), shown.waiters.holding("digits"):
        raise ConnectionError
    assert shown.waiters.held("digits") == 0
    assert shown.waiters.held("never asked for") == 0


def test_routes_are_listed_while_a_request_waits_for_them() -> None:
    shown = snapshot("digits", "text")
    with shown.waiters.holding("digits"):
        assert shown.waiters.routes() == ["digits"]
    assert shown.waiters.routes() == []


def test_a_state_that_is_reached_already_is_not_waited_for() -> None:
    shown = snapshot()
    shown.replace({"digits": a_record("digits", State.READY)}, set())
    assert shown.wait("digits", is_ready, 0.0)


def test_a_wait_ends_with_its_timeout() -> None:
    began = time.monotonic()
    assert not snapshot().wait("digits", is_ready, 0.05)
    assert 0.04 < time.monotonic() - began < 5


def test_a_change_of_state_wakes_every_waiting_request() -> None:
    shown = snapshot()
    with ThreadPoolExecutor(50) as pool:
        waits = [pool.submit(_hold, shown) for _ in range(50)]
        soon(lambda: shown.waiters.held("digits") == 50)
        shown.replace({"digits": a_record("digits", State.READY)}, set())
        assert all(wait.result(timeout=10) for wait in waits)
    assert shown.waiters.held("digits") == 0


def _hold(shown: Snapshot) -> bool:
    with shown.waiters.holding("digits"):
        return shown.wait("digits", is_ready, 20.0)


def test_waiting_for_a_removed_service_ends() -> None:
    shown = snapshot()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(shown.wait, "digits", lambda record: record is None, 20.0)
        soon(lambda: "digits" in shown.waiters._places)
        shown.replace({}, {"digits"})
        assert waiting.result(timeout=10)


def test_no_wake_up_is_lost_however_the_two_sides_meet() -> None:
    """Each round, the change comes at another moment of the waiter's way to its wait."""
    for round_number in range(200):
        shown, began = snapshot(), threading.Event()
        results: list[bool] = []

        def wait(shown: Snapshot = shown, began: threading.Event = began, to=results) -> None:
            began.set()
            to.append(shown.wait("digits", is_ready, 20.0))

        waiter = threading.Thread(target=wait)
        waiter.start()
        began.wait(10)
        for _ in range(round_number * 5):
            pass
        shown.replace({"digits": a_record("digits", State.READY)}, set())
        waiter.join(10)
        assert results == [True]


def test_a_change_wakes_the_requests_of_its_service_only() -> None:
    shown, asked = snapshot("digits", "text"), []

    def look(record: ServiceRecord | None) -> bool:
        asked.append(record)
        return is_ready(record)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(shown.wait, "digits", look, 20.0)
        soon(lambda: len(asked) == 1)
        for state in (State.QUEUED, State.STARTING, State.READY):
            shown.replace({"text": a_record("text", state)}, set())
        assert len(asked) == 1
        shown.replace({"digits": a_record("digits", State.READY)}, set())
        assert waiting.result(timeout=10)
