"""HTTP as bytes: what no client library would send, and what exactly came back."""

from __future__ import annotations

import http.client
import io
import socket
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """`status` 0: the connection was closed without a word."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


class _Recorded(io.BytesIO):
    def makefile(self, _mode: str) -> _Recorded:
        return self


def ask(port: int, request: bytes, method: str = "GET", timeout: float = 5) -> Answer:
    """Send these bytes and nothing else; read until the gateway closes."""
    with socket.create_connection(("127.0.0.1", port), timeout) as connection:
        with suppress(OSError):  # refused before all of it was read
            connection.sendall(request)
        return _parse(_read(connection), method)


def _read(connection: socket.socket) -> bytes:
    received = b""
    with suppress(ConnectionResetError, TimeoutError):  # what came before counts
        while piece := connection.recv(1 << 16):
            received += piece
    return received


def _parse(received: bytes, method: str) -> Answer:
    if not received:
        return Answer(0, (), b"")
    response = http.client.HTTPResponse(_Recorded(received), method=method)  # type: ignore[arg-type]
    response.begin()
    return Answer(response.status, tuple(response.getheaders()), response.read())
