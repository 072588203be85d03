"""An open loop: requests are due at fixed times, whatever became of those before, and what a
request waited for a free connection is part of its latency. Every body is checked.

`python -m benchmarks.load.open_loop HOST PORT PREFIX CONNECTIONS RATE SECONDS`
"""

from __future__ import annotations

import json
import select
import socket
import statistics
import sys
import time
from collections import deque
from dataclasses import dataclass, field

from benchmarks.endpoint import Endpoint, Wrong

NAME = "0123456789abcdef" * 4
PATIENCE = 20.0  # after the last request was due


@dataclass(frozen=True)
class Open:
    p50: float  # milliseconds
    p99: float
    count: int
    sizes: tuple[int, int]  # the smallest and the largest answer, headers included


def open_loop(endpoint: Endpoint, connections: int, rate: float, seconds: float) -> Open:
    return Open(**endpoint.load("open_loop", connections, rate, seconds))


@dataclass
class _Client:
    """One connection, with at most one request on it."""

    stream: socket.socket
    due: float = 0.0
    expected: bytes = b""
    answer: bytearray = field(default_factory=bytearray)


class Loop:
    def __init__(self, host: str, port: int, prefix: str, connections: int) -> None:
        self._head = f"GET {prefix}/echo?n=".encode()
        self._tail = f" HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
        self._epoll = select.epoll()
        streams = [socket.create_connection((host, port), PATIENCE) for _ in range(connections)]
        self._clients = {stream.fileno(): _Client(stream) for stream in streams}
        self._idle = deque(self._clients.values())
        for stream in streams:
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._epoll.register(stream, select.EPOLLIN)
        self.latencies: list[float] = []
        self.sizes: set[int] = set()

    def run(self, rate: float, seconds: float) -> None:
        count, sent = max(1, int(rate * seconds)), 0
        start = time.monotonic()
        while len(self.latencies) < count:
            now = time.monotonic()
            if now > start + seconds + PATIENCE:
                raise Wrong(f"{count - len(self.latencies)} requests were not answered")
            while sent < count and self._idle and start + sent / rate <= now:
                self._send(self._idle.popleft(), sent, start + sent / rate)
                sent += 1
            wait = start + sent / rate - time.monotonic() if sent < count and self._idle else 1.0
            # select() sleeps to the microsecond, epoll to the millisecond.
            if select.select([self._epoll], [], [], max(0.0, wait))[0]:
                for descriptor, _ in self._epoll.poll(0):
                    self._receive(self._clients[descriptor])

    def _send(self, client: _Client, number: int, due: float) -> None:
        name = b"%064d" % number
        client.due, client.expected = due, name + b"\n"
        client.stream.sendall(self._head + name + self._tail)

    def _receive(self, client: _Client) -> None:
        part = client.stream.recv(65536)
        client.answer += part
        if not part:
            raise Wrong(f"the connection was closed after {bytes(client.answer)!r}")
        head, end, body = bytes(client.answer).partition(b"\r\n\r\n")
        if not end or len(body) < len(client.expected):
            return
        if not head.startswith(b"HTTP/1.1 200 ") or body != client.expected:
            raise Wrong(f"not the answer: {bytes(client.answer)!r}")
        self.latencies.append(time.monotonic() - client.due)
        self.sizes.add(len(client.answer))
        client.answer.clear()
        self._idle.append(client)


def main() -> None:
    host, port, prefix, connections, rate, seconds = sys.argv[1:]
    loop = Loop(host, int(port), prefix, int(connections))
    try:
        loop.run(float(rate), float(seconds))
    except (Wrong, OSError) as error:
        sys.exit(str(error))
    hundredths = statistics.quantiles([*loop.latencies, loop.latencies[-1]], n=100)
    p50, p99 = hundredths[49] * 1e3, hundredths[98] * 1e3
    sizes = min(loop.sizes), max(loop.sizes)
    found = Open(p50, p99, len(loop.latencies), sizes)
    print(json.dumps(vars(found)))


if __name__ == "__main__":
    main()
