"""A service is served at its local_host and local_port too, without its route in the path."""

from __future__ import annotations

import pytest

from tests.gateway.client import call
from tests.gateway.control_plane import ready
from tests.gateway.gateway import Gateway
from tests.gateway.waiting import until


@pytest.mark.parametrize("target", ["/predict?x=%2F", "/files/a%2Fb//c?d"])
def test_the_same_paths_are_served(gateway: Gateway, target: str) -> None:
    upstream = gateway.warm("own")

    def demanded() -> bool:
        assert call(gateway.local_port, target).status == 200
        return gateway.control.demands()["own"] > 0

    until(demanded)
    assert set(upstream.paths()) == {target}
    assert upstream.seen[0].all("X-Forwarded-Prefix") == []


@pytest.mark.parametrize(
    "target", ["/", "/files", "/own/predict", "/info", "/metrics/x", "/_demand"]
)
def test_other_paths_are_404(gateway: Gateway, target: str) -> None:
    gateway.warm("own")
    answer = call(gateway.local_port, target)
    assert (answer.status, answer.one("Content-Type")) == (404, "application/problem+json")
    assert [asked.path for asked in gateway.control.about(answer)] == ["/_not_found"]
    assert answer.json().get("service", "own") == "own"  # none for /_demand
    assert answer.json()["asked"] == {"uri": target, "prefix": None}


@pytest.mark.parametrize("target", ["/files/../files/x", "/%66iles/x", "/files/..%2fx/../files/y"])
def test_odd_paths_are_refused(gateway: Gateway, target: str) -> None:
    gateway.warm("own")
    assert call(gateway.local_port, target).status == 400


def test_a_cold_request_is_held_and_replayed(gateway: Gateway) -> None:
    gateway.control.hold = lambda asked: gateway.warm("own") and ready(asked)
    answer = call(gateway.local_port, "/files/a%2Fb?c", "PUT", body=b"x")
    assert (answer.status, answer.one("X-Cold-Start")) == (200, "1.5")
    (asked,) = gateway.control.of("hold")
    assert asked.get("X-Hold-Prefix") is None
    assert gateway.warm("own").paths() == ["/files/a%2Fb?c"]


def test_a_quiet_path_stays_quiet(gateway: Gateway) -> None:
    answer = call(gateway.local_port, "/health")
    assert answer.status == 503
    assert [asked.path for asked in gateway.control.about(answer)] == ["/_quiet/own"]
