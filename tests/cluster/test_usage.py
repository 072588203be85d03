"""What was answered is counted, also by the next control plane, and what was submitted."""

from __future__ import annotations

from collections.abc import Callable

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
    assert stack.client.post(f"/{route}/echo", content=b"x").status_code == 200
    stack.wait_until_alive()

    wait_for("those of the downtime too", lambda: answered() == (4, 1), 15)
    assert metric(stack, "orchestrator_request_seconds_count", service=route) == 5


def test_nginx_as_it_is_run_takes_up_a_fresh_log(stack: Stack, service: Callable[..., str]) -> None:
    """Its workers are not the log's owner, and have given up root."""
    log = stack.run_dir / "log" / "access.log"
    wait_for("a log", log.exists, 15)
    log.rename(log.with_name("access.log.1"))  # as a control plane killed at this moment leaves it
    wait_for("a fresh log", log.exists, 15)
    wait_for("a line in it", lambda: stack.client.get("/info") and log.stat().st_size > 0, 15)
    errors = (stack.run_dir / "log" / "error.log").read_text().splitlines()
    assert [line for line in errors if "Permission denied" in line] == []
