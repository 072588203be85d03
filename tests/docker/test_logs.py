"""`docker logs`, for programs and for people."""

from __future__ import annotations

import json
import signal

from tests.docker import inside
from tests.docker.deployment import Deployment
from tests.stack.waiting import wait_for


def test_every_line_is_json_if_configured(deployment: Deployment) -> None:
    deployment.settings({"COMPOSE_PROFILES": "", "LOG_FORMAT": "json"})
    deployment.up("--build")
    deployment.wait_for_problem()  # there is no key: the control plane logs something
    inside.send(deployment, signal.SIGKILL, inside.find(deployment, "gunicorn's worker"))
    wait_for("it is logged", lambda: "SIGKILL" in deployment.logs(), 20, 0.2)
    said = [json.loads(line) for line in deployment.logs().splitlines()]
    events = "\n".join(line["event"] for line in said)
    assert all(line["level"] and line["timestamp"] for line in said)
    for words in ("nginx and the control plane at port", "spawned: 'nginx'", "refused"):
        assert words in events


def test_people_get_sentences(deployment: Deployment) -> None:
    deployment.settings({"COMPOSE_PROFILES": "", "LOG_FORMAT": ""})
    deployment.up("--build")
    deployment.wait_for_problem()
    wait_for("it is logged", lambda: "configuration refused" in deployment.logs(), 20, 0.2)
    assert not any(line.startswith("{") for line in deployment.logs().splitlines())
