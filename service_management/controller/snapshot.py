"""What everybody else may read: immutable records, replaced by the controller alone.

Reads are advisory. Whatever is decided on them is decided in the controller.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from service_management.config import Problem, Service
from service_management.lifecycle.record import Record
from service_management.ssh.call_counts import CallCounts
from service_management.usage.start_counters import StartCounters


@dataclass(frozen=True)
class View:
    """One service as it stood when it was looked at."""

    service: Service
    record: Record
    inflight: int | None
    held: int
    trouble: str  # why the cluster cannot be asked just now, in words; empty when it can


@dataclass
class _Place:
    """Where those who wait for one service wait."""

    changed: threading.Condition = field(default_factory=threading.Condition)
    held: int = 0


class Snapshot:
    def __init__(self) -> None:
        self.records: Mapping[str, Record] = {}
        self.services: Mapping[str, Service] = {}
        self.version = ""
        self.version_since = 0.0
        self.tally = StartCounters()
        self.calls = CallCounts()
        self.config_error: tuple[Problem, ...] = ()
        self.inflight: Mapping[str, int | None] = {}
        self.trouble: Mapping[str, str] = {}
        self.beat = 0.0  # when the controller last completed a pass
        self._places: dict[str, _Place] = {}
        self._lock = threading.Lock()

    def view(self, route: str) -> View | None:
        service, record = self.services.get(route), self.records.get(route)
        if service is None or record is None:
            return None
        inflight, trouble = self.inflight.get(route, 0), self.trouble.get(route, "")
        return View(service, record, inflight, self.held(route), trouble)

    def views(self) -> list[View]:
        return [view for route in self.services if (view := self.view(route))]

    # -- the controller's side ------------------------------------------------------

    def replace(self, changed: Mapping[str, Record], forgotten: set[str]) -> None:
        if not changed and not forgotten:
            return
        before, after = self.records, {**self.records, **changed}
        for route in forgotten - changed.keys():
            after.pop(route, None)
        self.records = after
        for route in {*changed, *forgotten}:
            old, new = before.get(route), self.records.get(route)
            if old is None or new is None or old.state is not new.state:
                self._wake(route)

    def held(self, route: str) -> int:
        place = self._places.get(route)
        return place.held if place else 0

    def asked(self) -> list[str]:
        """The routes that somebody waits for."""
        return [route for route, place in list(self._places.items()) if place.held]

    def _wake(self, route: str) -> None:
        if place := self._places.get(route):
            with place.changed:
                place.changed.notify_all()

    # -- the waiting side -----------------------------------------------------------

    @contextmanager
    def holding(self, route: str) -> Iterator[None]:
        """For as long as this is open, somebody asks for the service."""
        place = self._place(route)
        with place.changed:
            place.held += 1
        try:
            yield
        finally:
            with place.changed:
                place.held -= 1

    def wait(self, route: str, settled: Callable[[Record | None], bool], timeout: float) -> bool:
        """Wait until the record is as wanted. The predicate may be asked at any time."""
        place, end = self._place(route), time.monotonic() + timeout
        with place.changed:
            while not settled(self.records.get(route)):
                left = end - time.monotonic()
                if left <= 0:
                    return False
                place.changed.wait(left)
        return True

    def _place(self, route: str) -> _Place:
        with self._lock:
            return self._places.setdefault(route, _Place())
