"""The kernel's list of sockets says how many requests are in flight."""

from __future__ import annotations

from pathlib import Path

from service_management.gateway.inflight import look
from tests.gateway.client import connect, read_until
from tests.gateway.gateway import Gateway
from tests.gateway.waiting import until


def counted(*paths: Path) -> list[int]:
    connected = look(paths[0].parent).connected
    return [connected.get(str(path), 0) for path in paths]


def test_streams_are_in_flight_and_idle_connections_are_not(
    gateway: Gateway,
) -> None:
    upstream = gateway.warm("whole")
    tunnel, quiet = upstream.path, gateway.quiet("whole").path
    assert counted(tunnel) == [0]
    streams = [connect(gateway.port) for _ in range(5)]
    try:
        for stream in streams:
            stream.sendall(b"GET /whole/stream HTTP/1.1\r\nHost: x\r\n\r\n")
            read_until(stream, b"data: first")
        gateway.call("/whole/health")
        until(lambda: counted(tunnel, quiet) == [5, 0])
        upstream.script.release.set()
        for stream in streams:
            read_until(stream, b"data: last")
        until(lambda: counted(tunnel) == [0], seconds=3)
    finally:
        for stream in streams:
            stream.close()
