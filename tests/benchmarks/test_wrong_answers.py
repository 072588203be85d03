"""A load generator reports wrong answers: no figure counts then."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.endpoint import Endpoint, Wrong
from benchmarks.load.bulk import bulk
from benchmarks.load.burst import burst
from benchmarks.load.held_streams import held_streams
from benchmarks.load.open_loop import open_loop
from benchmarks.load.streams import streams
from benchmarks.load.wrk import wrk

Load = Callable[[Endpoint], object]
LOADS: dict[str, Load] = {
    "requests": lambda way: wrk(way, connections=2, seconds=1),
    "open loop": lambda way: open_loop(way, connections=2, rate=50, seconds=0.2),
    "body down": lambda way: bulk(way, "down", 100_000),
    "body up": lambda way: bulk(way, "up", 100_000),
    "crowd": lambda way: burst(way, 3, patience=10),
    "streams": lambda way: streams(way, 2, chunks=3, interval=0.01),
    "held streams": lambda way: held_streams(way, 2).__enter__(),
}


class _Liar(BaseHTTPRequestHandler):
    """Answers everything in good form, and with something else."""

    protocol_version = "HTTP/1.1"
    status = 200

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = self.body()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_POST = do_GET

    def body(self) -> bytes:
        return b"?" * 100_000

    def log_message(self, *_words: object) -> None:
        """Not among the tests' output."""


class _Refuser(_Liar):
    status = 503


class _Twister(_Liar):
    """As long as the expected body."""

    def body(self) -> bytes:
        return b"?" + self.path.partition("n=")[2].encode()[1:] + b"\n"


@pytest.fixture
def answering() -> Iterator[Callable[[type[_Liar]], Endpoint]]:
    servers: list[ThreadingHTTPServer] = []

    def serve(kind: type[_Liar]) -> Endpoint:
        server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        return Endpoint("liar", "127.0.0.1", server.server_port)

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("kind", [_Liar, _Refuser, _Twister])
@pytest.mark.parametrize("load", LOADS.values(), ids=list(LOADS))
def test_another_body_or_status_is_no_figure(
    answering: Callable[[type[_Liar]], Endpoint], load: Load, kind: type[_Liar]
) -> None:
    with pytest.raises(Wrong):
        load(answering(kind))
