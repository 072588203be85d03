"""Counts submissions and failed attempts, and how long each phase of a start took.

In memory only: the counters begin at zero with the process, which Prometheus recognizes.
"""

from __future__ import annotations

from collections import Counter

from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Replica
from service_management.lifecycle.start_phases import phases
from service_management.lifecycle.states import Reason
from service_management.usage.histogram import PHASE_SECONDS, Histogram


class StartCounters:
    """Only the controller writes; other threads read copies."""

    def __init__(self) -> None:
        self._submissions: Counter[str] = Counter()
        self._failures: Counter[tuple[str, str]] = Counter()
        self._phases: dict[tuple[str, str], Histogram] = {}

    def note(self, before: ServiceRecord, after: ServiceRecord) -> None:
        known = {one.job.name: one for one in before.replicas}
        for replica in after.replicas:
            was = known.get(replica.job.name)
            if was is None and replica.reason is Reason.SUBMITTING:
                self._submissions[after.route] += 1
            if replica.ready_since is not None and (was is None or was.ready_since is None):
                self._started(replica)
        # Not by the number of failures in a row: an operator's start sets it back to zero.
        if after.last_failure and after.last_failure != before.last_failure:
            self._failures[after.route, after.last_failure.reason.value] += 1

    def forget(self, route: str) -> None:
        """The service is gone, and so are its lines in /metrics."""
        self._submissions.pop(route, None)
        for failure in [key for key in self._failures if key[0] == route]:
            del self._failures[failure]
        for phase in [key for key in self._phases if key[0] == route]:
            del self._phases[phase]

    def submissions(self) -> dict[str, int]:
        return dict(self._submissions)

    def failures(self) -> dict[tuple[str, str], int]:
        return dict(self._failures)

    def phases(self) -> dict[tuple[str, str], Histogram]:
        """By route and phase."""
        return {key: histogram.copy() for key, histogram in dict(self._phases).items()}

    def _started(self, replica: Replica) -> None:
        for phase, seconds in phases(replica).items():
            key = (replica.route, phase)
            if key not in self._phases:
                self._phases[key] = Histogram(PHASE_SECONDS)
            self._phases[key].add(seconds)
