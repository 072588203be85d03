"""Every error of nginx itself is a problem document with a request id."""

from __future__ import annotations

import pytest

from tests.gateway.client import Answer, connect, raw
from tests.gateway.control_plane import ready
from tests.gateway.gateway import Gateway, free_port
from tests.gateway.services import service


def _problem(answer: Answer, status: int) -> str:
    assert answer.status == status
    assert answer.one("Content-Type") == "application/problem+json"
    assert answer.one("X-Request-ID")
    problem = answer.json()
    assert set(problem) - {"service"} == {"type", "title", "status", "detail"}
    assert problem["status"] == status
    return str(problem["detail"])


HEAD = b"Host: x\r\nConnection: close\r\n\r\n"
BROKEN = [
    (b"GET /exact/predict HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
    (b"GET /exact/predict HTTP/1.1\r\nHost: a/b\r\nConnection: close\r\n\r\n", 400),
    (b"GET /exact/%zz HTTP/1.1\r\n" + HEAD, 400),
    (b"GET /exact/v1/%00 HTTP/1.1\r\n" + HEAD, 400),
    (b"GET /../x HTTP/1.1\r\n" + HEAD, 400),
    (b"G=T /exact/predict HTTP/1.1\r\n" + HEAD, 400),
    (b"GET /exact/predict HTTP/1.1\r\nX y: z\r\n" + HEAD, 400),
    (b"POST /exact/predict HTTP/1.1\r\nContent-Length: x\r\n" + HEAD, 400),
    (
        b"POST /exact/predict HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n"
        + HEAD,
        400,
    ),
    (b"TRACE /exact/predict HTTP/1.1\r\n" + HEAD, 405),
    (b"GET /exact/" + b"x" * 40_000 + b" HTTP/1.1\r\n" + HEAD, 414),
    (b"GET /exact/predict HTTP/1.1\r\nX: " + b"x" * 40_000 + b"\r\n" + HEAD, 431),
    (b"POST /exact/predict HTTP/1.1\r\nTransfer-Encoding: gzip\r\n" + HEAD, 501),
    (b"GET /exact/predict HTTP/3.0\r\n" + HEAD, 505),
]


@pytest.mark.parametrize(("request_", "status"), BROKEN)
def test_a_broken_request_is_a_problem(gateway: Gateway, request_: bytes, status: int) -> None:
    upstream = gateway.warm("exact")
    _problem(raw(gateway.port, request_), status)
    assert upstream.seen == []


@pytest.mark.parametrize("chunked", [False, True])
def test_413_names_the_service_and_its_limit(gateway: Gateway, chunked: bool) -> None:
    upstream = gateway.warm("short")
    body = [b"x" * 600] * 2 if chunked else b"x" * 1001
    answer = gateway.call("/short/x", "POST", body=body)
    assert "1000 bytes" in _problem(answer, 413)
    assert answer.json()["service"] == "short"
    assert upstream.seen == []


def test_a_body_of_exactly_the_limit_passes(gateway: Gateway) -> None:
    gateway.warm("short")
    assert gateway.call("/short/x", "POST", body=b"x" * 1000).status == 200


@pytest.mark.parametrize("cold", [False, True])
def test_a_silent_service_is_504_and_asked_once(gateway: Gateway, cold: bool) -> None:
    if cold:
        gateway.control.hold = lambda asked: gateway.warm("short") and ready(asked)
    else:
        gateway.warm("short")
    answer = gateway.call("/short/silent", "POST", body=b"x")
    assert "not repeated" in _problem(answer, 504)
    assert answer.json()["service"] == "short"
    assert len(gateway.warm("short").seen) == 1
    assert len(gateway.control.of("hold")) == cold


@pytest.mark.parametrize("target", ["/exact/predict", "/whole/x", "/exact/health", "/info", "/"])
def test_without_a_control_plane_the_answer_has_retry_after(make_gateway, target: str) -> None:
    gateway = make_gateway(
        service("exact", "/predict"), service("whole"), flask=f"127.0.0.1:{free_port()}"
    )
    answer = gateway.call(target)
    assert "control plane" in _problem(answer, 503)
    assert answer.one("Retry-After") == "2"


def test_without_a_control_plane_a_404_is_still_a_problem(make_gateway) -> None:
    gateway = make_gateway(service("exact", "/predict"), flask=f"127.0.0.1:{free_port()}")
    assert "does not offer" in _problem(gateway.call("/exact/nope"), 404)
    assert "no such service" in _problem(gateway.call("/nope"), 404)


def test_without_a_control_plane_a_warm_request_is_served(make_gateway) -> None:
    gateway = make_gateway(service("whole"), flask=f"127.0.0.1:{free_port()}")
    gateway.warm("whole")
    assert {gateway.call("/whole/x").status for _ in range(20)} == {200}


def test_a_client_that_leaves_midway_breaks_nothing(gateway: Gateway) -> None:
    gateway.warm("whole")
    with connect(gateway.port) as connection:
        connection.sendall(b"POST /whole/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx")
    assert gateway.call("/whole/x").status == 200
