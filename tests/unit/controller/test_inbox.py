"""Urgent items wake the controller, others wait for the next pass; none is lost."""

from __future__ import annotations

import threading
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from service_management.controller.effects import RecordingEffects
from service_management.controller.inbox import Happened, Inbox, Suspected
from service_management.controller.loop import Controller, Dependencies
from service_management.controller.records import Records
from service_management.controller.snapshot import Snapshot
from service_management.host.steady_clock import SteadyClock
from service_management.lifecycle import events as ev
from service_management.lifecycle.states import State
from tests.unit.records import a_record

WAITS = Happened("text", ev.Demanded(), waits=True)
WAKES = Happened("digits", ev.Demanded())


def test_all_items_are_taken_together_in_order() -> None:
    inbox = Inbox()
    items = [WAKES, Suspected("digits"), Happened("text", ev.StartAsked())]
    for item in items:
        inbox.put(item)
    assert list(inbox.take(10.0)) == items
    assert list(inbox.take(0.0)) == []


def test_an_item_that_may_wait_does_not_end_the_wait() -> None:
    inbox, began = Inbox(), time.monotonic()
    inbox.put(WAITS)
    assert list(inbox.take(0.05)) == [WAITS]
    assert time.monotonic() - began >= 0.04


def test_an_item_that_may_wait_keeps_its_place_in_order() -> None:
    """A stop that arrives after a request is not undone by that request."""
    inbox = Inbox()
    inbox.put(WAITS)
    inbox.put(WAKES)
    assert list(inbox.take(10.0)) == [WAITS, WAKES]


def test_an_urgent_item_or_a_wake_up_ends_the_wait() -> None:
    for wake in (lambda inbox: inbox.put(WAKES), lambda inbox: inbox.wake()):
        inbox, taken = Inbox(), []
        waiter = threading.Thread(target=lambda i=inbox, t=taken: t.append(i.take(20.0)))
        waiter.start()
        wake(inbox)
        waiter.join(10)
        assert taken


def controller(state: State) -> Controller:
    """What it takes to be asked; no pass is made."""
    snapshot, records = Snapshot(), Records("io", Path("/keys"), {})
    snapshot.replace({"digits": a_record("digits", state)}, set())
    inbox = Inbox()
    unused: dict[str, Any] = dict.fromkeys(field.name for field in fields(Dependencies))
    parts = {
        "clock": SteadyClock.resume(None, 0.0),
        "snapshot": snapshot,
        "inbox": inbox,
        "records": records,
        "effects": RecordingEffects(),
    }
    return Controller(Dependencies(**{**unused, **parts}))


@pytest.mark.parametrize("state", State)
def test_demand_wakes_the_controller_where_it_may_start_a_job(state: State) -> None:
    asked = controller(state)
    asked.demanded("digits", "r1")
    [item] = asked._inbox.take(0.0)
    assert item.event == ev.Demanded("r1")
    assert item.waits == (state in (State.QUEUED, State.STARTING, State.READY))


def test_demand_for_an_unknown_service_wakes_the_controller() -> None:
    asked = controller(State.READY)
    asked.demanded("text")
    [item] = asked._inbox.take(0.0)
    assert not item.waits
