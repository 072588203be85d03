"""HTTP as a client sends it, byte for byte: nothing is tidied up on the way."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def one(self, name: str) -> str:
        (value,) = self.all(name)
        return value

    def json(self) -> Any:
        return json.loads(self.body)


def call(
    port: int,
    target: str,
    method: str = "GET",
    headers: Headers = (),
    body: bytes | Iterable[bytes] | None = None,
    timeout: float = 20,
    trust: ssl.SSLContext | None = None,
) -> Answer:
    """An iterable body goes out chunked. With `trust` over TLS."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    if trust:
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=timeout, context=trust)
    chunked = body is not None and not isinstance(body, bytes)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if isinstance(body, bytes):
            connection.putheader("Content-Length", str(len(body)))
        elif chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders(body, encode_chunked=chunked)
        return _answer(connection.getresponse())
    finally:
        connection.close()


def _answer(response: http.client.HTTPResponse) -> Answer:
    return Answer(response.status, response.getheaders(), response.read())


def raw(port: int, request: bytes, timeout: float = 10) -> Answer:
    """Bytes as they are; the answer to the first request."""
    with connect(port, timeout) as connection:
        connection.sendall(request)
        response = http.client.HTTPResponse(connection)
        response.begin()
        try:
            return _answer(response)
        finally:
            response.close()


def connect(port: int, timeout: float = 10, trust: ssl.SSLContext | None = None) -> socket.socket:
    plain = socket.create_connection(("127.0.0.1", port), timeout)
    return trust.wrap_socket(plain, server_hostname="localhost") if trust else plain


def read_until(connection: socket.socket, marker: bytes) -> bytes:
    """Up to and with the marker; bounded by the socket's own timeout."""
    received = b""
    while marker not in received:
        more = connection.recv(65536)
        if not more:
            raise EOFError(f"closed after {received!r}")
        received += more
    return received
