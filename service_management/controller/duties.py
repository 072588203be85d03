"""What is owed to jobs is told to the effects, unless it is done already, or would be wrong now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from service_management.controller.executor import Effects
from service_management.controller.traffic import InflightSampler
from service_management.lifecycle.actions import Action, Find, Probe, Tunnel
from service_management.lifecycle.record import Job, Record


class Duties:
    def __init__(self, effects: Effects, traffic: InflightSampler) -> None:
        self._effects, self._traffic = effects, traffic

    def act(
        self, records: Mapping[str, Record], actions: Iterable[tuple[str, Action]], now: float
    ) -> None:
        for route, action in actions:
            record = records.get(route)
            if record is None or record.job is None or record.job.name != action.job.name:
                continue
            if not self._pointless(action):
                self._effects.dispatch(record, action, now)

    def stands(self, job: Job, socket: Path) -> bool:
        return self._effects.led_to(socket) == job.node and self._traffic.stands(socket)

    def _pointless(self, action: Action) -> bool:
        job = action.job
        if isinstance(action, Tunnel):
            return all(self.stands(job, socket) for socket in self._effects.sockets(job).all)
        if isinstance(action, Probe):
            return self._leads_elsewhere(job)
        return isinstance(action, Find) and self._effects.submitting(job)

    def _leads_elsewhere(self, job: Job) -> bool:
        """Whoever answers there is not this job."""
        quiet = self._effects.sockets(job).quiet
        return self._effects.led_to(quiet) not in (None, job.node)
