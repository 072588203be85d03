"""Only valid answers count as the gateway's state."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from service_management import settings
from service_management.host import loopback
from service_management.host.loopback import Endpoint
from service_management.native import control_plane

PROBLEM = b'{"title": "Service Unavailable", "status": 503, "detail": "It is restarting."}'
STATE = b'{"services": [], "config_version": "1", "config_error": null}'
Serve = Callable[[int, bytes], Endpoint]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Answers everything alike."""
    servers: list[ThreadingHTTPServer] = []

    def start(status: int, body: bytes) -> Endpoint:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,)).start()
        port = {"NGINX_PORT": str(servers[-1].server_port), "RUN_DIR": str(tmp_path)}
        return loopback.control_plane(settings.parse({**settings.DEFAULTS, **port}, tmp_path))

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_state_is_known_only_where_it_is_answered(serve: Serve) -> None:
    assert control_plane.info(serve(200, STATE)) is not None
    assert control_plane.info(serve(503, PROBLEM)) is None
    assert control_plane.info(serve(200, b"<html>")) is None


def test_down_finds_no_jobs_if_the_control_plane_is_silent(serve: Serve) -> None:
    assert control_plane.known_jobs(serve(503, PROBLEM)) == {}
