"""Whose answer a health check takes for the job's own."""

from __future__ import annotations

import http.server
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from service_management.controller.health_check import probe
from service_management.lifecycle.events import Health

TOKEN = "t0k3n-t0k3n"


class Service(socketserver.ThreadingUnixStreamServer):
    status = 200
    header = ""
    body = b"{}"


class Answer(http.server.BaseHTTPRequestHandler):
    server: Service

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        self.send_response(self.server.status)
        if self.server.header:
            self.send_header("io-job-token", self.server.header)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)


@pytest.fixture
def service() -> Iterator[Service]:
    with tempfile.TemporaryDirectory() as directory, Service(f"{directory}/s", Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("header", "body", "health"),
    [
        (TOKEN, b"", Health.HEALTHY),
        ("", b'{"ready": true, "token": "%s"}' % TOKEN.encode(), Health.HEALTHY),
        ("", b"", Health.UNVERIFIED),
        ("t0k3n", b"", Health.UNVERIFIED),
        ("\u00fc", b"x" * 100_000 + TOKEN.encode(), Health.UNVERIFIED),
    ],
)
def test_a_token_is_shown_by_header_or_body(service: Service, header, body, health) -> None:
    service.header, service.body = header, body
    assert probe(Path(str(service.server_address)), "/health", TOKEN).health is health


def test_a_bad_answer_is_bad_whatever_it_shows(service: Service) -> None:
    service.status, service.header = 503, TOKEN
    assert probe(Path(str(service.server_address)), "/health", TOKEN).health is Health.UNHEALTHY


def test_without_a_token_any_good_answer_counts(service: Service) -> None:
    assert probe(Path(str(service.server_address)), "/health").health is Health.HEALTHY
