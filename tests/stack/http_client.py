"""One connection of a client that notices what others hide: when exactly it was closed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

PATIENCE = 60.0


class Closed(Exception):
    """A connection that had served before was closed before any byte of this answer."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """Opened when needed, kept for as long as the server keeps it."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._served = 0  # answers on the current connection

    async def get(self, target: str) -> Answer:
        async with asyncio.timeout(PATIENCE):
            return await self._get(target)

    async def _get(self, target: str) -> Answer:
        if self._streams is None or self._streams[0].at_eof():
            await self._open()
        assert self._streams is not None
        reader, writer = self._streams
        head = await self._exchange(reader, writer, target)
        status, headers = _parse(head)
        body = await _body(reader, headers)
        self._served += 1
        if headers.get("connection") == "close":
            self.close()
        return Answer(status, headers, body)

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str
    ) -> bytes:
        try:
            writer.write(f"GET {target} HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode())
            return await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            reused, nothing = self._served > 0, not getattr(error, "partial", b"")
            self.close()
            if reused and nothing:
                raise Closed from error
            raise

    async def _open(self) -> None:
        self.close()
        self._streams = await asyncio.open_connection(self._host, self._port)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
        self._streams, self._served = None, 0


def _parse(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    fields = (line.split(":", 1) for line in lines)
    return int(first.split(" ")[1]), {name.lower(): value.strip() for name, value in fields}


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding") != "chunked":
        return await reader.readexactly(int(headers["content-length"]))
    pieces = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        pieces.append((await reader.readexactly(size + 2))[:-2])
    await reader.readuntil(b"\r\n")
    return b"".join(pieces)
