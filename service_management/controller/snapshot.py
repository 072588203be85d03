"""What all other threads may read: immutable values, replaced by the controller alone. The times in
them are wall times.

Reads are advisory. Whatever is decided on them is decided in the controller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from service_management.config import Problem, Service
from service_management.controller.public_view import Trouble, public_record
from service_management.controller.scaler import NO_SCALE, Scale
from service_management.controller.waiters import Waiters
from service_management.host.steady_clock import SteadyClock
from service_management.lifecycle.activity import total
from service_management.lifecycle.record import ServiceRecord
from service_management.ssh.call_counts import CallCounts
from service_management.usage.start_counters import StartCounters

NOTICEABLE = 1.0  # seconds by which the wall clock was set


@dataclass(frozen=True)
class ServiceSnapshot:
    """One service at one moment."""

    service: Service
    record: ServiceRecord
    inflight: int | None  # of all replicas; None where they could not be counted
    held: int
    trouble: str  # why the cluster did not answer the last time; empty if it did
    keepalive: bool = True  # whether a connection to the service carries several requests
    inflight_of: Mapping[str, int | None] = field(default_factory=dict)  # by job name
    scale: Scale = NO_SCALE

    @property
    def stays(self) -> bool:
        """It runs without demand, now."""
        return self.scale.least > 0 or self.service.min_replicas > 0


class Snapshot:
    def __init__(self, clock: SteadyClock | None = None) -> None:
        self._clock = clock or SteadyClock.resume(None, 0.0)
        self.records: Mapping[str, ServiceRecord] = {}
        self.services: Mapping[str, Service] = {}
        self.version = ""
        self.version_since = 0.0
        self.start_counters = StartCounters()
        self.calls = CallCounts()
        self.config_error: tuple[Problem, ...] = ()
        self.not_reused: frozenset[str] = frozenset()  # see gateway/reuse.py
        self.inflight: Mapping[str, int | None] = {}  # by job name
        self.scales: Mapping[str, Scale] = {}  # of services that have or should have a replica
        self.trouble: Mapping[str, Trouble] = {}
        self._passed_at = 0.0
        self.waiters = Waiters()

    def of(self, route: str) -> ServiceSnapshot | None:
        """As everybody may see it."""
        view, trouble = self.in_full(route), self.trouble.get(route)
        if view is None:
            return None
        public = trouble.public if trouble else ""
        return replace(view, record=public_record(view.record), trouble=public)

    def in_full(self, route: str) -> ServiceSnapshot | None:
        """With the admin token only."""
        service, record = self.services.get(route), self._record(route)
        if service is None or record is None:
            return None
        trouble, keepalive = self.trouble.get(route), route not in self.not_reused
        counts = {one.job.name: self.inflight.get(one.job.name, 0) for one in record.replicas}
        return ServiceSnapshot(
            service,
            record,
            total(counts.values()),
            self.waiters.held(route),
            trouble.text if trouble else "",
            keepalive,
            counts,
            self.scales.get(route, NO_SCALE),
        )

    def is_starting(self) -> bool:
        """Which services there are is not known: no file has been read or refused since the start,
        and nothing is shown of those that were served last."""
        return not (self._file_was_read() or (self.services and self.records))

    def may_have(self, route: str) -> bool:
        """A service that `of` does not find yet may exist all the same."""
        return route in self.services or not self._file_was_read()

    def routes(self) -> set[str]:
        """Services that are configured, or were removed and still have a job."""
        return self.services.keys() | self.records.keys()

    def all(self) -> list[ServiceSnapshot]:
        return [found for route in self.services if (found := self.of(route))]

    def all_in_full(self) -> list[ServiceSnapshot]:
        return [found for route in self.services if (found := self.in_full(route))]

    def wall_time(self, moment: float) -> float:
        """A time of the controller's clock, for people."""
        return moment + self._clock.ahead()

    def pass_completed(self, now: float) -> None:
        self._passed_at = now

    def since_last_pass(self) -> float:
        return self._clock.now() - self._passed_at

    def replace(self, changed: Mapping[str, ServiceRecord], forgotten: set[str]) -> None:
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

    def watch(self, route: str, seconds: float) -> None:
        """A waiting page is open; it counts for so long, unless it looks again."""
        self.waiters.watch(route, self._clock.now() + seconds)

    def wait(
        self, route: str, settled: Callable[[ServiceRecord | None], bool], timeout: float
    ) -> bool:
        """Wait until the record is as wanted."""
        return self.waiters.wait(route, lambda: settled(self._record(route)), timeout)

    def _file_was_read(self) -> bool:
        return bool(self.version or self.config_error)

    def _record(self, route: str) -> ServiceRecord | None:
        record, ahead = self.records.get(route), self._clock.ahead()
        return record.moved(ahead) if record and abs(ahead) >= NOTICEABLE else record
