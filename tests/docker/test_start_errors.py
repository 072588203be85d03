"""What goes wrong at the first start, and the message that says what to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.docker.deployment import Deployment
from tests.stack.waiting import wait_for

# A log-in is not needed for any of these.
WITHOUT_DEMO = {"COMPOSE_PROFILES": ""}


@pytest.fixture(autouse=True)
def _stopped(deployment: Deployment) -> Iterator[None]:
    deployment.settings(WITHOUT_DEMO)
    deployment.keys.mkdir(exist_ok=True)
    yield
    deployment.compose("down", "--timeout", "1")
    for key in deployment.keys.iterdir():
        key.unlink()


def _refusal(deployment: Deployment) -> str:
    """The whole of it is in the log: /info names no path."""
    deployment.wait_for_problem()
    return deployment.logs()


def _start(deployment: Deployment) -> None:
    deployment.up("--build")


def test_a_broken_env_is_named_in_the_log(deployment: Deployment) -> None:
    deployment.settings({**WITHOUT_DEMO, "ML_SERVICE_FLASK_PORT": "five"})
    _start(deployment)
    sentence = "ML_SERVICE_FLASK_PORT='five': must be a whole number from 1 to 65535"
    wait_for("the sentence", lambda: sentence in deployment.logs(), 30, 0.3)


def test_a_missing_key_is_named_with_its_place(deployment: Deployment) -> None:
    _start(deployment)
    assert "must exist; there is no /app/ssh/demo_key" in _refusal(deployment)


def test_a_key_that_the_container_may_not_read_is_named(deployment: Deployment) -> None:
    key = deployment.keys / "demo_key"
    key.write_text("secret")
    key.chmod(0o600)  # root's
    _start(deployment)
    assert "must be readable by user 1000: chown 1000 /app/ssh/demo_key" in (_refusal(deployment))


def test_a_mount_that_the_container_may_not_enter_is_named(deployment: Deployment) -> None:
    deployment.keys.chmod(0o700)
    try:
        _start(deployment)
        assert "must be readable by user 1000" in _refusal(deployment)
    finally:
        deployment.keys.chmod(0o755)


def test_a_configuration_unreadable_in_the_container_is_named(deployment: Deployment) -> None:
    deployment.config.chmod(0o600)  # root's
    try:
        _start(deployment)
        assert "must be readable by user 1000: chown 1000" in _refusal(deployment)
    finally:
        deployment.config.chmod(0o644)


def test_a_volume_of_another_user_s_is_named_with_both_numbers(deployment: Deployment) -> None:
    _start(deployment)
    deployment.wait_for_problem()  # the volume is user 1000's now
    deployment.settings({**WITHOUT_DEMO, "ML_SERVICE_UID": "1001"})
    _start(deployment)
    sentence = "its owner is user 1000, this is user 1001; in a container, ML_SERVICE_UID in .env"
    wait_for("the sentence", lambda: sentence in deployment.logs(), 30, 0.3)


def test_a_port_that_is_taken_is_named(deployment: Deployment) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("0.0.0.0", deployment.port))
        taken.listen()
        said = deployment.compose("up", "-d", "--build", check=False)
    assert str(deployment.port) in said
    assert "already" in said
