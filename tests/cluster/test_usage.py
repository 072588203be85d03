"""Requests, cold starts and submissions are counted, also across a crash."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.stack.stack import Stack
from tests.stack.waiting import wait_for


def metric(stack: Stack, name: str, **labels: str) -> float:
    """The sum of the samples that have these labels."""
    families = text_string_to_metric_families(stack.client.get("/metrics").text)
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return sum(s.value for s in samples if labels.items() <= s.labels.items())


def test_requests_and_cold_starts_are_counted_across_a_crash(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service()
    for _ in range(3):
        assert stack.client.post(f"/{route}/echo", content=b"x").status_code == 200
    assert stack.client.get(f"/{route}/nothing-here").status_code == 404

    def answered() -> tuple[float, float]:
        total = "orchestrator_requests_total"
        good = metric(stack, total, service=route, status="200")
        return good, metric(stack, total, service=route, status="404")

    wait_for("all are counted", lambda: answered() == (3, 1), 15)
    assert metric(stack, "orchestrator_cold_start_seconds_count", service=route) == 1
    assert metric(stack, "orchestrator_submissions_total", service=route) == 1
    assert metric(stack, "orchestrator_sent_bytes_total", service=route) > 0

    stack.kill_control_plane()
    status = stack.client.post(f"/{route}/echo", content=b"x").status_code
    assert status == (200 if stack.tunnels_outlive_control_plane else 503)
    stack.wait_until_alive()

    count = "orchestrator_request_seconds_count"
    wait_for(
        "that of the downtime",
        lambda: metric(stack, count, service=route) == 5,
        15,
    )
    assert answered() == ((4, 1) if status == 200 else (3, 1))


def test_a_cold_start_has_four_phases_and_one_submission(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service(env={"START_DELAY": "1"})
    login = f"{stack.cluster.ssh_user}@{stack.cluster.ssh_host}:{stack.cluster.ssh_port}"

    def calls(command: str) -> float:
        name = "orchestrator_cluster_calls_total"
        return metric(stack, name, login=login, command=command)

    before = calls("submit")
    answer = stack.client.post(f"/{route}/echo", content=b"x")
    assert answer.status_code == 200
    phase = "orchestrator_cold_start_phase_seconds"
    wait_for("all phases", lambda: metric(stack, f"{phase}_count", service=route) == 4, 15)
    parts = ("submit", "queue", "load", "first_byte")
    assert [metric(stack, f"{phase}_count", service=route, phase=part) for part in parts] == [1] * 4
    seconds = {part: metric(stack, f"{phase}_sum", service=route, phase=part) for part in parts}
    held = float(answer.headers["X-Cold-Start"])
    assert sum(seconds.values()) - seconds["first_byte"] == pytest.approx(held, abs=1)
    assert seconds["load"] > 0.5
    assert calls("submit") == before + 1
    assert calls("tunnel") >= 2
    job = {"service": route, "login": login, "state": "RUNNING"}
    assert metric(stack, "orchestrator_jobs", **job) == 1
    version = stack.info()["config_version"]
    assert metric(stack, "orchestrator_config_info", version=version) == 1


def test_a_scrape_wakes_nothing_and_keeps_nothing_awake(
    stack: Stack, service: Callable[..., str]
) -> None:
    route, cold = service(timeout=2), "orchestrator_service_state"
    for _ in range(20):
        assert metric(stack, cold, service=route, state="cold") == 1
    assert stack.submissions(route) == 0
    assert stack.client.post(f"/{route}/echo", content=b"x").status_code == 200
    wait_for("idle", lambda: metric(stack, cold, service=route, state="cold") == 1, 20)
    assert stack.submissions(route) == 1


def test_requests_in_flight_are_shown_per_replica(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service()
    with stack.client.stream("GET", f"/{route}/stream?seconds=60&interval=0.1") as answer:
        assert answer.status_code == 200
        name, replica = "orchestrator_inflight", {"service": route, "replica": "0"}
        wait_for("one", lambda: metric(stack, name, **replica) == 1, 10)
        assert stack.info(route)["replicas"][0]["inflight"] == 1


def test_nginx_reopens_a_log_that_was_renamed(stack: Stack, service: Callable[..., str]) -> None:
    """Also its workers, which run as another user."""
    log, errors = (stack.run_dir / "log" / name for name in ("counts.log", "error.log"))
    wait_for("a log", log.exists, 15)
    before = errors.read_bytes()
    log.rename(log.with_name("counts.log.1"))  # as a control plane killed at this moment leaves it
    wait_for("a fresh log", log.exists, 15)
    wait_for("a line in it", lambda: stack.client.get("/info") and log.stat().st_size > 0, 15)
    said = errors.read_bytes().removeprefix(before).splitlines()
    assert [line for line in said if b"Permission denied" in line] == []
