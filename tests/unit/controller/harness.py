"""A controller whose store, routes and effects only write down what was done, into one list, so
that a test can see the order within a pass."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service_management.config import Catalogue, Service
from service_management.controller.config_watcher import CatalogueWatcher, Source
from service_management.controller.effects import RecordingEffects
from service_management.controller.inbox import Happened, Inbox, Item
from service_management.controller.loop import Controller, Dependencies
from service_management.controller.publishing import Position
from service_management.controller.records import Records
from service_management.controller.snapshot import Snapshot
from service_management.controller.socket_paths import sockets
from service_management.gateway.inflight import InflightSampler, Sample
from service_management.host.steady_clock import SteadyClock
from service_management.lifecycle import events as ev
from service_management.lifecycle.actions import Action
from service_management.lifecycle.job_views import JobEnd, JobPhase, JobView
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Replica
from service_management.lifecycle.states import State
from service_management.store import LogEntry
from tests.unit.controller.samples import KEY_DIR, configured

Calls = list[tuple[Any, ...]]
START = 1000.0


class Refused(Exception):
    """The disk is full."""


@dataclass
class RecordingStore:
    calls: Calls
    refuses: bool = False
    records: dict[str, ServiceRecord] = field(default_factory=dict)
    entries: list[LogEntry] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)

    def save(
        self,
        records: Iterable[ServiceRecord],
        forgotten: Iterable[str] = (),
        entries: Sequence[LogEntry] = (),
    ) -> None:
        if self.refuses:
            raise Refused
        for route in forgotten:
            self.records.pop(route, None)
        saved = {record.route: record for record in records}
        self.records |= saved
        self.entries += entries
        self.calls.append(("save", {route: record.state for route, record in saved.items()}))

    def note(self, key: str, value: Any) -> None:
        if self.refuses:
            raise Refused
        self.notes[key] = value


@dataclass
class RecordingRoutes:
    calls: Calls
    snapshot: Snapshot
    routes: dict[Position, Path] = field(default_factory=dict)  # to the first tunnel of each
    fail_next: Exception | None = None  # raised by the next `publish`, once

    def published(self) -> Mapping[Position, Path]:
        return dict(self.routes)

    def damaged(self, positions: Collection[Position]) -> Iterable[Position]:
        return [position for position in positions if position not in self.routes]

    def publish(self, route: str, position: int, tunnels: tuple[Path, ...], quiet: Path) -> None:
        failure, self.fail_next = self.fail_next, None
        if failure is not None:
            raise failure
        self.routes[route, position] = tunnels[0]
        self.calls.append(("publish", route, self._shown(route)))

    def unpublish(self, route: str, position: int) -> None:
        self.routes.pop((route, position), None)
        self.calls.append(("unpublish", route, self._shown(route)))

    def _shown(self, route: str) -> State | None:
        """The state that a held request sees at this moment."""
        record = self.snapshot.records.get(route)
        return record.state if record else None


class Harness:
    """`now`, `sample` and `ahead` (how far the wall clock is) may be changed between passes."""

    def __init__(
        self, run_dir: Path, *records: ServiceRecord, services: Sequence[Service] = ()
    ) -> None:
        self.calls: Calls = []
        self.run_dir = run_dir
        self.now = START
        self.sample = Sample(known=True)
        self.last_request: float | None = 0.0
        self.longest_request: float | None = None
        self.open_since: float | None = None
        self.store = RecordingStore(self.calls)
        self.effects = RecordingEffects(self.calls)
        self.ahead = 0.0
        clock = SteadyClock("", 0.0, lambda: self.now, lambda: self.now + self.ahead)
        self.snapshot, self.inbox = Snapshot(clock), Inbox()
        self.routes = RecordingRoutes(self.calls, self.snapshot)
        self.records = Records("io", KEY_DIR, {record.route: record for record in records})
        self.records.configure({s.route_name: s for s in services or [configured()]})
        self.snapshot.services = self.records.services
        source = Source(run_dir / "absent", lambda _: [], lambda _: frozenset(), Catalogue.of([]))
        self.watcher = CatalogueWatcher(source, lambda _: None)
        uses = Dependencies(
            clock=clock,
            store=self.store,
            snapshot=self.snapshot,
            inbox=self.inbox,
            records=self.records,
            effects=self.effects,
            routes=self.routes,
            inflight=InflightSampler(lambda: self.sample),
            watcher=self.watcher,
            run_dir=run_dir,
            last_request=lambda _route, _since: self.last_request,
            longest_request=lambda _route: self.longest_request,
            open_since=lambda: self.open_since,
        )
        self.controller = Controller(uses)

    def restore(self) -> Harness:
        """Take over the records, in a separate pass."""
        self.step(after=0.0)
        return self

    def step(self, *items: Item, after: float = 1.0) -> Calls:
        """One pass, some time after the one before it. Returns its calls."""
        self.now += after
        self.calls.clear()
        self.controller.step(items)
        return list(self.calls)

    def happen(self, event: ev.Event, route: str = "digits", after: float = 1.0) -> Calls:
        return self.step(Happened(route, event), after=after)

    def record(self, route: str = "digits") -> ServiceRecord:
        found = self.records.get(route)
        assert found is not None
        return found

    def replica(self, slot: int = 0, route: str = "digits") -> Replica:
        [found] = [one for one in self.record(route).replicas if one.slot == slot]
        return found

    def close(self) -> None:
        self.watcher.close()


def harness(
    run_dir: Path, *records: ServiceRecord, services: tuple[Service, ...] = ()
) -> Iterator[Harness]:
    made = Harness(run_dir, *records, services=services).restore()
    yield made
    made.close()


def started(calls: Calls) -> list[Action]:
    return [action for name, _route, *rest in calls if name == "start" for action in rest]


def jobs_of(calls: Calls, kind: type) -> list[str]:
    return [action.job.name for action in started(calls) if isinstance(action, kind)]


def cancelled(calls) -> list[str]:
    return [call[2] for call in calls if call[0] == "cancel_orphan"]


def names(calls) -> set[str]:
    return {call[0] for call in calls}


def healthy(harness: Harness, slot: int = 0) -> ev.Probed:
    return ev.Probed(harness.replica(slot).job.name, ev.Health.HEALTHY)


def ending(harness: Harness, slot: int = 0) -> ev.JobSeen:
    """Slurm is only cleaning up after the job."""
    job = harness.replica(slot).job
    return ev.JobSeen(JobView(job.job_id, job.name, "COMPLETING", JobPhase.ENDING))


def over(harness: Harness, slot: int = 0) -> ev.JobOver:
    return ev.JobOver(JobEnd(harness.replica(slot).job.job_id, "CANCELLED"))


def main_socket(harness: Harness, slot: int = 0) -> Path:
    return sockets(harness.run_dir, harness.replica(slot).job).main


def in_flight(harness: Harness, number: int, slot: int = 0) -> Sample:
    path = str(main_socket(harness, slot))
    return Sample({path: number}, frozenset({path}), known=True)
