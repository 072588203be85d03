"""The part of /metrics that was counted in nginx's access log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from service_management.controller.usage import Histogram, ServiceUsage, Usage

Services = Mapping[str, ServiceUsage]


def families(usage: Usage) -> Iterator[Metric]:
    services = usage.services
    yield _requests(services)
    yield _histogram("request", "From request to answer", services, lambda s: s.answer)
    yield _histogram("cold_start", "Waited until ready", services, lambda s: s.cold)
    yield _bytes("received", "Bytes of requests", services, lambda s: s.received)
    yield _bytes("sent", "Bytes of answers", services, lambda s: s.sent)
    yield _last(services)
    yield _total("access_log_malformed_lines", "Lines that could not be read", usage.malformed)
    yield _total("access_log_lost_bytes", "Deleted before they were counted", usage.lost)


def _requests(services: Services) -> Metric:
    family = CounterMetricFamily(
        "orchestrator_requests", "Requests answered", labels=["service", "status"]
    )
    for name, service in services.items():
        for status, count in service.statuses.items():
            family.add_metric([name, status], count)
    return family


def _histogram(
    name: str, text: str, services: Services, chosen: Callable[[ServiceUsage], Histogram]
) -> Metric:
    family = HistogramMetricFamily(f"orchestrator_{name}_seconds", text, labels=["service"])
    for route, service in services.items():
        histogram = chosen(service)
        family.add_metric([route], list(_buckets(histogram)), histogram.total)
    return family


def _buckets(histogram: Histogram) -> Iterable[tuple[str, float]]:
    bounds = [*map(str, map(float, histogram.bounds)), "+Inf"]
    return zip(bounds, accumulate(histogram.counts), strict=True)


def _bytes(
    name: str, text: str, services: Services, value: Callable[[ServiceUsage], int]
) -> Metric:
    family = CounterMetricFamily(f"orchestrator_{name}_bytes", text, labels=["service"])
    for route, service in services.items():
        family.add_metric([route], value(service))
    return family


def _last(services: Services) -> Metric:
    family = GaugeMetricFamily(
        "orchestrator_last_request_timestamp_seconds",
        "End of the last request, quiet paths left out",
        labels=["service"],
    )
    for route, service in services.items():
        family.add_metric([route], service.last)
    return family


def _total(name: str, text: str, value: int) -> Metric:
    return CounterMetricFamily(f"orchestrator_{name}", text, value=value)
