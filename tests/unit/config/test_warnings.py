"""What is valid, and probably not meant."""

from __future__ import annotations

from typing import Any

import pytest

from .samples import catalogue, digits, file_of

EVENINGS = [{"from": "18:00", "to": "22:00", "min_replicas": 1}]


@pytest.mark.parametrize(
    ("keys", "warned"),
    [
        ({"api_paths": ["/health"]}, True),
        ({"api_paths": ["/health", "/metrics"]}, True),
        ({"api_paths": ["/health"], "check_health_path": "/health?full=1"}, True),
        ({"api_paths": ["/"], "quiet_paths": ["/*"]}, True),
        ({"api_paths": ["/*"], "quiet_paths": ["/*"]}, True),
        ({"api_paths": ["/health"], "quiet_paths": []}, False),
        ({"api_paths": ["/health"], "min_replicas": 1}, False),
        ({"api_paths": ["/health"], "schedule": EVENINGS}, False),
        ({"api_paths": ["/health", "/predict"]}, False),
        ({"api_paths": ["/predict"], "quiet_paths": ["/*"]}, False),
        ({"api_paths": ["/"]}, False),
    ],
)
def test_a_service_that_no_request_can_start_is_warned_of(
    keys: dict[str, Any], warned: bool
) -> None:
    text = file_of(digits(**keys)).replace('"api_paths"', '\n"api_paths"')
    found = catalogue(text).warnings
    assert [(each.line, each.column) for each in found] == [(2, 1)] * warned
    assert all("no request can start this service" in str(problem) for problem in found)


def test_services_that_share_a_fixed_port_are_warned_of() -> None:
    def at(route: str, port: int | str, host: str = "login.example") -> dict[str, Any]:
        own = {"name": route, "route_name": route, "local_host": ..., "local_port": ...}
        return digits(**own, remote_port=port, remote_host=host)

    apart = [at("a", 8000), at("b", 8001), at("c", 8000, "other.example")]
    auto = [at("d", "auto"), at("e", "auto")]
    assert catalogue(file_of(*apart, *auto)).warnings == ()
    (found,) = catalogue(file_of(*apart, *auto, at("f", 8000))).warnings
    assert (found.service, found.key) == ("f", "remote_port")
    assert "a has the same port there" in str(found)
