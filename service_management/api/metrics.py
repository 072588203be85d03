"""/metrics for Prometheus: a picture of the board, and what was counted. Scrapes wake nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from service_management.api import metrics_usage
from service_management.controller.board import Board, View
from service_management.controller.tally import Tally
from service_management.controller.usage import Usage
from service_management.lifecycle.states import State

CONTENT_TYPE = CONTENT_TYPE_LATEST


def exposition(board: Board, usage: Usage) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Collector(board, usage))
    return generate_latest(registry)


class _Collector(Collector):
    def __init__(self, board: Board, usage: Usage) -> None:
        self._board, self._usage = board, usage

    def collect(self) -> Iterator[Metric]:
        views = self._board.views()
        yield _states(views)
        yield _gauge("inflight", "Requests being answered", views, lambda v: v.inflight or 0)
        yield _gauge("held", "Requests being held", views, lambda v: v.held)
        yield _gauge("failures", "Attempts failed in a row", views, lambda v: v.record.failures)
        yield from _attempts(self._board.tally)
        config = GaugeMetricFamily(
            "orchestrator_config_valid", "1 while the configuration file is valid"
        )
        config.add_metric([], 0 if self._board.config_error else 1)
        yield config
        yield from metrics_usage.families(self._usage)


def _attempts(tally: Tally) -> Iterator[Metric]:
    submissions = CounterMetricFamily(
        "orchestrator_submissions", "Jobs submitted", labels=["service"]
    )
    for route, count in tally.submissions().items():
        submissions.add_metric([route], count)
    yield submissions
    failures = CounterMetricFamily(
        "orchestrator_failed_attempts", "Attempts failed", labels=["service", "reason"]
    )
    for labels, count in tally.failures().items():
        failures.add_metric(list(labels), count)
    yield failures


def _states(views: list[View]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "orchestrator_service_state", "1 for the state a service is in", labels=["service", "state"]
    )
    for view in views:
        for state in State:
            family.add_metric([view.record.route, state.value], int(view.record.state is state))
    return family


def _gauge(
    name: str, text: str, views: list[View], value: Callable[[View], float]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"orchestrator_{name}", text, labels=["service"])
    for view in views:
        family.add_metric([view.record.route], value(view))
    return family
