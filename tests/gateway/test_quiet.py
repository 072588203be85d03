"""Health checks and scrapes are served, but neither wake a service nor count as its traffic."""

from __future__ import annotations

import pytest

from tests.gateway.gateway import Gateway

QUIET = [
    ("/exact/health?full", "/health?full"),
    ("/exact/metrics", "/metrics"),
    ("/whole/health", "/health"),
    ("/scraped/stats/a%2Fb", "/stats/a%2Fb"),
    ("/scraped/live", "/live"),
    ("/asleep/any/thing", "/any/thing"),
]


@pytest.mark.parametrize(("target", "arrives"), QUIET)
def test_a_quiet_path_has_its_own_socket_and_makes_no_demand(
    gateway: Gateway, target: str, arrives: str
) -> None:
    route = target.split("/")[1]
    upstream = gateway.warm(route)
    answer = gateway.call(target)
    assert answer.status == 200
    assert gateway.quiet(route).paths() == [arrives]
    assert upstream.seen == gateway.control.about(answer) == []


@pytest.mark.parametrize(("target", "_arrives"), QUIET)
def test_a_quiet_path_of_a_cold_service_does_not_wake_it(
    gateway: Gateway, target: str, _arrives: str
) -> None:
    answer = gateway.call(target, "POST", body=b"x")
    assert (answer.status, answer.body) == (503, b'{"title":"asleep"}')
    (asked,) = gateway.control.about(answer)
    assert (asked.method, asked.path) == ("GET", f"/_quiet/{target.split('/')[1]}")


@pytest.mark.parametrize("target", ["/scraped/stats", "/scraped/health", "/scraped/live/x"])
def test_beside_a_quiet_path_the_service_is_itself(gateway: Gateway, target: str) -> None:
    upstream = gateway.warm("scraped")
    assert gateway.call(target).status == 200
    assert upstream.paths() == [target.removeprefix("/scraped")]


def test_where_all_is_quiet_but_one_path_that_one_still_wakes(gateway: Gateway) -> None:
    assert gateway.call("/asleep/predict").body == b'{"title":"still cold"}'
    assert [asked.route for asked in gateway.control.of("hold")] == ["asleep"]
