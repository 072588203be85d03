"""A WebSocket echo (RFC 6455): handshake, frames, ping and close; no extensions."""

from __future__ import annotations

import base64
import hashlib
import struct

from .httpd import BadRequest, Dropped, Exchange

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CLOSE, PING, PONG = 8, 9, 10


async def echo(exchange: Exchange) -> None:
    key = exchange.header("sec-websocket-key")
    if exchange.header("upgrade").lower() != "websocket" or not key:
        raise BadRequest("this path speaks WebSocket")
    await _accept(exchange, key)
    opcode = 0
    while opcode != CLOSE:
        opening, opcode, data = await _read_frame(exchange)
        if opcode == PING:
            _write_frame(exchange, 0x80 | PONG, data)
        elif opcode != PONG:
            _write_frame(exchange, opening, data)  # fragments go back as fragments
        await exchange.writer.drain()
    raise Dropped


async def _accept(exchange: Exchange, key: str) -> None:
    digest = base64.b64encode(hashlib.sha1((key + MAGIC).encode()).digest()).decode()
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {digest}",
    ]
    exchange.writer.write("\r\n".join([*lines, "", ""]).encode())
    await exchange.writer.drain()


async def _read_frame(exchange: Exchange) -> tuple[int, int, bytes]:
    """The first byte (FIN and opcode), the opcode, the unmasked payload."""
    reader = exchange.reader
    opening, second = await reader.readexactly(2)
    length = second & 0x7F
    if length == 126:
        (length,) = struct.unpack("!H", await reader.readexactly(2))
    elif length == 127:
        (length,) = struct.unpack("!Q", await reader.readexactly(8))
    if not second & 0x80:
        raise Dropped  # a client must mask
    mask = await reader.readexactly(4)
    return opening, opening & 0x0F, _unmask(await reader.readexactly(length), mask)


def _unmask(data: bytes, mask: bytes) -> bytes:
    repeated = (mask * (len(data) // 4 + 1))[: len(data)]
    number = int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")
    return number.to_bytes(len(data), "big")


def _write_frame(exchange: Exchange, opening: int, data: bytes) -> None:
    if len(data) < 126:
        head = struct.pack("!BB", opening, len(data))
    elif len(data) < 1 << 16:
        head = struct.pack("!BBH", opening, 126, len(data))
    else:
        head = struct.pack("!BBQ", opening, 127, len(data))
    exchange.writer.write(head + data)
