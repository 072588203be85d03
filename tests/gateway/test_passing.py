"""A warm request passes unchanged, and its answer is passed on as it arrives."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.gateway.client import connect, raw, read_until
from tests.gateway.gateway import Gateway
from tests.gateway.services import service

ODD_HEADERS = [
    ("X_Under_Score", "a"),
    ("X-Empty", ""),
    ("Authorization", "Bearer x"),
    ("X-Quote", "\"';${}$()"),
    ("Range", "bytes=0-1"),
    ("If-None-Match", '"x"'),
    ("Accept-Encoding", "br, zstd"),
]
ANSWERED = [
    ("Content-Type", "application/x-odd"),
    ("Set-Cookie", "a=1"),
    ("Set-Cookie", "b=2"),
    ("Cache-Control", "no-cache"),
    ("Expires", "0"),
    ("Vary", "Accept"),
    ("ETag", 'W/"7"'),
    ("Location", "http://127.0.0.1/elsewhere"),
    ("X.Dotted", "c"),
    ("Date", "Thu, 01 Jan 1970 00:00:00 GMT"),
]


def test_request_headers_pass_unchanged(gateway: Gateway) -> None:
    upstream = gateway.warm("whole")
    gateway.call("/whole/x", headers=ODD_HEADERS)
    for name, value in ODD_HEADERS:
        assert upstream.seen[0].all(name) == [value], name


def test_answers_pass_unchanged(gateway: Gateway) -> None:
    gateway.warm("whole").script.headers = ANSWERED
    answer = gateway.call("/whole/x")
    for name, _ in ANSWERED:
        expected = [value for key, value in ANSWERED if key == name]
        assert [value for value in answer.all(name) if value in expected] == expected, name
    assert answer.one("Server") == "ModelServer/7"


@pytest.mark.parametrize("status", [201, 204, 301, 302, 304, 400, 401, 405, 413, 429, 470, 599])
def test_status_codes_pass_unchanged(gateway: Gateway, status: int) -> None:
    script = gateway.warm("whole").script
    script.status, script.headers = status, [("Location", "/somewhere")]
    answer = gateway.call("/whole/x", "HEAD")
    assert (answer.status, answer.one("Location")) == (status, "/somewhere")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_methods_pass_unchanged(gateway: Gateway, method: str) -> None:
    upstream = gateway.warm("whole")
    assert gateway.call("/whole/x", method).status == 200
    assert upstream.seen[0].method == method


def test_the_service_learns_where_the_client_reached_it(gateway: Gateway) -> None:
    upstream = gateway.warm("whole")
    headers = [("X-Forwarded-For", "10.0.0.7"), ("X-Forwarded-Proto", "https")]
    gateway.call("/whole/x", headers=headers)
    (seen,) = upstream.seen
    assert seen.all("Host") == seen.all("X-Forwarded-Host") == [f"127.0.0.1:{gateway.port}"]
    assert seen.all("X-Forwarded-Prefix") == ["/whole"]
    assert seen.all("X-Forwarded-For") == seen.all("X-Real-IP") == ["127.0.0.1"]
    assert seen.all("X-Forwarded-Proto") == ["http"]


FORWARDED = [
    ("X-Forwarded-For", "192.0.2.9, 10.0.0.7"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "models.example"),
    ("X-Forwarded-Port", "443"),
    ("Forwarded", "for=10.0.0.7"),
]


def test_a_trusted_proxy_is_believed(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(service("whole"), trusted_proxies=("127.0.0.0/8", "10.0.0.0/8", "::1"))
    upstream = gateway.warm("whole")
    gateway.call("/whole/x", headers=FORWARDED)
    (seen,) = upstream.seen
    assert seen.all("X-Forwarded-For") == ["192.0.2.9, 10.0.0.7, 127.0.0.1"]
    assert seen.all("X-Real-IP") == ["192.0.2.9"]
    assert [seen.all(name) for name, _ in FORWARDED[1:]] == [[value] for _, value in FORWARDED[1:]]


def test_a_proxy_that_is_not_listed_is_not(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(service("whole"), trusted_proxies=("10.0.0.0/8",))
    upstream = gateway.warm("whole")
    gateway.call("/whole/x", headers=FORWARDED)
    (seen,) = upstream.seen
    assert seen.all("X-Forwarded-For") == seen.all("X-Real-IP") == ["127.0.0.1"]
    assert seen.all("X-Forwarded-Proto") == ["http"]
    assert seen.all("X-Forwarded-Host") == [f"127.0.0.1:{gateway.port}"]
    assert seen.all("X-Forwarded-Port") == seen.all("Forwarded") == []


@pytest.mark.parametrize("odd", ["", "javascript", "http,https"])
def test_a_forwarded_protocol_is_http_or_https(
    make_gateway: Callable[..., Gateway], odd: str
) -> None:
    gateway = make_gateway(service("whole"), trusted_proxies=("127.0.0.1",))
    upstream = gateway.warm("whole")
    gateway.call("/whole/x", headers=[("X-Forwarded-Proto", odd)])
    assert upstream.seen[0].all("X-Forwarded-Proto") == ["http"]


@pytest.mark.parametrize("host", [b"a_b.example", b"[::1]:80", b"x:1", b"UPPER.example."])
def test_any_valid_host_passes(gateway: Gateway, host: bytes) -> None:
    upstream = gateway.warm("whole")
    head = b"GET /whole/x HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n" % host
    assert raw(gateway.port, head).status == 200
    assert upstream.seen[0].all("Host") == [host.decode()]


def test_a_client_of_http_1_0_without_a_host_is_served(gateway: Gateway) -> None:
    upstream = gateway.warm("whole")
    assert raw(gateway.port, b"GET /whole/x HTTP/1.0\r\n\r\n").status == 200
    assert len(upstream.seen[0].all("Host")) == 1


@pytest.mark.parametrize("given", ["abc-1.2:3_X", "a" * 128])
def test_a_clients_request_id_is_kept(gateway: Gateway, given: str) -> None:
    upstream = gateway.warm("whole")
    upstream.script.headers = [("X-Request-ID", "the service's own")]
    answer = gateway.call("/whole/x", headers=[("X-Request-ID", given)])
    assert answer.one("X-Request-ID") == given
    assert upstream.seen[0].all("X-Request-ID") == [given]


@pytest.mark.parametrize("given", ["", "a b", "a" * 129, "$(id)", 'x"', "é"])
def test_an_odd_request_id_is_replaced(gateway: Gateway, given: str) -> None:
    upstream = gateway.warm("whole")
    answer = gateway.call("/whole/x", headers=[("X-Request-ID", given)])
    assert re.fullmatch(r"\d+\.\d{3}-\d+-\d+-\d+", answer.one("X-Request-ID"))
    assert upstream.seen[0].all("X-Request-ID") == answer.all("X-Request-ID")


@pytest.mark.parametrize("name", ["X-Accel-Redirect", "X-Accel-Limit-Rate", "X-Accel-Buffering"])
def test_a_service_cannot_steer_nginx(gateway: Gateway, name: str) -> None:
    gateway.warm("whole").script.headers = [(name, "/healthz/nginx")]
    assert gateway.call("/whole/x").json()["path"] == "/x"


def test_events_pass_one_by_one(gateway: Gateway) -> None:
    upstream = gateway.warm("whole")
    with connect(gateway.port) as connection:
        connection.sendall(b"GET /whole/stream HTTP/1.1\r\nHost: x\r\n\r\n")
        early = read_until(connection, b"data: first\n\n")
        assert b"data: last" not in early
        upstream.script.release.set()
        read_until(connection, b"data: last\n\n")
