"""The kernel's list of sockets says how many requests are in flight."""

from __future__ import annotations

from pathlib import Path

from service_management.gateway.inflight import count, parse
from tests.gateway.client import connect, read_until
from tests.gateway.gateway import Gateway
from tests.gateway.waiting import until

HEADER = "Num       RefCount Protocol Flags    Type St Inode Path\n"
LISTING = (
    HEADER
    + """\
0000000000000000: 00000002 00000000 00010000 0001 01 1001 /run/a.sock
0000000000000000: 00000003 00000000 00000000 0001 03 1002 /run/a.sock
0000000000000000: 00000003 00000000 00000000 0001 02 1003 /run/a.sock
0000000000000000: 00000003 00000000 00000000 0001 03 1004
0000000000000000: 00000003 00000000 00000000 0001 03 1005 /run/a.sock.2
0000000000000000: 00000003 00000000 00000000 0001 03 1006 /run/with blank
0000000000000000: 00000003 00000000 00000000 0001 03 1007 @abstract
broken
"""
)


def test_connections_count_and_the_listener_does_not() -> None:
    paths = [Path("/run/a.sock"), Path("/run/with blank"), Path("/run/gone")]
    assert parse(LISTING, paths) == {paths[0]: 2, paths[1]: 1, paths[2]: 0}


def test_streams_are_in_flight_until_they_end_and_idle_connections_are_not(
    gateway: Gateway,
) -> None:
    upstream = gateway.warm("whole")
    tunnel, quiet = upstream.path, gateway.quiet("whole").path
    assert count([tunnel])[tunnel] == 0
    streams = [connect(gateway.port) for _ in range(5)]
    try:
        for stream in streams:
            stream.sendall(b"GET /whole/stream HTTP/1.1\r\nHost: x\r\n\r\n")
            read_until(stream, b"data: first")
        gateway.call("/whole/health")
        until(lambda: count([tunnel, quiet]) == {tunnel: 5, quiet: 0})
        upstream.script.release.set()
        for stream in streams:
            read_until(stream, b"data: last")
        until(lambda: count([tunnel])[tunnel] == 0, seconds=3)
    finally:
        for stream in streams:
            stream.close()
