"""./start.cmd where a Docker engine answers: the same words as natively."""

from __future__ import annotations

import subprocess
import time

from tests.docker.deployment import NAME, Deployment
from tests.stack.waiting import wait_for


def start_cmd(deployment: Deployment, *words: str) -> str:
    done = subprocess.run(
        ["./start.cmd", *words],
        cwd=deployment.directory,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_one_command_a_job_an_update_and_nothing_left(deployment: Deployment) -> None:
    said = start_cmd(deployment)
    assert "docker: an engine answers" in said
    assert "What to try next" in said
    deployment.edit('"timeout": 3', '"timeout": 60')
    answered = "the demo answers"
    wait_for(answered, lambda: deployment.client.get("/probe/echo").status_code == 200, 60, 1)
    before = deployment.jobs()
    assert "probe" in start_cmd(deployment, "status")

    begun = time.monotonic()
    start_cmd(deployment)
    assert time.monotonic() - begun < 20  # nothing to do
    module = deployment.directory / "service_management" / "__init__.py"
    module.write_text(module.read_text() + "\n")
    assert "the gateway is version" in start_cmd(deployment, "update")
    assert deployment.client.get("/probe/echo").status_code == 200
    assert deployment.jobs() == before

    assert "cancelling the job of probe" in start_cmd(deployment, "stop")
    gone = subprocess.run(["docker", "inspect", NAME], capture_output=True, check=False)
    assert gone.returncode != 0
