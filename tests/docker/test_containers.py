"""`docker-compose -f docker-compose.yaml up --build -d` from a clean clone, and its use."""

from __future__ import annotations

import re

import httpx

from tests.docker.deployment import IDLE, Deployment
from tests.stack.waiting import wait_for


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


def test_service_nginx_reload_works_and_loses_no_stream(running: Deployment) -> None:
    wait_for("an answer", lambda: running.answers("/probe/echo"), 90, 0.5)
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


def test_it_is_shut_in(running: Deployment) -> None:
    host = running.facts()["HostConfig"]
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert (host["Memory"], host["PidsLimit"]) == (4 << 30, 24576)
    assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}
    assert running.inside("ls", "-A", "/config").split() == ["services_config.json"]
    assert "Read-only file system" in running.inside("touch", "/config/x", check=False)
    assert running.inside("id", "-u").strip() == "1000"
    assert "Read-only file system" in running.inside("touch", "/app/x", check=False)
    assert "Read-only file system" in running.inside("touch", "/app/ssh/x", check=False)


def test_the_command_line_works_inside(running: Deployment) -> None:
    assert "classifier" in running.inside("orchestrator", "status")
    secrets = running.inside("cat", "/app/var/.env")
    assert re.search(r"^ADMIN_TOKEN=\S{20}", secrets, re.MULTILINE)
    assert running.inside("stat", "-c", "%a", "/app/var/.env").strip() == "600"
