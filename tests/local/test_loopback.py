"""The command line sends the admin token to the gateway only."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from service_management import settings
from service_management.host import loopback
from service_management.settings import Settings

SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(self.headers["Authorization"]).encode())
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


@pytest.fixture(params=["root", "nobody"])
def listener(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    """A program of this user at a port that prints the token it received."""
    if os.geteuid() != 0:
        pytest.skip("only root can start a program as another user")
    argv = ["/usr/bin/python3", "-I", "-c", SERVER]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, text=True, user=request.param, cwd="/"
    ) as process:
        assert process.stdout is not None
        try:
            yield request.param, int(process.stdout.readline())
        finally:
            process.kill()


def settings_for(tmp_path: Path, port: int) -> Settings:
    given = {
        "NGINX_PORT": str(port),
        "ADMIN_TOKEN": "canary-4711-abcdef",
        "RUN_DIR": str(tmp_path / "run"),
    }
    return settings.parse({**settings.DEFAULTS, **given}, tmp_path)


def test_a_strangers_program_at_the_port_is_not_sent_the_token(
    listener: tuple[str, int], tmp_path: Path
) -> None:
    user, port = listener
    endpoint = loopback.control_plane(settings_for(tmp_path, port))
    assert endpoint.ask("GET", "/info", timeout=5).text == "None"
    if user == "root":
        answer = endpoint.ask("GET", "/admin/config", timeout=5)
        assert answer.text == "Bearer canary-4711-abcdef"
        return
    with pytest.raises(loopback.StrangerListens, match="the admin token was not sent"):
        endpoint.ask("GET", "/admin/config", timeout=5)


def test_where_the_socket_is_nothing_else_is_asked(tmp_path: Path) -> None:
    place = tmp_path / "run" / "nginx" / "control_plane"
    place.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place))  # and does not listen
        endpoint = loopback.control_plane(settings_for(tmp_path, 1))
        with pytest.raises(loopback.NoAnswer):
            endpoint.ask("GET", "/admin/config", timeout=5)
    assert endpoint.url == "http://control_plane"
