"""What commands that must answer at once do not load. No times: a busy machine has others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer

import pytest

HEAVY = {"alembic", "asyncio", "cryptography", "flask", "jinja2", "paramiko", "psutil", "pydantic"}
HEAVY |= {"rapidfuzz", "requests", "sqlalchemy", "structlog", "supervisor", "urllib3", "yaml"}
DRAWING = {"rich", "pygments", "markdown_it"}


class Handler(BaseHTTPRequestHandler):
    client_address: tuple[str, int]

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"services": [], "config_error": None}).encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def control_plane(tmp_path: Path) -> Iterator[None]:
    """Answers at the socket that the command line looks for first."""
    place = tmp_path / "nginx" / "control_plane"
    place.parent.mkdir()
    with UnixStreamServer(str(place), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield
        server.shutdown()
        thread.join()


def loaded(run_dir: Path, *words: str) -> set[str]:
    """The packages that a command imported, whatever its exit code."""
    argv = [sys.executable, "-X", "importtime", "-m", "service_management.cli", *words]
    ports = {"NGINX_PORT": "1", "ML_SERVICE_FLASK_PORT": "1"}  # nothing listens there
    environment = {**os.environ, "RUN_DIR": str(run_dir), **ports}
    done = subprocess.run(argv, env=environment, text=True, capture_output=True, check=False)
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    assert lines, done
    return {line.rpartition("|")[2].strip().split(".")[0] for line in lines}


@pytest.mark.parametrize("words", [["--help"], ["--version"], []])
def test_help_loads_no_library_but_typer(tmp_path: Path, words: list[str]) -> None:
    assert loaded(tmp_path, *words) & (HEAVY | DRAWING) == set()


@pytest.mark.usefixtures("control_plane")
@pytest.mark.parametrize("line", ["status", "status digits", "stop digits", "logs -h"])
def test_asking_the_gateway_loads_no_store_and_no_ssh(tmp_path: Path, line: str) -> None:
    packages = loaded(tmp_path, *line.split())
    assert "rich" in packages  # it came as far as printing
    assert packages & (HEAVY | DRAWING - {"rich"}) == set()


def test_a_refusal_in_one_sentence_does_not_load_them(tmp_path: Path) -> None:
    """psutil says whose process is at the port, before a token is sent there."""
    assert loaded(tmp_path, "status") & HEAVY <= {"psutil"}
