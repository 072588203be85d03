"""Requests report demand to the control plane, twice per second and service, without waiting."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import pytest

from tests.gateway.client import connect, read_until
from tests.gateway.control_plane import Asked, Reply
from tests.gateway.gateway import Gateway
from tests.gateway.waiting import until
from tests.stack.waiting import median_within


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_many_requests_are_two_demands_per_second(gateway: Gateway, method: str) -> None:
    route = f"mirror-{method.lower()}"
    upstream = gateway.warm(route)
    started = time.monotonic()
    for _ in range(40):
        assert gateway.call(f"/{route}/x", method).status == 200
    seconds = time.monotonic() - started
    until(lambda: gateway.control.demands()[route] >= 1)
    assert gateway.control.demands()[route] <= 1 + 2 * seconds
    assert len(upstream.seen) == 40


def test_a_demand_carries_the_request_id_but_no_body(gateway: Gateway) -> None:
    gateway.warm("classifier")
    headers = [("X-Request-ID", "id-7"), ("Authorization", "secret")]

    def asked_for() -> list[Asked]:
        gateway.call("/classifier/x", "POST", headers, b"x" * 1000)
        return [asked for asked in gateway.control.of("demand") if asked.route == "classifier"]

    until(asked_for)
    demand = asked_for()[0]
    assert demand.method == "GET"
    assert demand.get("X-Request-ID") == "id-7"
    assert demand.get("Content-Length") is None
    assert demand.get("Authorization") is None


def test_a_hung_control_plane_costs_a_warm_connection_50_ms(
    gateway: Gateway,
) -> None:
    gateway.warm("hung")
    release = threading.Event()
    gateway.control.demand = lambda _asked: Reply(204 if release.wait(20) else 500)
    request = b"GET /hung/x HTTP/1.1\r\nHost: x\r\n\r\n"
    try:
        with connect(gateway.port) as connection:

            def fifty() -> float:
                started = time.monotonic()
                for _ in range(50):
                    connection.sendall(request)
                    read_until(connection, b'"}')
                return time.monotonic() - started

            # Two of them wait in a second, for 50 ms each.
            median_within(0.9, fifty)
        assert len(gateway.control.of("demand")) >= 1
    finally:
        release.set()


def test_an_upload_is_demand_as_long_as_it_lasts(gateway: Gateway) -> None:
    gateway.warm("classifier")
    headers = b"Host: x\r\nX-Request-ID: up-1\r\nContent-Length: 2000000"
    with connect(gateway.port) as connection:
        connection.sendall(b"POST /classifier/x HTTP/1.1\r\n%s\r\n\r\n" % headers)
        until(lambda: gateway.control.demands()["classifier"] >= 3)
        assert {asked.get("X-Request-ID") for asked in gateway.control.of("demand")} == {"up-1"}
        connection.sendall(bytes(2_000_000))
        read_until(connection, b'"}')


def test_many_uploads_report_no_more_demand_than_one(gateway: Gateway) -> None:
    gateway.warm("classifier")
    started = time.monotonic()
    with ExitStack() as uploads:
        for _ in range(20):
            connection = uploads.enter_context(connect(gateway.port))
            connection.sendall(
                b"POST /classifier/x HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n"
            )
        until(lambda: gateway.control.demands()["classifier"] >= 5)
        seconds = time.monotonic() - started
        assert gateway.control.demands()["classifier"] <= 2 + 2 * seconds


def test_an_upload_to_a_quiet_path_is_no_demand(gateway: Gateway) -> None:
    gateway.warm("scraped")
    assert gateway.call("/scraped/live", "POST", body=bytes(2_000_000)).status == 200
    assert not gateway.control.demands()


@pytest.mark.parametrize("status", [404, 429, 500, 503])
def test_a_failing_demand_is_not_the_clients_concern(gateway: Gateway, status: int) -> None:
    gateway.warm("whole")
    gateway.control.demand = lambda _asked: Reply(status, body=b"broken")

    def demanded() -> bool:
        answer = gateway.call("/whole/x")
        assert answer.status == 200
        assert b"broken" not in answer.body
        return bool(gateway.control.of("demand"))

    until(demanded)
