"""A service answers its own requests only: anything but a valid answer ends in 502."""

from __future__ import annotations

import pytest

from tests.gateway.client import connect
from tests.gateway.control_plane import Asked, Reply, ready
from tests.gateway.gateway import Gateway

FORGED = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
STATUS_LINES = [
    b"HTTP/1.1 100 Continue",
    b"HTTP/1.1 101 Switching Protocols",
    b"HTTP/1.1 102 Processing",
    b"HTTP/1.1 103 Early Hints",
    b"HTTP/1.1 150 Whatever",
    b"HTTP/1.1 099 Less",
]
OTHERS = {
    "no status line": FORGED.replace(b"HTTP/1.1", b"HTTQ/1.1"),
    "HTTP/0.9": b"just a body\n" + FORGED,
    "a length of nothing": b"HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\n\r\n" + FORGED,
    "chunked": b"HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + FORGED,
}
ANSWERS = [*(line + b"\r\n\r\n" + FORGED for line in STATUS_LINES), *OTHERS.values()]
NAMES = [*(line[9:12].decode() for line in STATUS_LINES), *OTHERS]


@pytest.mark.parametrize("head", ["GET /whole/raw", "POST /whole/raw", "HEAD /whole/raw"])
@pytest.mark.parametrize("raw", ANSWERS, ids=NAMES)
def test_an_invalid_answer_is_a_502_and_closes(gateway: Gateway, raw: bytes, head: str) -> None:
    gateway.warm("whole").script.raw = raw
    with connect(gateway.port) as connection:
        request = b"%s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n" % head.encode()
        connection.sendall(request)
        received = b""
        while more := connection.recv(65536):
            received += more
    assert received.startswith(b"HTTP/1.1 502 ")
    assert b"forged" not in received
    assert len(gateway.warm("whole").seen) == 1


def test_a_held_request_gets_no_forged_answer(gateway: Gateway) -> None:
    def hold(asked: Asked) -> Reply:
        gateway.warm("whole").script.raw = ANSWERS[0]
        return ready(asked)

    gateway.control.hold = hold
    assert gateway.call("/whole/raw").status == 502


@pytest.mark.parametrize("upgrade", ["h2c", "TLS/1.0", ""])
def test_only_a_websocket_is_switched_to(gateway: Gateway, upgrade: str) -> None:
    """What the gateway did not ask for, the service may not switch to."""
    gateway.warm("whole").script.raw = ANSWERS[1]
    headers = [("Upgrade", upgrade), ("Connection", "Upgrade")] if upgrade else []
    assert gateway.call("/whole/raw", headers=headers).status == 502


def test_an_invalid_answer_is_explained(gateway: Gateway) -> None:
    gateway.warm("whole").script.raw = ANSWERS[3]
    answer = gateway.call("/whole/raw")
    assert answer.one("Content-Type") == "application/problem+json"
    assert answer.json()["service"] == "whole"
    assert "1xx" in answer.json()["detail"]
