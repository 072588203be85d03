"""Many requests in the same moment, each with a body of its own length, which the service checks.

`python -m benchmarks.load.burst HOST PORT PREFIX NUMBER PATIENCE`
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time

from benchmarks.endpoint import Endpoint, Wrong
from benchmarks.services.bulk import PIECE


def burst(endpoint: Endpoint, number: int, patience: float) -> tuple[float, float]:
    """When the first and the last answer came, in seconds since the epoch."""
    seen = endpoint.load("burst", number, patience)
    return seen["first"], seen["last"]


def ask(host: str, port: int, prefix: str, number: int) -> dict[int, tuple[socket.socket, bytes]]:
    clients = [socket.create_connection((host, port), 20) for _ in range(number)]
    asked = {}
    for index, client in enumerate(clients):
        body = PIECE[: 1000 + index]
        head = f"POST {prefix}/up HTTP/1.1\r\nHost: {host}:{port}\r\n"
        client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        asked[client.fileno()] = client, b"ok %d" % len(body)
    return asked


def collect(asked: dict[int, tuple[socket.socket, bytes]], patience: float) -> list[float]:
    epoll, times, end = select.epoll(), list[float](), time.monotonic() + patience
    for descriptor in asked:
        epoll.register(descriptor, select.EPOLLIN)
    answers = dict.fromkeys(asked, b"")
    while asked:
        ready = epoll.poll(max(0.0, end - time.monotonic()))
        if not ready:
            raise Wrong(f"{len(asked)} requests were not answered")
        for descriptor, _ in ready:
            client, expected = asked[descriptor]
            part = client.recv(65536)
            answers[descriptor] += part
            head, _, body = answers[descriptor].partition(b"\r\n\r\n")
            if part and len(body) < len(expected):
                continue
            if not head.startswith(b"HTTP/1.1 200 ") or body != expected:
                raise Wrong(f"not the answer: {answers[descriptor][:300]!r}")
            times.append(time.time())
            epoll.unregister(descriptor)
            del asked[descriptor]
    return times


def main() -> None:
    host, port, prefix, number, patience = sys.argv[1:]
    try:
        times = collect(ask(host, int(port), prefix, int(number)), float(patience))
    except (Wrong, OSError) as error:
        sys.exit(str(error))
    print(json.dumps({"first": min(times), "last": max(times)}))


if __name__ == "__main__":
    main()
