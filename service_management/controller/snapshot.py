"""What all other threads may read: immutable values, replaced by the controller alone.

Reads are advisory. Whatever is decided on them is decided in the controller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from service_management.config import Problem, Service
from service_management.controller.waiters import Waiters
from service_management.lifecycle.record import Record
from service_management.ssh.call_counts import CallCounts
from service_management.usage.start_counters import StartCounters


@dataclass(frozen=True)
class ServiceSnapshot:
    """One service at one moment."""

    service: Service
    record: Record
    inflight: int | None
    held: int
    trouble: str  # why the cluster cannot be asked just now; empty when it can


class Snapshot:
    def __init__(self) -> None:
        self.records: Mapping[str, Record] = {}
        self.services: Mapping[str, Service] = {}
        self.version = ""
        self.version_since = 0.0
        self.start_counters = StartCounters()
        self.calls = CallCounts()
        self.config_error: tuple[Problem, ...] = ()
        self.inflight: Mapping[str, int | None] = {}
        self.trouble: Mapping[str, str] = {}
        self.last_pass = 0.0  # when the controller last completed a pass
        self.waiters = Waiters()

    def of(self, route: str) -> ServiceSnapshot | None:
        service, record = self.services.get(route), self.records.get(route)
        if service is None or record is None:
            return None
        inflight, trouble = self.inflight.get(route, 0), self.trouble.get(route, "")
        return ServiceSnapshot(service, record, inflight, self.waiters.held(route), trouble)

    def all(self) -> list[ServiceSnapshot]:
        return [found for route in self.services if (found := self.of(route))]

    def replace(self, changed: Mapping[str, Record], forgotten: set[str]) -> None:
        """The controller's side: show these records, and wake those who wait for a new state."""
        if not changed and not forgotten:
            return
        before, after = self.records, {**self.records, **changed}
        for route in forgotten - changed.keys():
            after.pop(route, None)
        self.records = after
        for route in {*changed, *forgotten}:
            old, new = before.get(route), self.records.get(route)
            if old is None or new is None or old.state is not new.state:
                self.waiters.wake(route)

    def wait(self, route: str, settled: Callable[[Record | None], bool], timeout: float) -> bool:
        """Wait until the record is as wanted."""
        return self.waiters.wait(route, lambda: settled(self.records.get(route)), timeout)
