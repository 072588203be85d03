"""The records of one service without a controller, and passes over them."""

from __future__ import annotations

from service_management.controller.records import Records
from service_management.lifecycle import events as ev
from service_management.lifecycle.activity import Seen
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.states import Reason, State
from tests.unit.controller.samples import KEY_DIR, configured, with_job
from tests.unit.records import changed

NOW = 1000.0


def happen(
    kept: Records, event: ev.Event, now: float = NOW, seen: Seen | None = None
) -> ServiceRecord | None:
    """A pass in which this happens to the service."""
    kept.apply("digits", event, now)
    return look(kept, seen, now)


def look(kept: Records, seen: Seen | None = None, now: float = NOW) -> ServiceRecord | None:
    """A pass in which nothing happens; `seen` is what a look at the service shows."""
    kept.plan("digits", seen, now)
    return kept.get("digits")


def given(records=None, **keys) -> Records:
    kept = Records("io", KEY_DIR, records or {})
    kept.configure({"digits": configured(**keys)})
    kept.take_changes()
    return kept


def ready() -> ServiceRecord:
    return changed(with_job("digits", State.READY, NOW), reason=Reason.HEALTHY)
