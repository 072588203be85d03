"""The clock of this boot, kept in the store: what writes records measures on its scale."""

from __future__ import annotations

from collections.abc import Iterable

from service_management.host.steady_clock import SteadyClock
from service_management.lifecycle.record import ServiceRecord
from service_management.store import Store


def resume_clock(store: Store, records: Iterable[ServiceRecord]) -> SteadyClock:
    latest = max((max(r.since, r.last_activity, r.last_demand) for r in records), default=0.0)
    stored = store.noted("clock")
    clock = SteadyClock.resume(stored, latest)
    if clock.to_store() != stored:
        store.note("clock", clock.to_store())
    return clock
