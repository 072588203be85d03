"""TLS_CERT and TLS_KEY in compose: files of the mounted directory of keys."""

from __future__ import annotations

import shutil

import httpx

from tests.docker.deployment import Deployment
from tests.stack.certificate import Certificate
from tests.stack.waiting import wait_for

UID = 1000  # the container's user


def test_https_at_the_port_and_a_renewed_certificate(deployment: Deployment) -> None:
    deployment.keys.mkdir(exist_ok=True)
    made = _make(deployment)
    files = {"TLS_CERT": made.cert.name, "TLS_KEY": made.key.name}
    deployment.settings({**files, "COMPOSE_PROFILES": ""})
    deployment.up("--build")
    wait_for("https answers", lambda: _answer(deployment, made), 60, 0.5)
    answer = _answer(deployment, made)
    assert answer
    assert answer.http_version == "HTTP/2"
    assert _answer(deployment, made, "[::1]")  # published on IPv6 too
    assert deployment.inside("healthy") == ""
    assert "demo_key" in deployment.inside("orchestrator", "status")  # there is none

    renewed = _make(deployment)
    assert _answer(deployment, renewed) is None
    deployment.inside("service", "nginx", "reload")
    wait_for("it is served", lambda: _answer(deployment, renewed), 10, 0.2)


def _make(deployment: Deployment) -> Certificate:
    made = Certificate.make(deployment.keys)
    shutil.chown(made.key, UID)
    return made


def _answer(
    deployment: Deployment, trusted: Certificate, host: str = "127.0.0.1"
) -> httpx.Response | None:
    try:
        with httpx.Client(http2=True, verify=trusted.trust()) as client:
            answer = client.get(f"https://{host}:{deployment.port}/healthz")
            return answer if answer.status_code == 200 else None
    except httpx.TransportError:
        return None
