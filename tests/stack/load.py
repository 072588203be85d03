"""A load that checks everything: `python -m tests.stack.load`, a separate process.

Requests on keep-alive connections at a steady rate, and streams, until standard input ends.
Each answer must be the service's own to this very request, executed once; each stream must be
complete and in order. The last line of output is the report, as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
import time
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

from tests.stack.http_client import Answer, Closed, Connection

EVENTS, INTERVAL = 10, 0.5  # of one stream
KEPT = 20  # failures described


@dataclass
class Report:
    requests: int = 0
    streams: int = 0
    failed: int = 0
    failures: list[str] = field(default_factory=list)
    # A kept connection was closed before any byte of an answer to what was just sent on it. As
    # HTTP has it (RFC 9112, 9.3.1), the client sends the request again; `executed` proves that
    # the service never saw the first one.
    resent: int = 0
    seconds: float = 0.0  # in which requests were sent
    slowest: float = 0.0
    late: float = 0.0  # how far the load itself fell behind its own schedule

    def fail(self, what: str) -> None:
        self.failed += 1
        if len(self.failures) < KEPT:
            self.failures.append(f"{time.strftime('%X')} {what}")


@dataclass(frozen=True)
class Load:
    host: str
    port: int
    routes: list[str]
    rate: float
    connections: int
    streams: int


class Running:
    def __init__(self, load: Load) -> None:
        self.load, self.report = load, Report()
        self.ended = asyncio.Event()
        self._begun: set[asyncio.Task[None] | None] = set()
        self._flowing = asyncio.Event()
        self._mark = secrets.token_hex(4)  # a service counts over several loads

    async def run(self) -> None:
        begun = time.monotonic()
        askers = [self._keep_asking(number) for number in range(self.load.connections)]
        readers = [self._keep_reading(number) for number in range(self.load.streams)]
        tasks = [asyncio.create_task(work) for work in (*askers, *readers)]
        await self._flowing.wait()
        print("flowing", flush=True)
        await self.ended.wait()
        self.report.seconds = time.monotonic() - begun
        await asyncio.gather(*tasks)

    def _flows(self) -> None:
        """Called by every task that has begun its work."""
        self._begun.add(asyncio.current_task())
        if len(self._begun) == self.load.connections + self.load.streams:
            self._flowing.set()

    def _route(self, number: int) -> str:
        return self.load.routes[number % len(self.load.routes)]

    def _connection(self) -> Connection:
        return Connection(self.load.host, self.load.port)

    # -- requests ---------------------------------------------------------------------

    async def _keep_asking(self, number: int) -> None:
        connection, route, count = self._connection(), self._route(number), 0
        pause = self.load.connections / self.load.rate
        due = time.monotonic() + pause * number / self.load.connections
        while not self.ended.is_set():
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self.report.late = max(self.report.late, time.monotonic() - due)
            await self._ask(connection, route, f"{self._mark}-{number}-{count}")
            self._flows()
            count, due = count + 1, due + pause
        connection.close()

    async def _ask(self, connection: Connection, route: str, name: str) -> None:
        begun = time.monotonic()
        query = f"id={name}"
        self.report.requests += 1
        try:
            answer = await self._get(connection, f"/{route}/echo?{query}")
            if wrong := _wrong(answer, query):
                self.report.fail(f"{route} {query}: {wrong}")
        except (OSError, EOFError, ValueError) as error:
            connection.close()
            self.report.fail(f"{route} {query}: {error!r}")
        self.report.slowest = max(self.report.slowest, time.monotonic() - begun)

    async def _get(self, connection: Connection, target: str) -> Answer:
        try:
            return await connection.get(target)
        except Closed:
            self.report.resent += 1
            return await connection.get(target)

    # -- streams ----------------------------------------------------------------------

    async def _keep_reading(self, number: int) -> None:
        # The first ones are of different lengths: at any moment some begin and some end.
        events = 1 + number % EVENTS
        while not self.ended.is_set():
            self._flows()
            await self._read(self._route(number), events)
            events = EVENTS

    async def _read(self, route: str, events: int) -> None:
        connection = self._connection()
        self.report.streams += 1
        try:
            answer = await connection.get(f"/{route}/sse?n={events}&interval={INTERVAL}")
            if answer.status != 200 or answer.body != _stream(events):
                self.report.fail(f"{route} stream: {answer.status} {answer.body[-80:]!r}")
        except (OSError, EOFError, ValueError) as error:
            self.report.fail(f"{route} stream: {error!r}")
        finally:
            connection.close()


def _stream(events: int) -> bytes:
    numbered = [b"id: %d\ndata: event %d\n\n" % (number, number) for number in range(events)]
    return b"".join([*numbered, b"data: [DONE]\n\n"])


def _wrong(answer: Answer, query: str) -> str:
    if answer.status != 200:
        return f"{answer.status} {answer.body[:200]!r}"
    said = json.loads(answer.body)
    seen = (said["path"], said["query"], said["executed"])
    return "" if seen == ("/echo", query, 1) else f"answered to {seen}"


def _load(words: list[str]) -> Load:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("routes", nargs="+")
    parser.add_argument("--rate", type=float, default=500, help="requests per second")
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--streams", type=int, default=200)
    given = parser.parse_args(words)
    where = urlsplit(given.url)
    host, port = where.hostname or "127.0.0.1", where.port or 80
    return Load(host, port, given.routes, given.rate, given.connections, given.streams)


async def main(words: list[str]) -> None:
    running = Running(_load(words))
    asyncio.get_running_loop().add_reader(sys.stdin, running.ended.set)
    try:
        await running.run()
    finally:
        asyncio.get_running_loop().remove_reader(sys.stdin)
    print(json.dumps(asdict(running.report)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
