"""Totals in the store: a row for each service, and the position in the log that they go with."""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from pydantic import TypeAdapter

from service_management.store import Store
from service_management.usage.histogram import ANSWER_SECONDS, COLD_SECONDS, PHASE_SECONDS
from service_management.usage.totals import ServiceUsage, UsageTotals

_LOG = structlog.get_logger(__name__)
_SERVICE, _TOTALS = TypeAdapter(ServiceUsage), TypeAdapter(UsageTotals)
_POSITION = ("malformed", "lost", "positions")


def load(store: Store) -> UsageTotals:
    """Rows of a version that counted differently are dropped together with the position: all
    totals begin at zero, and the logs that still exist are counted from their first line."""
    position, rows = store.load_usage()
    try:
        services = {name: _service(text) for name, text in rows.items()}
        return _TOTALS.validate_python({**(position or {}), "services": services})
    except (ValueError, TypeError):
        _LOG.exception("the saved totals cannot be read: counting begins at zero")
        store.save_usage({}, {}, forgotten=rows)
        return UsageTotals()


def save(store: Store, before: UsageTotals, after: UsageTotals) -> None:
    """One transaction, and only the services that changed: with 1,000 services the whole is
    0.7 MB, every second."""
    changed = {
        name: _SERVICE.dump_json(service).decode()
        for name, service in after.services.items()
        if before.services.get(name) is not service
    }
    forgotten: Iterable[str] = before.services.keys() - after.services.keys()
    position = {name: getattr(after, name) for name in _POSITION}
    store.save_usage(position, changed, forgotten)


def _service(text: str) -> ServiceUsage:
    service = _SERVICE.validate_json(text)
    kinds = (
        (service.answer, ANSWER_SECONDS),
        (service.cold, COLD_SECONDS),
        (service.first_byte, PHASE_SECONDS),
    )
    for histogram, bounds in kinds:
        if histogram.bounds != bounds or len(histogram.counts) != len(bounds) + 1:
            raise ValueError("a histogram has other bounds")
    return service
