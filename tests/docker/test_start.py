"""./start.cmd with a Docker engine: the same commands as without."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator

import pytest

from tests.docker.deployment import NAME, Deployment
from tests.stack.waiting import median_within, wait_for


def start_cmd(deployment: Deployment, *words: str, code: int = 0, **environment: str) -> str:
    done = subprocess.run(
        ["./start.cmd", *words],
        cwd=deployment.directory,
        env={**os.environ, **environment},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=800,
        check=False,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def test_one_command_a_job_an_update_and_nothing_left(deployment: Deployment) -> None:
    deployment.settings({})
    deployment.compose("build")
    said = _start_again(deployment)
    assert "docker: an engine answers" in said
    assert "What to try next" in said
    deployment.edit('"timeout": 3', '"timeout": 60')
    answered = "the demo answers"
    wait_for(answered, lambda: deployment.client.get("/probe/echo").status_code == 200, 60, 1)
    before = deployment.jobs()
    assert "probe" in start_cmd(deployment, "status")

    median_within(10, lambda: _seconds(deployment))
    assert "the other way" in start_cmd(deployment, "--native", code=1)
    module = deployment.directory / "service_management" / "__init__.py"
    module.write_text(module.read_text() + "\n")
    said = start_cmd(deployment, "update")
    assert "the gateway is version" in said
    assert re.search(r"did not answer for [\d.]+ s", said)
    assert deployment.client.get("/probe/echo").status_code == 200
    assert deployment.jobs() == before

    words = "starting nginx and the control plane at port"
    assert words in _interrupted(deployment, "logs", at=words)[1]
    said = start_cmd(deployment, "restart")
    assert said.index("cancelling the job of probe") < said.index("What to try next")
    assert deployment.jobs() == []

    start_cmd(deployment, "stop")
    assert not _is_there()


def _start_again(deployment: Deployment) -> str:
    """In a minute, where the images are there."""
    said = ""

    def seconds() -> float:
        nonlocal said
        if said:
            start_cmd(deployment, "stop")
        begun = time.monotonic()
        said = start_cmd(deployment)
        took = time.monotonic() - begun
        # What it says to try next works at once, also where the demo cluster had no key before.
        assert deployment.client.get("/probe/echo").status_code == 200
        return took

    median_within(60, seconds)
    return said


def _seconds(deployment: Deployment) -> float:
    begun = time.monotonic()
    start_cmd(deployment)
    return time.monotonic() - begun


@pytest.fixture
def stopped(deployment: Deployment) -> Iterator[Deployment]:
    yield deployment
    deployment.settings({})
    start_cmd(deployment, "stop", "--docker")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"ML_SERVICE_FLASK_PORT": "five"}, "ML_SERVICE_FLASK_PORT='five': must be a whole number"),
        ({"NGINX_PORT": "80x"}, "Look at .env"),
    ],
)
def test_a_broken_env_is_reported_at_once(
    stopped: Deployment, wrong: dict[str, str], sentence: str
) -> None:
    stopped.settings(wrong)
    said = start_cmd(stopped, "--no-demo", code=1)
    assert sentence in said
    assert "is not healthy after" not in said  # the patience it has with a slow start


def test_a_taken_port_is_reported_with_what_to_do(stopped: Deployment) -> None:
    stopped.settings({})
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("0.0.0.0", stopped.port))
        taken.listen()
        said = start_cmd(stopped, "--no-demo", code=1)
    assert "The port is taken: free it, or choose another NGINX_PORT in .env." in said


def test_ctrl_c_during_the_start_leaves_nothing(stopped: Deployment) -> None:
    stopped.settings({})
    code, said = _interrupted(stopped, at="building the images")
    assert code == 130, said
    assert not _is_there()


def _interrupted(deployment: Deployment, *words: str, at: str) -> tuple[int, str]:
    """Ctrl-C once it says this; how it ended, and all that it said."""
    process = subprocess.Popen(
        ["./start.cmd", *words],
        cwd=deployment.directory,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    said = "".join(_until(process.stdout, at))
    os.killpg(process.pid, signal.SIGINT)
    rest, _ = process.communicate(timeout=120)
    return process.returncode, said + rest


def _until(lines: Iterable[str], word: str) -> Iterator[str]:
    for line in lines:
        yield line
        if word in line:
            return


def _is_there() -> bool:
    done = subprocess.run(["docker", "inspect", NAME], capture_output=True, check=False)
    return done.returncode == 0


def test_without_an_engine_it_is_native_and_says_why(deployment: Deployment) -> None:
    nowhere = f"unix://{deployment.directory}/nowhere.sock"
    said = start_cmd(deployment, "status", code=1, DOCKER_HOST=nowhere)
    assert "native: no Docker engine answers" in said
    said = start_cmd(deployment, "status", "--docker", code=1, DOCKER_HOST=nowhere)
    assert "in Docker (--docker), but no Docker engine answers: start the engine" in said
