"""Many SSE streams at once; every chunk has to come, in order, and says when it was sent.

`python -m benchmarks.load.streams HOST PORT PREFIX STREAMS CHUNKS INTERVAL`
"""

from __future__ import annotations

import json
import select
import socket
import statistics
import sys
import time
from dataclasses import dataclass, field

from benchmarks.endpoint import Endpoint, Wrong

SILENCE = 20.0
APART = 0.01  # seconds; not all at once: a bare nginx answers 502 where ssh's queue of 128 is full


@dataclass(frozen=True)
class Delays:
    p50: float  # milliseconds, from the service's send to the client's receive
    p99: float
    count: int


def streams(endpoint: Endpoint, number: int, chunks: int, interval: float) -> Delays:
    return Delays(**endpoint.load("streams", number, chunks, interval))


@dataclass
class Chunked:
    """Takes the framing off a chunked answer, which may be cut anywhere."""

    rest: bytes = b""
    head: bool = True
    over: bool = False

    def feed(self, part: bytes) -> bytes:
        self.rest += part
        if self.head:
            head, end, body = self.rest.partition(b"\r\n\r\n")
            if not end:
                return b""
            if not head.startswith(b"HTTP/1.1 200 "):
                raise Wrong(f"not the answer: {head!r}")
            self.head, self.rest = False, body
        return b"".join(iter(self._chunk, b""))

    def _chunk(self) -> bytes:
        size, end, rest = self.rest.partition(b"\r\n")
        if not end or len(rest) < int(size, 16) + 2:
            return b""
        length = int(size, 16)
        self.rest, self.over = rest[length + 2 :], length == 0
        return rest[:length]


@dataclass
class _Stream:
    client: socket.socket
    chunks: Chunked = field(default_factory=Chunked)
    text: bytes = b""
    next: int = 0
    ended: bool = False

    def feed(self, part: bytes, now: int, delays: list[int]) -> None:
        *events, self.text = (self.text + self.chunks.feed(part)).split(b"\n\n")
        for event in events:
            words = event.split()
            if words == [b"data:", b"end"]:
                self.ended = True
            elif self.ended or words[:2] != [b"data:", b"%d" % self.next]:
                raise Wrong(f"{event!r} in place of chunk {self.next}")
            else:
                delays.append(now - int(words[2]))
                self.next += 1


def listen(host: str, port: int, target: str, number: int) -> tuple[list[int], list[_Stream]]:
    epoll, delays = select.epoll(), list[int]()
    request = f"GET {target} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode()
    open_streams: dict[int, _Stream] = {}
    every: list[_Stream] = []
    began = time.monotonic()
    while open_streams or len(every) < number:
        due = began + len(every) * APART
        opening = len(every) < number
        if opening and time.monotonic() >= due:
            client = socket.create_connection((host, port), SILENCE)
            client.sendall(request)
            every.append(_Stream(client))
            open_streams[client.fileno()] = every[-1]
            epoll.register(client, select.EPOLLIN)
        ready = epoll.poll(max(0.0, due - time.monotonic()) if opening else SILENCE)
        if not ready and not opening:
            raise Wrong(f"{len(open_streams)} streams are silent")
        for descriptor, _ in ready:
            stream = open_streams[descriptor]
            part = stream.client.recv(65536)
            stream.feed(part, time.monotonic_ns(), delays)
            if stream.chunks.over or not part:
                epoll.unregister(descriptor)
                del open_streams[descriptor]
    return delays, every


def _check_whole(every: list[_Stream], chunks: int) -> None:
    cut = [stream.next for stream in every if not stream.ended or stream.next != chunks]
    if cut:
        raise Wrong(f"{len(cut)} streams were cut, the first after {cut[0]} chunks")


def main() -> None:
    host, port, prefix, number, chunks, interval = sys.argv[1:]
    target = f"{prefix}/sse?n={chunks}&interval={interval}"
    try:
        delays, every = listen(host, int(port), target, int(number))
        _check_whole(every, int(chunks))
    except (Wrong, OSError) as error:
        sys.exit(str(error))
    hundredths = statistics.quantiles(delays, n=100)
    print(json.dumps(vars(Delays(hundredths[49] / 1e6, hundredths[98] / 1e6, len(delays)))))


if __name__ == "__main__":
    main()
