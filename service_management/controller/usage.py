"""What nginx's access log adds up to, per service. Pure; saved together with the log's position."""

from __future__ import annotations

import copy
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from service_management.gateway.access_log import Request, Step, parse

ANSWER_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)
COLD_SECONDS = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)


@dataclass
class Histogram:
    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)  # one per bound, and one for those above
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


def _answer() -> Histogram:
    return Histogram(ANSWER_SECONDS)


def _cold() -> Histogram:
    return Histogram(COLD_SECONDS)


@dataclass
class ServiceUsage:
    statuses: dict[str, int] = field(default_factory=dict)
    answer: Histogram = field(default_factory=_answer)
    cold: Histogram = field(default_factory=_cold)
    received: int = 0
    sent: int = 0
    last: float = 0.0  # end of the last request, quiet paths left out

    def add(self, request: Request) -> None:
        status = str(request.status)
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.answer.add(request.seconds)
        if request.cold_start is not None:
            self.cold.add(request.cold_start)
        self.received += request.received
        self.sent += request.sent
        if not request.quiet:
            self.last = max(self.last, request.ended)


@dataclass(frozen=True)
class Usage:
    """Never changed once it is shown: a step makes a new one."""

    services: Mapping[str, ServiceUsage] = field(default_factory=dict)
    malformed: int = 0  # lines
    lost: int = 0  # bytes that were deleted unread
    positions: Mapping[str, int] = field(default_factory=dict)

    def after(self, step: Step) -> Usage:
        requests = [parse(line) for line in step.lines]
        good = [request for request in requests if request is not None]
        return replace(
            self,
            services=_added(self.services, good),
            malformed=self.malformed + len(requests) - len(good),
            positions=step.positions,
        )


def _added(
    services: Mapping[str, ServiceUsage], requests: Iterable[Request]
) -> dict[str, ServiceUsage]:
    """Only what changes is copied."""
    fresh: dict[str, ServiceUsage] = {}
    for request in requests:
        name = request.service
        if name not in fresh:
            before = services.get(name)
            fresh[name] = copy.deepcopy(before) if before else ServiceUsage()
        fresh[name].add(request)
    return {**services, **fresh}


_USAGE = TypeAdapter(Usage)


def dump(usage: Usage) -> Any:
    return _USAGE.dump_python(usage, mode="json")


def load(noted: Any) -> Usage | None:
    """None: nothing was noted, or by a version that counted differently. Then the logs that are
    still there are counted from their beginning, and nothing twice: the totals begin anew too."""
    try:
        usage = _USAGE.validate_python(noted)
    except ValidationError:
        return None
    return usage if all(map(_fits, usage.services.values())) else None


def _fits(service: ServiceUsage) -> bool:
    kinds = ((service.answer, ANSWER_SECONDS), (service.cold, COLD_SECONDS))
    return all(
        histogram.bounds == bounds and len(histogram.counts) == len(bounds) + 1
        for histogram, bounds in kinds
    )
