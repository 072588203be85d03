"""`docker-compose -f docker-compose.yaml up --build -d` from a clean clone, and what follows."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.docker.deployment import IDLE, Deployment
from tests.stack.waiting import wait_for


@pytest.fixture(scope="module")
def running(deployment: Deployment) -> Deployment:
    deployment.up("--build")
    deployment.wait_until_served()
    return deployment


@pytest.fixture(autouse=True)
def _begins_without_a_job(running: Deployment) -> Iterator[None]:
    running.wait_until_served()
    wait_for("no job is left", lambda: not running.jobs(), IDLE + 20, 0.5)
    wait_for("all is cold", lambda: running.state("probe") == "cold", 20)
    yield
    print(running.logs())  # pytest shows it where the test failed


def test_a_cold_request_is_answered_by_a_job_that_goes_again(running: Deployment) -> None:
    # The demo cluster may still be starting: then the answer is a problem with Retry-After.
    answer = wait_for("an answer", lambda: _asked(running, "/classifier/example"), 90, 1)
    assert "X-Cold-Start" in answer.headers
    assert len(running.jobs()) == 1
    wait_for("the job is gone", lambda: not running.jobs(), IDLE + 15, 0.3)
    wait_for("the route is cold", lambda: running.state("classifier") == "cold", 10)


def _asked(running: Deployment, path: str) -> httpx.Response | None:
    answer = running.client.get(path)
    return answer if answer.status_code == 200 else None


def test_service_nginx_reload_works_as_written_and_loses_no_stream(running: Deployment) -> None:
    running.client.get("/probe/health")
    assert running.client.get("/probe/echo").status_code == 200
    with running.client.stream("GET", "/probe/stream?seconds=3&interval=0.2") as stream:
        lines = stream.iter_lines()
        next(lines)
        assert "Reloading nginx" in running.inside("service", "nginx", "reload")
        assert running.client.get("/probe/echo").status_code == 200
        assert len(list(lines)) > 5


def test_a_file_that_replaces_the_configuration_is_taken_up(running: Deployment) -> None:
    running.edit('"route_name": "textgen"', '"route_name": "writer"')
    try:
        wait_for("the new route", lambda: running.state("writer") == "cold", 10)
    finally:
        running.edit('"route_name": "writer"', '"route_name": "textgen"')
    wait_for("the old route", lambda: running.state("textgen") == "cold", 10)


def test_a_restarted_container_takes_its_jobs_over(running: Deployment) -> None:
    running.edit(f'"timeout": {IDLE}', '"timeout": 40')
    try:
        assert running.client.get("/probe/echo").status_code == 200
        before = running.jobs()
        running.compose("restart", "ml_service_management")
        wait_for("ready again", lambda: running.state("probe") == "ready", 40)
        assert running.client.get("/probe/echo").status_code == 200
        assert running.jobs() == before
    finally:
        running.edit('"timeout": 40', f'"timeout": {IDLE}')


def test_what_a_lost_volume_knew_of_jobs_is_found_in_slurm(running: Deployment) -> None:
    running.edit(f'"timeout": {IDLE}', '"timeout": 40')
    try:
        assert running.client.get("/probe/echo").status_code == 200
        before = running.jobs()
        running.lose_the_volume()
        running.up()
        wait_for("ready again", lambda: running.state("probe") == "ready", 40)
        assert running.jobs() == before
    finally:
        running.edit('"timeout": 40', f'"timeout": {IDLE}')


def test_a_stop_lets_a_stream_come_to_its_end(running: Deployment) -> None:
    assert running.client.get("/probe/echo").status_code == 200
    with running.client.stream("GET", "/probe/stream?seconds=4&interval=0.2") as stream:
        lines = stream.iter_lines()
        next(lines)
        restart = threading.Thread(
            target=running.compose, args=("restart", "--timeout", "45", "ml_service_management")
        )
        restart.start()
        assert len(list(lines)) > 10
    restart.join()


@pytest.mark.parametrize("program", ["nginx: master", "gunicorn", "socat"])
def test_a_killed_process_comes_back_within_five_seconds(running: Deployment, program: str) -> None:
    # What has been running for a while, as supervisord sees it, is started again at once.
    killed = running.inside("sh", "-c", _KILL.format(program=program)).split()
    begun = time.monotonic()
    assert killed
    wait_for("everything answers", lambda: _asked(running, "/probe/echo"), 30, 0.2)
    assert running.state("probe") == "ready"
    assert time.monotonic() - begun < 15  # the cold start included


_KILL = (
    "for p in /proc/[0-9]*; do "
    "case $(tr '\\0' ' ' < $p/cmdline) in sh*) ;; *'{program}'*) "
    "kill -9 ${{p#/proc/}}; echo ${{p#/proc/}} ;; esac; done"
)


def test_it_is_shut_in(running: Deployment) -> None:
    host = running.facts()["HostConfig"]
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert running.inside("id", "-u").strip() == "1000"
    assert "Read-only file system" in running.inside("touch", "/app/x", check=False)
    assert "Read-only file system" in running.inside("touch", "/app/ssh/x", check=False)


def test_it_becomes_healthy_and_the_command_line_works_inside(running: Deployment) -> None:
    wait_for("healthy", lambda: _health(running) == "healthy", 40, 0.5)
    assert "classifier" in running.inside("orchestrator", "status")
    secrets = running.inside("cat", "/app/var/.env")
    assert re.search(r"^ADMIN_TOKEN=\S{20}", secrets, re.MULTILINE)
    assert running.inside("stat", "-c", "%a", "/app/var/.env").strip() == "600"


def _health(running: Deployment) -> str:
    return str(running.facts()["State"]["Health"]["Status"])
