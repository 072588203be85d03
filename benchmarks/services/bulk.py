"""A service of large bodies and many streams. It runs as a job, on nothing but Python.

GET /down?n=BYTES, PUT /up (checked byte by byte), GET /sse?n=CHUNKS&interval=SECONDS, GET /health.
"""

from __future__ import annotations

import heapq
import itertools
import random
import socket
import sys
import threading
import time
from contextlib import suppress
from typing import BinaryIO
from urllib.parse import parse_qsl, urlsplit

PIECE = random.Random(1).randbytes(1 << 20)  # a body is this, over and over
_NUMBERS = itertools.count()  # heapq compares no sockets


class Ticker(threading.Thread):
    """Writes to all streams, each at its own time: `data: <number> <nanoseconds when sent>`."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._due: list[tuple[float, int, socket.socket, int, int, float]] = []
        self._lock = threading.Lock()

    def add(self, client: socket.socket, chunks: int, interval: float) -> None:
        client.setblocking(False)
        entry = (time.monotonic(), next(_NUMBERS), client, 0, chunks, interval)
        with self._lock:
            heapq.heappush(self._due, entry)

    def run(self) -> None:
        while True:
            with self._lock:
                now = time.monotonic()
                ready = self._due and self._due[0][0] <= now
                entry = heapq.heappop(self._due) if ready else None
            if entry is None:
                time.sleep(0.001)
            else:
                self._write(entry)

    def _write(self, entry: tuple[float, int, socket.socket, int, int, float]) -> None:
        due, _, client, number, chunks, interval = entry
        over = number == chunks
        line = b"data: end\n\n" if over else b"data: %d %d\n\n" % (number, time.monotonic_ns())
        with suppress(OSError):
            try:
                client.send(b"%x\r\n%s\r\n" % (len(line), line) + (b"0\r\n\r\n" if over else b""))
                number, due = number + 1, due + interval
            except BlockingIOError:
                due += 0.01  # the reader is behind: the same chunk again
            if over:
                client.close()
                return
            with self._lock:
                heapq.heappush(self._due, (due, next(_NUMBERS), client, number, chunks, interval))


TICKER = Ticker()


def handle(client: socket.socket) -> None:
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream: BinaryIO = client.makefile("rb", buffering=1 << 16)  # type: ignore[assignment]
    with suppress(OSError):
        while (head := _head(stream)) is not None:
            target, length = head
            url = urlsplit(target)
            query = dict(parse_qsl(url.query))
            if url.path == "/sse":
                client.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n"
                )
                TICKER.add(client, int(query["n"]), float(query["interval"]))
                return
            if url.path == "/down":
                _send(client, int(query["n"]))
            else:
                _answer(client, b"ok %d" % length if _is_the_piece(stream, length) else b"wrong")
    client.close()


def _head(stream: BinaryIO) -> tuple[str, int] | None:
    """The request's target, and the length of its body."""
    words = stream.readline().split()
    if len(words) < 2:
        return None
    length = 0
    while (line := stream.readline().strip()) != b"":
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return words[1].decode(), length


def _answer(client: socket.socket, body: bytes) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


def _send(client: socket.socket, length: int) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length)
    whole = memoryview(PIECE)
    while length > 0:
        client.sendall(whole[:length])
        length -= len(PIECE)


def _is_the_piece(stream: BinaryIO, length: int) -> bool:
    right = True
    while length > 0:
        part = stream.read(min(length, len(PIECE)))
        if not part:
            raise ConnectionError("the body ended early")
        right = right and part == PIECE[: len(part)]  # both whole: compared by memcmp
        length -= len(part)
    return right


def main() -> None:
    server = socket.create_server(("", int(sys.argv[1])), backlog=4096)
    TICKER.start()
    while True:
        client, _ = server.accept()
        threading.Thread(target=handle, args=(client,), daemon=True).start()


if __name__ == "__main__":
    main()
