"""/metrics: what Prometheus' own parser makes of it, whatever a name holds, and at what cost."""

from __future__ import annotations

import time

from prometheus_client.parser import text_string_to_metric_families

from service_management.api.metrics.exposition import Family, histogram, labels, render, sample
from service_management.api.metrics.service_metrics import exposition
from service_management.controller.snapshot import Snapshot
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.states import State
from service_management.usage.histogram import Histogram
from service_management.usage.totals import ServiceUsage, UsageTotals
from tests.unit.controller.samples import configured, with_job, with_jobs
from tests.unit.records import changed, only
from tests.unit.records import with_job as job_changed


def snapshot_of(*records: ServiceRecord) -> Snapshot:
    made = Snapshot()
    made.services = {record.route: configured(record.route) for record in records}
    made.records = {record.route: record for record in records}
    return made


def values(text: bytes, name: str) -> dict[tuple[str, ...], float]:
    """By the values of the labels."""
    return {
        tuple(found.labels.values()): found.value
        for family in text_string_to_metric_families(text.decode())
        for found in family.samples
        if found.name == name
    }


def test_a_label_may_hold_anything() -> None:
    hostile = 'quo"te\\ and\nline %d \0 {x="y"} ü'
    text = render([Family("m", "gauge", "text", [sample("m", 1.5, labels(a=hostile, b=""))])])
    assert values(text, "m") == {(hostile, ""): 1.5}


def test_a_histogram_adds_up() -> None:
    spread = Histogram((0.5, 2))
    for seconds in (0.1, 0.5, 1.0, 99.0):
        spread.add(seconds)
    text = render([Family("m", "histogram", "text", [histogram("m", spread, labels(a="%s"))])])
    assert values(text, "m_bucket") == {("%s", "0.5"): 2, ("%s", "2"): 3, ("%s", "+Inf"): 4}
    assert values(text, "m_sum") == {("%s",): 100.6}
    assert values(text, "m_count") == {("%s",): 4}


def test_metrics_appear_once_with_a_text_and_a_fitting_name() -> None:
    text = exposition(
        snapshot_of(with_job("a", State.READY, 1.0)), UsageTotals({"a": ServiceUsage()})
    )
    families = list(text_string_to_metric_families(text.decode()))
    names = [family.name for family in families]
    assert len(set(names)) == len(names)
    assert all(family.documentation for family in families)
    counters = [line.split()[2] for line in text.decode().splitlines() if line.endswith(" counter")]
    assert counters
    assert all(name.endswith("_total") for name in counters)


def test_requests_in_flight_are_shown_if_they_were_counted() -> None:
    busy, dark = with_job("busy", State.READY, 1.0), with_job("dark", State.READY, 1.0)
    shown = snapshot_of(busy, dark, ServiceRecord("cold"))
    shown.inflight = {only(busy).job.name: 3, only(dark).job.name: None}
    assert values(exposition(shown, UsageTotals()), "orchestrator_inflight") == {("busy", "0"): 3}


def test_a_job_is_shown_with_its_login_and_slurms_state() -> None:
    fresh = with_job("a", State.QUEUED, 1.0)
    running = job_changed(with_job("b", State.READY, 1.0), slurm_state="RUNNING")
    login = "jo@login.cluster.example.org:22"
    assert values(exposition(snapshot_of(fresh, running), UsageTotals()), "orchestrator_jobs") == {
        ("a", login, "SUBMITTING"): 1,
        ("b", login, "RUNNING"): 1,
    }


def with_two(route: str) -> ServiceRecord:
    """One is ready, another waits in the queue."""
    record = with_jobs(route, 1.0, State.READY, State.QUEUED)
    first, second = record.replicas
    return record.with_replicas(
        first.with_job(slurm_state="RUNNING"), second.with_job(slurm_state="PENDING")
    )


def test_each_replica_has_its_own_requests_in_flight() -> None:
    record = with_two("a")
    shown = snapshot_of(record)
    first, second = (one.job.name for one in record.replicas)
    shown.inflight = {first: 3, second: 0}
    counted = values(exposition(shown, UsageTotals()), "orchestrator_inflight")
    assert counted == {("a", "0"): 3, ("a", "1"): 0}
    shown.inflight = {first: None, second: 2}
    counted = values(exposition(shown, UsageTotals()), "orchestrator_inflight")
    assert counted == {("a", "1"): 2}


def test_each_job_of_a_service_is_shown() -> None:
    login = "jo@login.cluster.example.org:22"
    text = exposition(snapshot_of(with_two("a")), UsageTotals())
    assert values(text, "orchestrator_jobs") == {
        ("a", login, "RUNNING"): 1,
        ("a", login, "PENDING"): 1,
    }


def test_jobs_in_the_same_state_are_one_line() -> None:
    """Two lines with the same labels would make Prometheus refuse the whole scrape."""
    record = with_two("a")
    first, second = record.replicas
    both = record.with_replicas(first, second.with_job(slurm_state="RUNNING"))
    text = exposition(snapshot_of(both), UsageTotals())
    assert text.count(b"\norchestrator_jobs{") == 1
    assert set(values(text, "orchestrator_jobs").values()) == {2}


def test_calls_and_failures_are_shown_by_login_and_command() -> None:
    shown = snapshot_of()
    shown.calls.add("jo@login:22", "queue", failed=False)
    text = exposition(shown, UsageTotals())
    assert values(text, "orchestrator_cluster_calls_total") == {("jo@login:22", "queue"): 1}
    assert values(text, "orchestrator_cluster_failed_calls_total") == {("jo@login:22", "queue"): 0}


def test_the_version_in_force_is_a_label() -> None:
    shown = snapshot_of()
    shown.version, shown.version_since = "abc", 7.5
    text = exposition(shown, UsageTotals())
    assert values(text, "orchestrator_config_info") == {("abc",): 1}
    assert values(text, "orchestrator_config_timestamp_seconds") == {(): 7.5}


def test_first_bytes_are_among_the_phases() -> None:
    shown, usage = snapshot_of(ServiceRecord("a")), ServiceUsage()
    started = job_changed(with_job("a", State.READY, 1.0), submitted_at=2.0)
    shown.start_counters.note(started, changed(started, ready_since=5.0))
    usage.first_byte.add(0.3)
    counted = values(
        exposition(shown, UsageTotals({"a": usage, "b": ServiceUsage()})),
        "orchestrator_cold_start_phase_seconds_count",
    )
    phases = ("first_byte", "load", "queue", "submit")
    assert counted == {("a", phase): 1 for phase in phases}


def test_a_thousand_services_with_a_history_cost_little() -> None:
    """The controller shares the interpreter. Processor time: other programs do not count."""
    names = [f"service-{number}" for number in range(1000)]
    shown = snapshot_of(*map(ServiceRecord, names))
    usage = UsageTotals({name: ServiceUsage({"200": 7, "503": 1}) for name in names})
    costs = []
    for _ in range(3):
        started = time.thread_time()
        text = exposition(shown, usage)
        costs.append(time.thread_time() - started)
    assert text.count(b"\n") > 40_000
    assert min(costs) < 0.15, "far above the 0.02 s that it takes where nothing else runs"
