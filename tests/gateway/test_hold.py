"""A request without a running service is held by the control plane and replayed by nginx."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from service_management.config import Catalogue
from service_management.gateway.render import MAIN, render
from tests.gateway.client import Answer, connect, raw, read_until
from tests.gateway.control_plane import Asked, Reply, ready
from tests.gateway.gateway import Gateway
from tests.gateway.services import service
from tests.gateway.upstream import Upstream
from tests.gateway.waiting import until


@pytest.fixture
def held(gateway: Gateway) -> threading.Event:
    """Requests are held until this is set, and then replayed."""
    release = threading.Event()

    def hold(asked: Asked) -> Reply:
        release.wait(30)
        return ready(asked)

    gateway.control.hold = hold
    return release


def _later(gateway: Gateway, release: threading.Event, route: str, held: int = 1) -> Upstream:
    until(lambda: len(gateway.control.of("hold")) == held)
    upstream = gateway.warm(route)
    release.set()
    return upstream


def test_a_held_request_is_answered_by_the_service(gateway: Gateway, held: threading.Event) -> None:
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(gateway.call, "/whole/a%2Fb//c?d=%20", "DELETE")
        upstream = _later(gateway, held, "whole")
        answer = waiting.result(20)
    assert (answer.status, answer.one("X-Cold-Start")) == (200, "1.5")
    assert [(seen.method, seen.path) for seen in upstream.seen] == [("DELETE", "/a%2Fb//c?d=%20")]


def test_only_a_request_that_waited_says_so(gateway: Gateway) -> None:
    gateway.warm("whole").script.headers = [("X-Cold-Start", "99")]
    assert gateway.call("/whole/x").all("X-Cold-Start") == []


def test_a_hold_is_asked_with_what_it_needs_and_no_more(gateway: Gateway) -> None:
    headers = [("Prefer", "wait=0"), ("Accept", "text/html"), ("Cookie", "secret")]
    answer = gateway.call("/exact/predict?q", "PUT", headers, b"body")
    (asked,) = gateway.control.of("hold")
    assert (asked.method, asked.route) == ("GET", "exact")
    assert asked.get("X-Original-Method") == "PUT"
    assert (asked.get("Prefer"), asked.get("Accept")) == ("wait=0", "text/html")
    assert asked.get("X-Real-IP") == "127.0.0.1"
    assert asked.get("X-Request-ID") == answer.one("X-Request-ID")
    assert asked.get("X-Hold-Sent") == "0"
    assert asked.get("X-Hold-Ready") == "@ready_180000_600000"
    assert asked.get("X-Hold-Prefix") == "/exact"
    assert asked.get("Cookie") is None
    assert asked.get("Content-Length") is None
    assert asked.get("Transfer-Encoding") is None


def test_services_with_equal_timeouts_share_hold_locations(
    gateway: Gateway,
) -> None:
    """Each place costs every reload as much as a third of a service."""
    services = [service("a"), service("b"), service("c", hold_timeout=0), service("d", timeout=9)]
    main = render(Catalogue.of(services), gateway.settings)[MAIN]
    assert re.findall("location (@.*) {", main) == [
        "@hold_60000",
        "@hold_180000",
        "@ready_60000_600000",
        "@ready_180000_600000",
    ]


def test_the_control_planes_refusal_reaches_the_client_unchanged(gateway: Gateway) -> None:
    answer = gateway.call("/exact/predict")
    assert (answer.status, answer.body) == (503, b'{"title":"still cold"}')
    assert answer.one("Retry-After") == "7"
    assert answer.one("Content-Type") == "application/problem+json"
    assert len(answer.all("X-Request-ID")) == 1


def _chunks(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), 70_001):
        yield data[start : start + 70_001]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_held_body_of_50_mb_arrives_byte_for_byte(
    gateway: Gateway, held: threading.Event, chunked: bool
) -> None:
    data = os.urandom(50_000_000)
    body = _chunks(data) if chunked else data
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(gateway.call, "/whole/in", "POST", (), body)
        upstream = _later(gateway, held, "whole")
        assert waiting.result(30).status == 200
    (seen,) = upstream.seen
    assert (seen.size, seen.digest) == (len(data), hashlib.sha256(data).hexdigest())


def test_three_hundred_held_bodies_are_each_executed_once(
    gateway: Gateway, held: threading.Event
) -> None:
    bodies = [os.urandom(2000) for _ in range(300)]

    def post(body: bytes) -> Answer:
        return gateway.call("/whole/in", "POST", (), body, timeout=60)

    with ThreadPoolExecutor(300) as pool:
        waiting = [pool.submit(post, body) for body in bodies]
        upstream = _later(gateway, held, "whole", held=300)
        answers = [each.result(60) for each in waiting]
    assert {answer.status for answer in answers} == {200}
    digests = sorted(hashlib.sha256(body).hexdigest() for body in bodies)
    assert sorted(seen.digest for seen in upstream.seen) == digests
    assert sorted(answer.json()["sha256"] for answer in answers) == digests


def test_expect_100_continue_works_cold(gateway: Gateway) -> None:
    gateway.control.hold = lambda asked: gateway.warm("whole") and ready(asked)
    with connect(gateway.port) as connection:
        connection.sendall(
            b"POST /whole/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
            b"Expect: 100-continue\r\nConnection: close\r\n\r\n"
        )
        assert b" 100 " in read_until(connection, b"\r\n\r\n")
        connection.sendall(b"body")
        assert b" 200 " in read_until(connection, b"\r\n\r\n")


@pytest.mark.parametrize("cold", [True, False])
def test_a_websocket_opens(gateway: Gateway, cold: bool) -> None:
    if cold:
        gateway.control.hold = lambda asked: gateway.warm("whole") and ready(asked)
    else:
        gateway.warm("whole")
    with connect(gateway.port) as connection:
        connection.sendall(
            b"GET /whole/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n\r\n"
        )
        assert b" 101 " in read_until(connection, b"\r\n\r\n")
        for message in (b"one", b"two" * 10_000):
            connection.sendall(message)
            received = b""
            while len(received) < len(message):
                received += connection.recv(65536)
            assert received == message


def test_a_stream_starts_cold(gateway: Gateway) -> None:
    gateway.control.hold = lambda asked: gateway.warm("whole") and ready(asked)
    with connect(gateway.port) as connection:
        connection.sendall(b"GET /whole/stream HTTP/1.1\r\nHost: x\r\n\r\n")
        read_until(connection, b"data: first")
        gateway.warm("whole").script.release.set()
        read_until(connection, b"data: last")


def test_a_replica_that_vanishes_between_is_held_again(gateway: Gateway) -> None:
    def hold(asked: Asked) -> Reply:
        if len(gateway.control.of("hold")) == 3:
            gateway.warm("whole")
        return ready(asked)

    gateway.control.hold = hold
    assert gateway.call("/whole/x", "POST", (), b"x").status == 200
    sent = [asked.get("X-Hold-Sent") or "" for asked in gateway.control.of("hold")]
    assert [len(each.split(" : ")) for each in sent] == [1, 3, 5]
    assert {each.rpartition(" ")[2] for each in sent} == {"0"}


def test_a_wrong_ready_answer_does_not_loop_for_ever(gateway: Gateway) -> None:
    gateway.control.hold = ready  # although no service is running
    assert gateway.call("/whole/x").status == 500
    assert len(gateway.control.of("hold")) == 5


def test_a_request_broken_off_after_sending_is_not_repeated(
    gateway: Gateway,
) -> None:
    upstream = gateway.warm("whole")
    assert gateway.call("/whole/drop", "POST", (), b"pay once").status == 503
    (asked,) = gateway.control.of("hold")
    assert int((asked.get("X-Hold-Sent") or "").rpartition(" ")[2]) > 0
    assert len(upstream.seen) == 1


@pytest.mark.parametrize("status", [404, 500, 502, 503, 504])
def test_a_services_own_errors_pass_and_are_not_held(gateway: Gateway, status: int) -> None:
    gateway.warm("whole").script.status = status
    answer = gateway.call("/whole/x")
    assert (answer.status, answer.json()["path"]) == (status, "/x")
    assert gateway.control.of("hold") == []


def test_a_client_that_leaves_ends_its_hold(gateway: Gateway, held: threading.Event) -> None:
    with connect(gateway.port) as connection:
        connection.sendall(b"GET /whole/x HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: gateway.control.of("hold"))
    held.set()
    assert raw(gateway.port, b"GET /whole/y HTTP/1.0\r\n\r\n").status in (200, 500)
