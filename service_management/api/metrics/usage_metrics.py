"""The usage part of /metrics: requests counted from nginx's logs, and how long starts took."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from service_management.api.metrics.exposition import Family, histogram, labels, sample
from service_management.usage.histogram import Histogram
from service_management.usage.totals import ServiceUsage, UsageTotals

Services = Mapping[str, ServiceUsage]
Phases = Mapping[tuple[str, str], Histogram]
FIRST_BYTE = "first_byte"


def families(
    usage: UsageTotals, phases: Phases, wall_time: Callable[[float], float]
) -> Iterator[Family]:
    services = usage.services
    yield _requests(services)
    text = "From the first byte of a request to the last byte of its answer"
    yield _histograms("request_seconds", text, services, lambda s: s.answer)
    text = "How long requests were held until their service was ready"
    yield _histograms("cold_start_seconds", text, services, lambda s: s.cold)
    yield _phases(phases, services)
    text = "Bytes of requests, headers included"
    yield _numbers("received_bytes_total", "counter", text, services, lambda s: s.received)
    text = "Bytes of answers, headers included"
    yield _numbers("sent_bytes_total", "counter", text, services, lambda s: s.sent)
    text = "When the last request ended, except quiet paths and those that nginx answered itself"
    name = "last_request_timestamp_seconds"
    yield _numbers(name, "gauge", text, services, lambda s: s.last and wall_time(s.last))
    text = "Lines of nginx's logs that could not be read"
    yield _total("access_log_malformed_lines_total", text, usage.malformed)
    text = "Bytes of nginx's logs that were deleted before they were counted"
    yield _total("access_log_lost_bytes_total", text, usage.lost)


def _requests(services: Services) -> Family:
    name = "orchestrator_requests_total"
    lines = [
        f'{name}{{service="{route}",status="{status}"}} {count}\n'
        for route, service in services.items()
        for status, count in service.statuses.items()
    ]
    return Family(name, "counter", "Requests answered, by status code", lines)


def _histograms(
    name: str, text: str, services: Services, chosen: Callable[[ServiceUsage], Histogram]
) -> Family:
    name = f"orchestrator_{name}"
    lines = [
        histogram(name, chosen(service), labels(service=route))
        for route, service in services.items()
    ]
    return Family(name, "histogram", text, lines)


def _phases(phases: Phases, services: Services) -> Family:
    """A phase that no start of the service has gone through has no lines."""
    name = "orchestrator_cold_start_phase_seconds"
    answered = {
        (route, FIRST_BYTE): service.first_byte
        for route, service in services.items()
        if any(service.first_byte.counts)
    }
    lines = [
        histogram(name, values, labels(service=route, phase=phase))
        for (route, phase), values in sorted({**phases, **answered}.items())
    ]
    return Family(name, "histogram", "How long each part of a cold start took", lines)


def _numbers(
    name: str,
    kind: Literal["counter", "gauge"],
    text: str,
    services: Services,
    value: Callable[[ServiceUsage], float],
) -> Family:
    name = f"orchestrator_{name}"
    lines = [f'{name}{{service="{route}"}} {value(s)}\n' for route, s in services.items()]
    return Family(name, kind, text, lines)


def _total(name: str, text: str, value: int) -> Family:
    name = f"orchestrator_{name}"
    return Family(name, "counter", text, [sample(name, value)])
