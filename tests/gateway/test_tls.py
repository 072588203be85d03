"""HTTPS and HTTP/2 at the gateway's port: everything works as it does in the clear."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service_management.gateway.nginx import NginxRefused
from tests.gateway import client
from tests.gateway.control_plane import ready
from tests.gateway.gateway import Gateway
from tests.gateway.http2 import ask
from tests.gateway.services import service
from tests.gateway.waiting import until
from tests.stack.certificate import Certificate


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def _secure(certificate: Certificate) -> Iterator[Gateway]:
    gateway = Gateway(ipv6=True, tls_cert=certificate.cert, tls_key=certificate.key)
    try:
        local = service("own", local_host="127.0.0.1", local_port=gateway.local_port)
        yield gateway.start(service("whole"), service("mirrored", "/x"), local)
    finally:
        gateway.stop()


@pytest.fixture
def gateway(_secure: Gateway) -> Iterator[Gateway]:
    yield _secure
    _secure.cool()


@pytest.fixture(params=[False, True], ids=["http1", "http2"])
def http(request: pytest.FixtureRequest, gateway: Gateway) -> Iterator[httpx.Client]:
    trust, version = gateway.trust, "HTTP/2" if request.param else "HTTP/1.1"
    assert trust
    with httpx.Client(
        http2=request.param, verify=trust, timeout=20, base_url=f"https://localhost:{gateway.port}"
    ) as made:
        assert made.get("/healthz/nginx").http_version == version
        yield made


def test_a_request_passes_unchanged(gateway: Gateway, http: httpx.Client) -> None:
    upstream, body = gateway.warm("whole"), os.urandom(100_000)
    answer = http.post("/whole/x%2Fy?q=1", content=body, headers={"X_Odd-Name": "a"})
    (seen,) = upstream.seen
    assert (answer.status_code, seen.path) == (200, "/x%2Fy?q=1")
    assert seen.digest == hashlib.sha256(body).hexdigest()
    assert seen.all("X_Odd-Name") == ["a"]
    assert seen.all("Host") == seen.all("X-Forwarded-Host") == [f"localhost:{gateway.port}"]
    assert seen.all("X-Forwarded-Proto") == ["https"]
    assert (seen.all("Connection"), seen.all("Upgrade")) == ([], [])


def test_what_is_not_offered_is_404_with_a_problem(http: httpx.Client) -> None:
    answer = http.get("/mirrored/other")
    assert (answer.status_code, answer.json()["service"]) == (404, "mirrored")
    assert "asked" in answer.json()
    unannounced = http.post("/mirrored/other", content=iter([b"x" * 100_000] * 20))
    assert (unannounced.status_code, unannounced.json()["service"]) == (404, "mirrored")
    assert "asked" not in unannounced.json()


def test_a_stream_arrives_as_it_is_written(gateway: Gateway, http: httpx.Client) -> None:
    upstream = gateway.warm("whole")
    with http.stream("GET", "/whole/stream") as stream:
        lines = (line for line in stream.iter_lines() if line)
        assert next(lines) == "data: first"
        upstream.script.release.set()
        assert next(lines) == "data: last"


def test_a_held_request_is_replayed_with_its_body(gateway: Gateway, http: httpx.Client) -> None:
    body = os.urandom(30_000_000)
    gateway.control.hold = lambda asked: gateway.warm("whole") and ready(asked)
    answer = http.put("/whole/x", content=body)
    assert answer.headers["X-Cold-Start"] == "1.5"
    assert answer.json()["sha256"] == hashlib.sha256(body).hexdigest()
    assert answer.json()["method"] == "PUT"


def test_a_body_of_unknown_length_counts_as_large(gateway: Gateway, http: httpx.Client) -> None:
    gateway.warm("whole")
    pieces = [b"piece", b"piece"]
    assert http.post("/whole/x", content=iter(pieces)).status_code == 200
    gateway.settings.spool_flag.touch()
    try:
        assert http.post("/whole/x", content=iter(pieces)).status_code == 503
        assert http.post("/whole/x", content=b"small").status_code == 200
        assert http.get("/whole/x").status_code == 200
    finally:
        gateway.settings.spool_flag.unlink()


def test_a_refused_request_gets_the_control_planes_answer(http: httpx.Client) -> None:
    answer = http.get("/whole/x")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")


def test_requests_over_https_are_demand(gateway: Gateway, http: httpx.Client) -> None:
    gateway.warm("mirrored")

    def demands_seen() -> int:
        assert http.post("/mirrored/x", content=b"body").status_code == 200
        return gateway.control.demands()["mirrored"]

    until(demands_seen)


@pytest.mark.parametrize("http2", [False, True])
def test_every_request_has_its_own_id(gateway: Gateway, http2: bool) -> None:
    """Also the streams of one connection, many at a time."""
    upstream, trust = gateway.warm("whole"), gateway.trust
    assert trust

    async def ask() -> list[str]:
        url = f"https://localhost:{gateway.port}/whole/x"
        async with httpx.AsyncClient(http2=http2, verify=trust, timeout=20) as http:
            answers = await asyncio.gather(*(http.get(url) for _ in range(100)))
        return [answer.headers["X-Request-ID"] for answer in answers]

    ids = asyncio.run(ask())
    assert len(set(ids)) == len(ids)
    assert {seen.all("X-Request-ID")[0] for seen in upstream.seen} == set(ids)


def test_a_websocket_opens_over_tls(gateway: Gateway) -> None:
    gateway.control.hold = lambda asked: gateway.warm("whole") and ready(asked)
    with client.connect(gateway.port, trust=gateway.trust) as connection:
        connection.sendall(
            b"GET /whole/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n\r\n"
        )
        assert b" 101 " in client.read_until(connection, b"\r\n\r\n")
        connection.sendall(b"there and back")
        assert client.read_until(connection, b"back") == b"there and back"


def test_an_upgrade_over_http2_does_not_reach_the_service(gateway: Gateway) -> None:
    upstream, trust = gateway.warm("whole"), gateway.trust
    assert trust
    place = [(":method", "GET"), (":scheme", "https"), (":authority", "x"), (":path", "/whole/ws")]
    status, _ = ask(gateway.port, trust, [*place, ("upgrade", "websocket")])
    assert status in (0, 200, 400)
    assert not any(seen.all("Upgrade") for seen in upstream.seen)


@pytest.mark.parametrize(
    ("version", "spoken"),
    [
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_it_speaks_current_versions_of_tls_only(
    gateway: Gateway, version: ssl.TLSVersion, spoken: bool
) -> None:
    trust = gateway.trust
    assert trust
    trust.set_ciphers("ALL:@SECLEVEL=0")  # a client that would
    trust.minimum_version = trust.maximum_version = version
    if spoken:
        client.connect(gateway.port, trust=trust).close()
    else:
        with pytest.raises(ssl.SSLError):
            client.connect(gateway.port, trust=trust)


def test_a_client_that_comes_back_need_not_negotiate_again(gateway: Gateway) -> None:
    trust = gateway.trust
    assert trust
    trust.maximum_version = ssl.TLSVersion.TLSv1_2  # there the session is known at once
    with client.connect(gateway.port, trust=trust) as first:
        session = first.session  # type: ignore[attr-defined]
    for _ in range(4):  # whichever worker takes it
        plain = socket.create_connection(("127.0.0.1", gateway.port), 10)
        with trust.wrap_socket(plain, server_hostname="localhost", session=session) as again:
            assert again.session_reused


def test_plain_http_is_answered_with_a_hint_to_https(gateway: Gateway) -> None:
    answer = client.call(gateway.port, "/whole/x")
    assert (answer.status, answer.one("Content-Type")) == (400, "application/problem+json")
    assert "https://" in answer.json()["detail"]


def test_an_address_of_a_services_own_speaks_http(gateway: Gateway) -> None:
    gateway.warm("own")
    assert client.call(gateway.local_port, "/x").status == 200


def test_ipv6_clients_are_known_by_their_address(gateway: Gateway, http: httpx.Client) -> None:
    upstream = gateway.warm("whole")
    http.get(
        f"https://[::1]:{gateway.port}/whole/x",
        headers={"X-Forwarded-For": "2001:db8::7", "X-Request-ID": "from-v6"},
    )
    (seen,) = upstream.seen
    assert seen.all("X-Real-IP") == ["::1"]
    assert seen.all("X-Forwarded-For") == ["::1"]
    assert seen.all("Host") == [f"[::1]:{gateway.port}"]

    def logged() -> list[bytes]:
        lines = gateway.settings.access_log.read_bytes().splitlines()
        return [line for line in lines if b"from-v6" in line]

    until(logged)
    assert json.loads(logged()[0])["client"] == "::1"


def serial(gateway: Gateway, trust: ssl.SSLContext) -> str:
    with client.connect(gateway.port, trust=trust) as connection:
        return str(connection.getpeercert()["serialNumber"])  # type: ignore[attr-defined]


def test_a_renewed_certificate_is_used_but_not_a_broken_one(make_gateway, tmp_path: Path) -> None:
    first = Certificate.make(tmp_path)
    gateway = make_gateway(service("whole"), tls_cert=first.cert, tls_key=first.key)
    gateway.warm("whole")
    before = serial(gateway, gateway.trust)
    Certificate.make(tmp_path)
    gateway.nginx.reload()
    trust = gateway.trust
    renewed = serial(gateway, trust)
    assert renewed != before

    first.key.write_text("no key")
    with pytest.raises(NginxRefused, match=r"cannot load certificate key"):
        gateway.nginx.reload()
    assert serial(gateway, trust) == renewed
    assert gateway.call("/whole/x").status == 200


@pytest.mark.parametrize("raw", [b"HTTP/1.1 103 Early Hints\r\n\r\nforged", b"no status line"])
def test_over_http2_an_invalid_answer_is_a_502_too(gateway: Gateway, raw: bytes) -> None:
    gateway.warm("whole").script.raw = raw
    assert gateway.trust
    headers = [(":method", "GET"), (":path", "/whole/raw"), (":scheme", "https")]
    status, body = ask(gateway.port, gateway.trust, [*headers, (":authority", "localhost")])
    assert (status, json.loads(body)["status"]) == (502, 502)
