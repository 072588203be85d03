"""Many SSE streams that stay open and say next to nothing, until standard input ends.

`python -m benchmarks.load.held_streams HOST PORT PREFIX STREAMS`
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.endpoint import ROOT, Endpoint, Wrong
from benchmarks.load.streams import APART

INTERVAL = 60  # seconds between two chunks of a stream
CHUNKS = 100
SILENCE = 20.0


@contextmanager
def held_streams(endpoint: Endpoint, number: int) -> Iterator[None]:
    """Open, each with its first chunk, while the block runs."""
    module = "benchmarks.load.held_streams"
    where = [endpoint.host, str(endpoint.port), endpoint.prefix, str(number)]
    argv = [*endpoint.enter, sys.executable, "-m", module, *where]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        argv, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as process:
        if process.stdout is None or process.stdout.readline() != "open\n":
            _, said = process.communicate()
            raise Wrong(f"{endpoint.name}: {said.strip()[-300:]}")
        yield
        _, said = process.communicate()
    if process.returncode != 0:
        raise Wrong(f"{endpoint.name}: {said.strip()[-300:]}")


def hold(host: str, port: int, prefix: str, number: int) -> list[socket.socket]:
    target = f"{prefix}/sse?n={CHUNKS}&interval={INTERVAL}"
    request = f"GET {target} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode()
    clients = []
    for _ in range(number):
        client = socket.create_connection((host, port), SILENCE)
        client.sendall(request)
        clients.append(client)
        time.sleep(APART)
    for client in clients:
        seen = b""
        while b"data: 0 " not in seen:
            part = client.recv(65536)
            seen += part
            if not part or not seen.startswith(b"HTTP/1.1 200 "[: len(seen)]):
                raise Wrong(f"no stream: {seen[:200]!r}")
    return clients


def check_open(clients: list[socket.socket]) -> None:
    for client in clients:
        client.setblocking(False)
        try:
            while part := client.recv(65536):
                if b"data: end" in part:
                    raise Wrong("a stream ended")
            raise Wrong("a stream was cut")
        except BlockingIOError:
            pass


def main() -> None:
    host, port, prefix, number = sys.argv[1:]
    try:
        clients = hold(host, int(port), prefix, int(number))
        print("open", flush=True)
        sys.stdin.read()
        check_open(clients)
    except (Wrong, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
