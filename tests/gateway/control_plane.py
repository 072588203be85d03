"""A control plane behind the three endpoints that nginx asks: demand, hold, quiet."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.gateway.client import Answer

JSON = ("Content-Type", "application/problem+json")


@dataclass(frozen=True)
class Asked:
    """One request from nginx."""

    method: str
    path: str
    headers: list[tuple[str, str]]

    @property
    def route(self) -> str:
        return self.path.rpartition("/")[2]

    def get(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(found) < 2, found
        return found[0] if found else None


@dataclass(frozen=True)
class Reply:
    status: int = 204
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


def ready(asked: Asked) -> Reply:
    place = asked.get("X-Hold-Ready") or ""
    return Reply(200, (("X-Accel-Redirect", place), ("X-Cold-Start", "1.5")))


def refuse(_asked: Asked) -> Reply:
    return Reply(503, (JSON, ("Retry-After", "7")), b'{"title":"still cold"}')


def named(asked: Asked) -> dict[str, Any]:
    """What nginx said of a path that it does not serve."""
    service = asked.get("X-Original-Service")
    said = {"uri": asked.get("X-Original-URI"), "prefix": asked.get("X-Original-Prefix")}
    return {"status": 404, "asked": said, **({"service": service} if service else {})}


@dataclass
class ControlPlane:
    """`hold` decides about each held request; set it to something that waits to hold."""

    hold: Callable[[Asked], Reply] = refuse
    demand: Callable[[Asked], Reply] = lambda _asked: Reply()
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def reset(self) -> None:
        self.hold, self.demand = refuse, lambda _asked: Reply()
        self.asked.clear()

    def of(self, kind: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path.startswith(f"/_{kind}/")]

    def about(self, answer: Answer) -> list[Asked]:
        """What nginx asked on behalf of this one; another test's mirror may still be on its way."""
        request_id = answer.one("X-Request-ID")
        return [asked for asked in self.asked if asked.get("X-Request-ID") == request_id]

    def demands(self) -> Counter[str]:
        return Counter(asked.route for asked in self.of("demand"))

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        if asked.path.startswith("/_demand/"):
            return self.demand(asked)
        if asked.path.startswith("/_hold/"):
            return self.hold(asked)
        if asked.path.startswith("/_quiet/"):
            return Reply(503, (JSON,), b'{"title":"asleep"}')
        if asked.path == "/_not_found":
            return Reply(404, (JSON,), json.dumps(named(asked)).encode())
        return Reply(200, (("Content-Type", "text/plain"),), f"control {asked.path}".encode())

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left is no news."""


def _handler(control: ControlPlane) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def __getattr__(self, name: str) -> Callable[[], None]:
            if name.startswith("do_"):
                return self._serve
            raise AttributeError(name)

        def _serve(self) -> None:
            reply = control.answer(Asked(self.command, self.path, list(self.headers.items())))
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            if reply.status != 204:
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

    return Handler
