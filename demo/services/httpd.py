"""A small HTTP/1.1 server on asyncio: keep-alive, chunked both ways, a thousand connections."""

from __future__ import annotations

import asyncio
import json
import os
import resource
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

PIECE = 1 << 16
# Sent with every answer: the gateway's health check (verify: "token") believes no other service
# that happens to listen on this port. HIDE_JOB_TOKEN is for the tests.
JOB_TOKEN = "" if os.environ.get("HIDE_JOB_TOKEN") else os.environ.get("IO_JOB_TOKEN", "")


class BadRequest(Exception):
    """Answered with 400 and these words."""


class Dropped(Exception):
    """Close the connection now, whatever was or was not sent."""


@dataclass
class Exchange:
    """One request and its answer."""

    method: str
    target: str
    version: str
    headers: list[tuple[str, str]]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    started: bool = False
    keep_alive: bool = True
    _left: int | None = None  # bytes of the body still to read; None: chunked
    _chunked_answer: bool = field(default=False)

    def __post_init__(self) -> None:
        self.path = urlsplit(self.target).path
        self.raw_query = urlsplit(self.target).query
        self.query = dict(parse_qsl(self.raw_query))
        if "chunked" not in self.header("transfer-encoding").lower():
            self._left = int(self.header("content-length") or 0)
        wish = self.header("connection").lower()
        self.keep_alive = wish != "close" if self.version == "HTTP/1.1" else wish == "keep-alive"

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")

    def number(self, name: str, default: float) -> float:
        try:
            return float(self.query.get(name, default))
        except ValueError:
            raise BadRequest(f"{name} must be a number, not {self.query[name]!r}") from None

    # -- the request's body ---------------------------------------------------------------

    async def pieces(self) -> AsyncIterator[bytes]:
        if self.header("expect").lower() == "100-continue" and self._left != 0:
            self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self._left is None:
            async for piece in self._chunks():
                yield piece
            self._left = 0
        while self._left:
            piece = await self.reader.read(min(self._left, PIECE))
            if not piece:
                raise Dropped
            self._left -= len(piece)
            yield piece

    async def _chunks(self) -> AsyncIterator[bytes]:
        while size := int((await self.reader.readuntil(b"\r\n")).split(b";")[0], 16):
            yield await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        while await self.reader.readuntil(b"\r\n") != b"\r\n":
            pass  # trailers

    async def body(self) -> bytes:
        return b"".join([piece async for piece in self.pieces()])

    async def json(self) -> Any:
        try:
            return json.loads(await self.body())
        except ValueError:
            raise BadRequest("the body is not JSON") from None

    # -- the answer -----------------------------------------------------------------------

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Unknown"
        connection = "keep-alive" if self.keep_alive else "close"
        lines = [f"HTTP/1.1 {status} {phrase}", f"Connection: {connection}"]
        lines += [f"{key}: {value}" for key, value in headers.items()]
        lines += [f"IO-Job-Token: {JOB_TOKEN}"] if JOB_TOKEN else []
        self.writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        self.started = True

    async def send(
        self,
        content: Any,
        status: int = 200,
        kind: str = "application/json",
        headers: Mapping[str, str] = {},
    ) -> None:
        """A whole answer; what is neither bytes nor text becomes JSON."""
        text = content if isinstance(content, str | bytes) else json.dumps(content) + "\n"
        data = text if isinstance(text, bytes) else text.encode()
        length = {"Content-Length": str(len(data))} if status >= 200 and status != 204 else {}
        self._head(status, {"Content-Type": kind, **length, **headers})
        if self.method != "HEAD" and length:
            self.writer.write(data)
        await self.writer.drain()

    async def start(self, kind: str, headers: Mapping[str, str] = {}) -> None:
        """Begin an answer that is written piece by piece."""
        self._chunked_answer = self.version == "HTTP/1.1" and "Content-Length" not in headers
        self.keep_alive = self.keep_alive and self.version == "HTTP/1.1"
        coding = {"Transfer-Encoding": "chunked"} if self._chunked_answer else {}
        self._head(200, {"Content-Type": kind, **coding, **headers})
        await self.writer.drain()

    async def write(self, piece: bytes) -> None:
        if self.method == "HEAD":
            return
        framed = b"%x\r\n%s\r\n" % (len(piece), piece) if self._chunked_answer else piece
        self.writer.write(framed)
        await self.writer.drain()

    async def finish(self) -> None:
        if self._chunked_answer and self.method != "HEAD":
            self.writer.write(b"0\r\n\r\n")
            await self.writer.drain()


Handler = Callable[[Exchange], Awaitable[None]]
Routes = Mapping[str, Handler]


async def read_exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Exchange | None:
    """The next request of a connection; None where it ended in between."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    try:
        method, target, version = first.split(" ")
        fields = [line.split(":", 1) for line in lines]
        headers = [(name, value.strip()) for name, value in fields]
        return Exchange(method, target, version, headers, reader, writer)
    except ValueError:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        return None


async def answer(exchange: Exchange, handler: Handler) -> None:
    try:
        await handler(exchange)
    except BadRequest as error:
        await exchange.send({"error": str(error)}, 400)
    async for _ in exchange.pieces():
        pass  # what the handler left unread would be taken for the next request


def routed(routes: Routes) -> Handler:
    async def handle(exchange: Exchange) -> None:
        handler = routes.get(exchange.path)
        if handler is None:
            await exchange.send({"error": f"no {exchange.path} here"}, 404)
        else:
            await handler(exchange)

    return handle


async def serve(port: int, handler: Handler) -> None:
    """Until the process is ended: SIGTERM needs no handling, nothing is to be saved."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (exchange := await read_exchange(reader, writer)) is not None:
                await answer(exchange, handler)
                if not exchange.keep_alive or os.environ.get("CLOSE_UNANNOUNCED"):
                    break
        except (Dropped, OSError, EOFError, ValueError):
            pass  # the client went away or spoke nonsense: this connection is over
        finally:
            writer.close()

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # Two mistakes of a first service, to be seen: see docs/demo-cluster.md.
    mistaken = os.environ.get("LISTEN_ON_LOOPBACK")
    address = os.environ.get("DEMO_LOOPBACK" if mistaken else "DEMO_ADDRESS", "0.0.0.0")
    port = int(os.environ.get("LISTEN_ON_PORT", port))
    server = await asyncio.start_server(connection, address, port, limit=1 << 20, backlog=2048)
    async with server:
        await server.serve_forever()
