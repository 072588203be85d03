"""The control plane is reached over its socket; what its loopback port is still good for."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from tests.stack.nginx import accepting, master
from tests.stack.stack import TOKEN, Stack
from tests.stack.waiting import wait_for


def supervisorctl(stack: Stack, *words: str) -> None:
    program = Path(sys.executable).with_name("supervisorctl")
    argv = [program, "-c", stack.run_dir / "supervisord.conf", *words]
    subprocess.run(argv, check=True, capture_output=True)


class Stranger:
    """Another user's program at the control plane's port: it answers as it likes."""

    def __init__(self, port: int) -> None:
        self.received: list[str] = []
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                received.append(f"{self.path} {self.headers}")
                self.send_response(200)
                self.send_header("X-Accel-Redirect", "/healthz/nginx")
                self.end_headers()
                self.wfile.write(b"forged")

            do_POST = do_GET

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def stranger_at_the_port(stack: Stack) -> Iterator[Stranger]:
    """It takes the port while the control plane is stopped, and keeps it."""
    supervisorctl(stack, "stop", "control")
    stranger = Stranger(stack.flask_port)
    try:
        yield stranger
    finally:
        stranger.close()
        supervisorctl(stack, "restart", "control")
        stack.wait_until_alive()


def test_a_foreign_program_at_the_port_gets_no_token(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service()
    with stranger_at_the_port(stack) as stranger:
        cold = stack.client.get(f"/{route}/echo")
        assert (cold.status_code, cold.headers["Retry-After"]) == (503, "2")
        assert "restarting" in cold.json()["detail"]
        asked = stack.orchestrator("stop", route, check=False)
        assert asked.returncode == 1

        supervisorctl(stack, "start", "control")
        stack.wait_until_alive()
        assert stack.client.get(f"/{route}/echo").status_code == 200
        assert f"port {stack.flask_port} is taken by" in stack.log()
        assert stack.orchestrator("stop", route).returncode == 0
        assert stranger.received == []


def test_the_socket_is_nginxs_and_its_owners_alone(stack: Stack) -> None:
    place = stack.run_dir / "nginx" / "control_plane"
    assert place.stat().st_mode & 0o007 == 0
    for directory in (place.parent, stack.run_dir):
        assert directory.stat().st_mode & 0o022 == 0
    assert stack.run_dir.stat().st_mode & 0o007 == 0


def test_the_port_serves_only_what_is_public(stack: Stack, service: Callable[..., str]) -> None:
    route = service()
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.flask_port}") as port:
        assert port.get("/info").json()["services"][0]["route_name"] == route
        assert port.get("/healthz").status_code == 200
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        assert port.post(f"/admin/services/{route}/start", headers=bearer).status_code == 404
        assert port.get(f"/_hold/{route}", headers={"X-Hold-Ready": "@x"}).status_code == 503
        assert port.get(f"/_demand/{route}").status_code == 503
    assert stack.state(route) == "cold"


def _ask_the_port(stack: Stack) -> None:
    """nginx's configuration as the version before the socket wrote it."""
    current = stack.run_dir / "nginx" / "current"
    old = current.parent / "gen-0123456789abcdef"
    shutil.copytree(current.resolve(), old)
    main, stamp = old / "nginx.conf", old / "generation.conf"
    text = re.sub(
        r"server unix:\S+/control_plane;", f"server 127.0.0.1:{stack.flask_port};", main.read_text()
    )
    assert str(stack.flask_port) in text
    main.write_text(text)
    stamp.write_text(re.sub(r"ok \w+", f"ok {old.name[4:]}", stamp.read_text()))
    current.unlink()
    current.symlink_to(old.name)
    before = accepting(stack)
    os.kill(master(stack), signal.SIGHUP)
    wait_for("it is taken up", lambda: accepting(stack) and not accepting(stack) & before)


def test_upgrade_from_the_version_that_was_asked_at_the_port(
    stack: Stack, service: Callable[..., str]
) -> None:
    route, nginx = service(), master(stack)
    _ask_the_port(stack)
    # What this version says there until it has given nginx its own configuration.
    answer = stack.client.get(f"/{route}/echo")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.json()["detail"] == "The control plane is restarting; try again."

    stack.orchestrator("upgrade")

    assert "unix:" in (stack.run_dir / "nginx" / "current" / "nginx.conf").read_text()
    assert master(stack) == nginx
    assert stack.client.get(f"/{route}/echo").status_code == 200
