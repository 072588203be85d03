"""The peers' parts that need none of the peers."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmarks.cases.peers import COLD, REQUESTS, summary
from benchmarks.endpoint import Endpoint
from benchmarks.load.tally import tally
from benchmarks.peers.container import Container, container
from benchmarks.peers.installed import Missing, cache, find
from benchmarks.results import Line
from tests.stack.stack import free_port
from tests.stack.waiting import wait_for


class Engine(http.client.HTTPConnection):
    """Docker's API, by its socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("docker")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))

    def ask(self, method: str, path: str) -> object:
        self.request(method, path)
        body = self.getresponse().read()
        return json.loads(body) if body else None


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[tuple[Container, Engine]]:
    with container(tmp_path / "c", free_port(), load_seconds=0) as (one, path):
        engine = Engine(path)
        yield one, engine
        engine.close()


def test_a_container_starts_once_and_is_healthy_when_it_answers(
    engine: tuple[Container, Engine],
) -> None:
    one, docker = engine

    def state() -> dict[str, object]:
        details = docker.ask("GET", "/v1.51/containers/service/json")
        assert isinstance(details, dict)
        return dict(details["State"])

    assert state()["Status"] == "exited"
    docker.ask("POST", "/v1.51/containers/service/start")
    docker.ask("POST", "/v1.51/containers/service/start")
    wait_for("healthy", lambda: state().get("Health") == {"Status": "healthy"}, 20)
    assert one.starts == 1
    docker.ask("POST", "/v1.51/containers/service/stop")
    assert state()["Running"] is False


def test_the_events_of_a_container_reach_a_listener(engine: tuple[Container, Engine]) -> None:
    one, docker = engine
    docker.request("GET", "/v1.51/events")
    answer = docker.getresponse()
    wait_for("it listens", lambda: one.events)
    one.start()
    one.stop()
    assert [json.loads(answer.readline())["Action"] for _ in range(2)] == ["start", "die"]


def test_what_is_not_installed_is_named_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match="llama-swap is missing: build it"):
        find("llama-swap")
    program = cache() / "llama-swap"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    assert find("llama-swap") == str(program)


class _EverySecond(BaseHTTPRequestHandler):
    """Refuses half of the requests."""

    def do_GET(self) -> None:
        number = int(self.path.partition("n=")[2])
        self.send_response(429 if number % 2 else 200)
        self.end_headers()
        self.wfile.write(b"%d\n" % number)

    def log_message(self, *_words: object) -> None:
        """Not among the tests' output."""


def test_refused_requests_are_counted_apart_from_answered_ones() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _EverySecond) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        seen = tally(Endpoint("half", "127.0.0.1", server.server_port), 9, patience=10)
        server.shutdown()
    assert (seen.answered, seen.refused) == (5, 4)


def test_summary_has_a_row_per_peer_and_dashes_for_missing_cases() -> None:
    lines = [
        Line("peers", REQUESTS, "/s", (50.0,), "bare", (100.0,), subject="HAProxy"),
        Line("peers", REQUESTS, "/s", (90.0,), "bare", (100.0,)),
        Line("peers", COLD, "s", (2.5,), "by hand", (2.4,)),
    ]
    *_, haproxy, product = summary(lines).splitlines()
    assert [cell.strip() for cell in haproxy.split("|")[1:5]] == ["HAProxy", "50", "0.50", "–"]
    assert [cell.strip() for cell in product.split("|")[1:5]] == ["product", "90", "0.90", "2.5"]
