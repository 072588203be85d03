"""Killed processes come back; a restarted or replaced container keeps its jobs."""

from __future__ import annotations

import signal
import subprocess
import threading
import time

import pytest

from tests.docker import inside
from tests.docker.deployment import NAME, Deployment
from tests.docker.repeated_requests import RepeatedRequests
from tests.stack.waiting import median_within, wait_for

BACK_SECONDS = 10.0  # beside other tests; 5 s on a machine that does nothing else


@pytest.mark.parametrize(
    "program", ["gunicorn's master", "gunicorn's worker", "the way to the demo"]
)
def test_killing_parts_of_the_control_plane_fails_no_request(
    kept: Deployment, program: str
) -> None:
    with RepeatedRequests(kept, "/probe/echo") as requests:
        median_within(BACK_SECONDS, lambda: _seconds_until_back(kept, program))
    assert requests.failed() == []


@pytest.mark.parametrize("program", ["nginx's master", "an nginx worker", "an ssh master"])
def test_what_carries_traffic_is_back_within_five_seconds(kept: Deployment, program: str) -> None:
    median_within(BACK_SECONDS, lambda: _seconds_until_back(kept, program))


def test_without_its_supervisor_the_container_restarts(kept: Deployment) -> None:
    def seconds() -> float:
        # Docker is the slower in starting it again, the more often it ended within 10 s.
        wait_for("it has run for some time", lambda: kept.age() > 10, 20, 0.2)
        return _seconds_until_back(kept, "the supervisor", "/healthz/nginx")

    median_within(BACK_SECONDS, seconds)


def _seconds_until_back(deployment: Deployment, program: str, path: str = "/probe/echo") -> float:
    """Killed, until there is another one and the path is answered."""
    wait_for("ready", lambda: deployment.state("probe") == "ready", 60, 0.1)
    before = inside.find(deployment, program)
    assert before
    killed = {min(before, key=lambda process: process.pid)}
    begun = time.monotonic()
    inside.send(deployment, signal.SIGKILL, killed)

    def back() -> bool:
        now = inside.find(deployment, program)
        return len(now) >= len(before) and not now & killed and deployment.answers(path)

    wait_for(f"{program} is back", back, 60, 0.05)
    return time.monotonic() - begun


@pytest.mark.parametrize("how", [["restart"], ["kill", "start"]], ids=["restarted", "crashed"])
def test_a_container_that_comes_again_takes_its_jobs_over(kept: Deployment, how: list[str]) -> None:
    for word in how:
        subprocess.run(["docker", word, NAME], check=True, capture_output=True, timeout=120)
    wait_for("an answer", lambda: kept.answers("/probe/echo"), 60, 0.2)


def test_a_new_version_takes_over_with_the_same_jobs(kept: Deployment) -> None:
    module = kept.directory / "service_management" / "__init__.py"
    old = kept.inside("orchestrator", "--version").strip()
    module.write_text(module.read_text().replace(old, "9.9.9"))
    try:
        with RepeatedRequests(kept, "/probe/echo") as requests:
            kept.up("--build")
            wait_for("the new version", lambda: "9.9.9" in _version(kept), 60, 0.1)
            wait_for("an answer", lambda: kept.answers("/probe/echo"), 60, 0.1)
        print(f"the gateway was away for {requests.gap():.1f} s; {requests.failed()}")
        assert requests.gap() < 40
    finally:
        module.write_text(module.read_text().replace("9.9.9", old))


def _version(deployment: Deployment) -> str:
    return deployment.inside("orchestrator", "--version", check=False)


def test_what_a_lost_volume_knew_of_jobs_is_found_in_slurm(kept: Deployment) -> None:
    kept.lose_the_volume()
    kept.up()
    wait_for("ready again", lambda: kept.state("probe") == "ready", 60, 0.2)


def test_a_stop_lets_a_stream_come_to_its_end(kept: Deployment) -> None:
    with kept.client.stream("GET", "/probe/stream?seconds=14&interval=0.2") as stream:
        lines = stream.iter_lines()
        next(lines)
        # Longer than Docker waits by itself: how long is set in docker-compose.yaml.
        restart = threading.Thread(target=subprocess.run, args=(["docker", "restart", NAME],))
        restart.start()
        assert list(lines)[-1] == "end"
    restart.join()


def test_a_hung_control_plane_makes_the_container_unhealthy(kept: Deployment) -> None:
    wait_for("healthy", lambda: _health(kept) == "healthy", 60, 0.5)
    frozen = inside.find(kept, "gunicorn's worker")
    inside.send(kept, signal.SIGSTOP, frozen)
    try:
        wait_for("unhealthy", lambda: _health(kept) == "unhealthy", 80, 0.5)
        assert kept.answers("/probe/echo")  # nginx goes on by itself
    finally:
        inside.send(kept, signal.SIGCONT, frozen)
    wait_for("healthy again", lambda: _health(kept) == "healthy", 60, 0.5)


def _health(deployment: Deployment) -> str:
    return str(deployment.facts()["State"]["Health"]["Status"])
