"""A small HTTP/1.1 service on a unix socket, as at a tunnel's end; the path selects its answer."""

from __future__ import annotations

import hashlib
import json
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    size: int
    digest: str

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


@dataclass
class Script:
    """What the service does next, beyond echoing."""

    release: threading.Event = field(default_factory=threading.Event)
    headers: list[tuple[str, str]] = field(default_factory=list)
    status: int = 200
    raw: bytes = b""  # what the path "raw" answers with; its connection stays open
    pause: float = 0  # seconds that each request takes
    every: str = ""  # answers all paths as it would this one


class Upstream:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.script = Script()
        self.seen: list[Seen] = []
        self.now, self.most_at_once = 0, 0
        self._lock = threading.Lock()
        self._server = _Server(str(path), _handler(self))
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def paths(self) -> list[str]:
        return [seen.path for seen in self.seen]

    @contextmanager
    def executing(self) -> Iterator[None]:
        with self._lock:
            self.now += 1
            self.most_at_once = max(self.most_at_once, self.now)
        try:
            yield
        finally:
            with self._lock:
                self.now -= 1

    def stop(self) -> None:
        self.script.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.cut()
        self._thread.join()
        self.path.unlink(missing_ok=True)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(self, path: str, handler: Any) -> None:
        self._connections: set[socket.socket] = set()
        super().__init__(path, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left is no news."""

    def cut(self) -> None:
        for connection in tuple(self._connections):
            self.shutdown_request(connection)


def _handler(upstream: Upstream) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        service = upstream

    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: Upstream

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def version_string(self) -> str:
        return "ModelServer/7"

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        size, digest = self._read_body()
        path = self.requestline.split(" ")[1]  # self.path has been tidied up
        self.seen = Seen(self.command, path, list(self.headers.items()), size, digest)
        self.service.seen.append(self.seen)
        last = self.service.script.every or path.partition("?")[0].rpartition("/")[2]
        special: dict[str, Callable[[], None]] = {
            "stream": self._stream,
            "ws": self._upgrade,
            "silent": self._silent,
            "drop": self._drop,
            "raw": self._raw,
            "busy": self._busy,
        }
        time.sleep(self.service.script.pause)
        special.get(last, self._echo)()

    def _read_body(self) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        for part in self._parts():
            digest.update(part)
            size += len(part)
        return size, digest.hexdigest()

    def _parts(self) -> Any:
        if self.headers.get("Transfer-Encoding") == "chunked":
            while length := int(self.rfile.readline(), 16):
                yield self.rfile.read(length)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length", 0))
        while left:
            part = self.rfile.read(min(left, 1 << 20))
            left -= len(part)
            yield part

    def _echo(self) -> None:
        seen, script = self.seen, self.service.script
        body = json.dumps({"method": seen.method, "path": seen.path, "sha256": seen.digest})
        self.send_response(script.status)
        for name, value in script.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body.encode())

    def _stream(self) -> None:
        """One event at once, the other when released."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._chunk(b"data: first\n\n")
        self.service.script.release.wait(30)
        self._chunk(b"data: last\n\n")
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _upgrade(self) -> None:
        """Accepts the requested upgrade, then echoes."""
        self.close_connection = True
        if not self.headers.get("Upgrade"):
            self._echo()
            return
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.end_headers()
        while data := self.connection.recv(65536):
            self.connection.sendall(data)

    def _silent(self) -> None:
        self.service.script.release.wait(30)
        self._echo()

    def _busy(self) -> None:
        """Not all at once: the service counts how many it has to do at one time."""
        with self.service.executing():
            time.sleep(0.05)
        self._echo()

    def _drop(self) -> None:
        self.close_connection = True

    def _raw(self) -> None:
        """Byte for byte, and then nothing more until released."""
        self.close_connection = True
        self.wfile.write(self.service.script.raw)
        self.service.script.release.wait(30)
