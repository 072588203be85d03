"""What must hold at every moment, whatever happens."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from benchmarks.simulate.cluster import ClusterJob
from benchmarks.simulate.trace import MONDAY
from benchmarks.simulate.world import World
from service_management.controller.records import Records
from service_management.controller.socket_paths import nonce_of, parse_socket
from service_management.slurm.job_names import parse_job_name

LOOK_EVERY = 300.0
# An orphan is found within ten minutes where the login answers, and cancelled at the next answer.
ORPHANED_FOR = 1500.0


@dataclass
class Invariants:
    world: World
    broken: list[str] = field(default_factory=list)
    longest_orphan: float = 0.0
    _live: dict[str, dict[str, int]] = field(default_factory=dict)  # route → job name → slot
    _unknown: dict[str, float] = field(default_factory=dict)  # job name → since
    _look_at: float = 0.0

    def watch_log(self) -> None:
        """Whatever the product reports as an error breaks one, too."""
        structlog.configure(
            processors=[self._logged],
            wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        )

    def job_changed(self, job: ClusterJob) -> None:
        """At most one live job of a slot, and one successor more than max_replicas."""
        name, service = parse_job_name(job.name), job.service
        assert name and service
        live = self._live.setdefault(service.route, {})
        if not job.live:
            live.pop(job.name, None)
            return
        live[job.name] = name.slot
        slots = Counter(live.values())
        if slots[name.slot] > 1:
            self._note(f"{service.route}: {slots[name.slot]} live jobs of slot {name.slot}: {live}")
        if len(live) > service.most + 1:
            self._note(
                f"{service.route}: {len(live)} live jobs, max_replicas {service.most}: {live}"
            )

    def passed(self, records: Records, shown: Mapping[str, Mapping[int, Path]], now: float) -> None:
        if now < self._look_at:
            return
        self._look_at = now + LOOK_EVERY
        self._look_for_orphans(records, now)
        for route, positions in shown.items():
            record = records.get(route)
            ready = {nonce_of(one.job.name) for one in record.ready} if record else set()
            published = {parse_socket(str(path))[0] for path in positions.values()}
            if published != ready or set(positions) != set(range(len(positions))):
                self._note(f"{route}: {positions} published, ready are {ready}")

    def ended(self, records: Records) -> None:
        """Long after everything was stopped."""
        for record in records.active():
            self._note(f"{record.route}: not ended: {record.replicas}")
        for cluster in self.world.clusters:
            for job in cluster.ours.values():
                self._note(f"{job.name}: never ended: {job.state}")

    def _look_for_orphans(self, records: Records, now: float) -> None:
        known = records.job_names()
        before, self._unknown = self._unknown, {}
        for cluster in self.world.clusters:
            for job in cluster.ours.values():
                if job.live and job.name not in known and cluster.answers:
                    self._unknown[job.name] = since = before.get(job.name, now)
                    self.longest_orphan = max(self.longest_orphan, now - since)
                    if now - since > ORPHANED_FOR:
                        self._note(f"{job.name}: an orphan for {now - since:.0f} s")

    def _logged(self, _logger: Any, _method: str, entry: Any) -> Any:
        self._note(f"logged as an error: {entry}")
        raise structlog.DropEvent

    def _note(self, text: str) -> None:
        self.broken.append(f"day {(self.world.agenda.now - MONDAY) / 86400:.4f}: {text}")
