"""What is valid, and probably not meant."""

from __future__ import annotations

from typing import Any

import pytest

from service_management.config import Service, warnings

from .samples import service


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
        ({"api_paths": ["/health", "/predict"]}, False),
        ({"api_paths": ["/predict"], "quiet_paths": ["/*"]}, False),
        ({"api_paths": ["/"]}, False),
    ],
)
def test_a_service_that_no_request_can_start_is_warned_of(
    keys: dict[str, Any], warned: bool
) -> None:
    found = warnings([service(**keys)])
    assert bool(found) == warned
    assert all("no request can start this service" in str(problem) for problem in found)


def test_services_that_share_a_fixed_port_are_warned_of() -> None:
    def at(route: str, port: int | str, host: str = "login.example") -> Service:
        return service(name=route, route_name=route, remote_port=port, remote_host=host)

    apart = [at("a", 8000), at("b", 8001), at("c", 8000, "other.example")]
    auto = [at("d", "auto"), at("e", "auto")]
    assert warnings([*apart, *auto]) == []
    (found,) = warnings([*apart, *auto, at("f", 8000)])
    assert (found.service, found.key) == ("f", "remote_port")
    assert "a has the same port there" in str(found)
