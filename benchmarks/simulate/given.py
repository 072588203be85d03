"""What the real controller is given: a store in memory, routes without an nginx,
held requests that are simulated clients, and the configuration."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.simulate.trace import SimulatedService
from benchmarks.simulate.traffic import Traffic
from service_management.config import Service
from service_management.controller.publishing import Position
from service_management.controller.waiters import Waiters
from service_management.lifecycle.record import ServiceRecord
from service_management.store import LogEntry


@dataclass
class MemoryStore:
    """What a killed process leaves."""

    records: dict[str, ServiceRecord] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)

    def save(
        self,
        records: Iterable[ServiceRecord],
        forgotten: Iterable[str] = (),
        entries: Sequence[LogEntry] = (),  # noqa: ARG002
    ) -> None:
        for route in forgotten:
            self.records.pop(route, None)
        self.records |= {record.route: record for record in records}

    def note(self, key: str, value: Any) -> None:
        self.notes[key] = value


@dataclass
class PublishedRoutes:
    """Positions and the nonces of their jobs: they outlive the process."""

    shown: dict[str, dict[int, Path]] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)  # routes

    def published(self) -> Mapping[Position, Path]:
        return {(r, n): path for r, shown in self.shown.items() for n, path in shown.items()}

    def damaged(self, positions: Collection[Position]) -> Iterable[Position]:  # noqa: ARG002
        return ()

    def publish(self, route: str, position: int, tunnels: tuple[Path, ...], quiet: Path) -> None:  # noqa: ARG002
        self.shown.setdefault(route, {})[position] = tunnels[0]
        self.changed.add(route)

    def unpublish(self, route: str, position: int) -> None:
        self.shown.get(route, {}).pop(position, None)
        self.changed.add(route)


class SimulatedWaiters(Waiters):
    """Clients that are not answered are held."""

    def __init__(self, traffic: Traffic) -> None:
        super().__init__()
        self._traffic = traffic

    def held(self, route: str) -> int:
        load = self._traffic.loads.get(route)
        return load.waiting if load else 0

    def routes(self) -> list[str]:
        return list(self._traffic.waiting)


def configured(service: SimulatedService) -> Service:
    return Service.model_validate(
        {
            "name": service.route,
            "route_name": service.route,
            "ssh_username": "jo",
            "ssh_key_file": "id_cluster",
            "remote_host": f"login{service.cluster}.example.org",
            "remote_port": "auto",
            "bash_file": "/home/jo/model.sh",
            "check_health_path": "/health",
            "timeout": service.timeout,
            "api_paths": ["/predict"],
            "min_replicas": service.least,
            "max_replicas": service.most,
            "target_inflight": service.target,
        }
    )
