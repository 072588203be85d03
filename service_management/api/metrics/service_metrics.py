"""/metrics for Prometheus: the state of all services, and counters. A scrape wakes no service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from service_management.api.info import replicas
from service_management.api.metrics import cluster_metrics, usage_metrics
from service_management.api.metrics.exposition import CONTENT_TYPE, Family, labels, render, sample
from service_management.controller.snapshot import ServiceSnapshot, Snapshot
from service_management.gateway.spool_guard import SpoolLevel
from service_management.lifecycle.states import Phase, State
from service_management.usage.start_counters import StartCounters
from service_management.usage.totals import UsageTotals

__all__ = ["CONTENT_TYPE", "exposition"]
Views = Sequence[ServiceSnapshot]


def exposition(snapshot: Snapshot, usage: UsageTotals, spool: SpoolLevel | None = None) -> bytes:
    return render([*_families(snapshot, usage), *_spool(spool)])


def _spool(level: SpoolLevel | None) -> Iterator[Family]:
    if level is None:
        return
    name = "orchestrator_spool_free_bytes"
    yield Family(name, "gauge", "Free space for large request bodies", [sample(name, level.free)])
    name, text = "orchestrator_spool_full", "1 while large request bodies are refused"
    yield Family(name, "gauge", text, [sample(name, int(level.is_full))])


def _families(snapshot: Snapshot, usage: UsageTotals) -> Iterator[Family]:
    views = snapshot.all()
    yield _states(views)
    yield _inflight(views)
    text = "Requests waiting for the service, or for a place there"
    yield _per_service("held", text, views, lambda v: v.held)
    yield _per_service("wanted_replicas", "Replicas wanted", views, lambda v: v.scale.wanted)
    yield _replicas(views)
    text = "Attempts to start that failed in a row"
    yield _per_service("failures", text, views, lambda v: v.record.failures)
    yield from _attempts(snapshot.start_counters)
    yield from _config(snapshot)
    yield from cluster_metrics.families(snapshot, views)
    yield from usage_metrics.families(usage, snapshot.start_counters.phases(), snapshot.wall_time)


def _states(views: Views) -> Family:
    name = "orchestrator_service_state"
    text = "1 for the state that the service is in, 0 for all others"
    return Family(name, "gauge", text, [_state(v.record.route, v.record.state) for v in views])


@cache
def _state(route: str, state: State) -> str:
    """Cached: the lines of one service have only seven variants."""
    lines = (
        sample(
            "orchestrator_service_state",
            int(each is state),
            labels(service=route, state=each.value),
        )
        for each in State
    )
    return "".join(lines)


def _inflight(views: Views) -> Family:
    """A replica whose requests could not be counted has no line: unknown is not zero."""
    name = "orchestrator_inflight"
    lines = [
        sample(
            name,
            replica["inflight"],
            labels(service=view.record.route, replica=str(replica["slot"])),
        )
        for view in views
        for replica in replicas(view)
        if replica["inflight"] is not None
    ]
    return Family(name, "gauge", "Requests that the replica is answering", lines)


def _per_service(
    name: str, text: str, views: Views, value: Callable[[ServiceSnapshot], int]
) -> Family:
    name = f"orchestrator_{name}"
    lines = [f'{name}{{service="{v.record.route}"}} {value(v)}\n' for v in views]
    return Family(name, "gauge", text, lines)


def _replicas(views: Views) -> Family:
    """By state, with zeros: a query for what is missing needs no `or vector(0)`."""
    name, lines = "orchestrator_replicas", list[str]()
    for view in views:
        phases = Counter(replica.phase for replica in view.record.replicas)
        lines += [
            sample(name, phases[phase], labels(service=view.record.route, state=phase.value))
            for phase in Phase
        ]
    return Family(name, "gauge", "Replicas of the service that are in the state", lines)


def _attempts(counters: StartCounters) -> Iterator[Family]:
    name = "orchestrator_submissions_total"
    lines = [sample(name, n, labels(service=route)) for route, n in counters.submissions().items()]
    yield Family(name, "counter", "Job submissions, refused ones included", lines)
    name = "orchestrator_failed_attempts_total"
    lines = [
        sample(name, count, labels(service=route, reason=reason))
        for (route, reason), count in counters.failures().items()
    ]
    yield Family(name, "counter", "Failed attempts to start or to keep running, by reason", lines)


def _config(snapshot: Snapshot) -> Iterator[Family]:
    name = "orchestrator_config_valid"
    text = "1 while services_config.json is valid, 0 while an older version stays in force"
    yield Family(name, "gauge", text, [sample(name, 0 if snapshot.config_error else 1)])
    name = "orchestrator_config_info"
    line = sample(name, 1, labels(version=snapshot.version))
    yield Family(name, "gauge", "Always 1; the label is the version in force", [line])
    name = "orchestrator_config_timestamp_seconds"
    text = "When this process loaded the version in force"
    yield Family(name, "gauge", text, [sample(name, snapshot.version_since)])
