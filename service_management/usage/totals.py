"""What nginx's logs add up to, per service. Pure; saved together with the positions in the logs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from service_management.usage.histogram import (
    ANSWER_SECONDS,
    COLD_SECONDS,
    PHASE_SECONDS,
    Histogram,
)
from service_management.usage.log_format import Request, tally
from service_management.usage.log_reader import Step


def _answer() -> Histogram:
    return Histogram(ANSWER_SECONDS)


def _cold() -> Histogram:
    return Histogram(COLD_SECONDS)


def _first_byte() -> Histogram:
    return Histogram(PHASE_SECONDS)


@dataclass
class ServiceUsage:
    statuses: dict[str, int] = field(default_factory=dict)
    answer: Histogram = field(default_factory=_answer)
    cold: Histogram = field(default_factory=_cold)
    first_byte: Histogram = field(default_factory=_first_byte)  # of requests that were held
    received: int = 0
    sent: int = 0
    last: float = 0.0  # end of the last request on the controller's clock, without quiet ones

    def copy(self) -> ServiceUsage:
        """By hand: made of every service that a step meets."""
        return replace(
            self,
            statuses=dict(self.statuses),
            answer=self.answer.copy(),
            cold=self.cold.copy(),
            first_byte=self.first_byte.copy(),
        )

    def add(self, request: Request, times: int = 1, ahead: float = 0.0) -> None:
        status = str(request.status)
        self.statuses[status] = self.statuses.get(status, 0) + times
        self.answer.add(request.seconds, times)
        if request.cold_start is not None:
            self.cold.add(request.cold_start, times)
        if request.first_byte is not None:
            self.first_byte.add(request.first_byte, times)
        self.received += request.received * times
        self.sent += request.sent * times
        if not request.quiet:
            self.last = max(self.last, request.ended - ahead)


@dataclass(frozen=True)
class UsageTotals:
    """Never changed once it is shown: a step makes a new one."""

    services: Mapping[str, ServiceUsage] = field(default_factory=dict)
    malformed: int = 0  # lines
    lost: int = 0  # bytes that were deleted unread
    positions: Mapping[str, int] = field(default_factory=dict)

    def after(self, step: Step, ahead: float = 0.0) -> UsageTotals:
        """`ahead`: how far nginx's clock is ahead of the controller's."""
        requests, malformed = tally(step.lines)
        return replace(
            self,
            services=_added(self.services, requests, ahead),
            malformed=self.malformed + malformed,
            positions=step.positions,
        )


def _added(
    services: Mapping[str, ServiceUsage], requests: Iterable[tuple[Request, int]], ahead: float
) -> dict[str, ServiceUsage]:
    """Only what changes is copied."""
    fresh: dict[str, ServiceUsage] = {}
    for request, times in requests:
        name = request.service
        if name not in fresh:
            before = services.get(name)
            fresh[name] = before.copy() if before else ServiceUsage()
        fresh[name].add(request, times, ahead)
    return {**services, **fresh}
