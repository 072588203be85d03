"""One container for Sablier: the part of Docker's API that it uses, and a local process behind it.

This machine may have no Docker engine, and the start of a container is not what is compared. So
this is the fastest engine there can be: it starts the service at once, and its health is the
service's answer at this moment.
"""

from __future__ import annotations

import http.client
import json
import os
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from queue import Queue
from typing import Any

from benchmarks.endpoint import ROOT

NAME = "service"
SCRIPT = ROOT / "benchmarks" / "services" / "fast.sh"
LABELS = {"sablier.enable": "true", "sablier.group": NAME}


class Container:
    """The service as a local process."""

    def __init__(self, port: int, directory: Path, load_seconds: float) -> None:
        self.port, self.starts = port, 0
        self._directory, self._load_seconds = directory, load_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self.events: list[Queue[str]] = []

    def start(self) -> None:
        with self._lock:
            if self._process:
                return
            self.starts += 1
            environment = {
                **os.environ,
                "LOAD_SECONDS": str(self._load_seconds),
                "TMPDIR": str(self._directory),
            }
            self._process = subprocess.Popen(["sh", str(SCRIPT), str(self.port)], env=environment)
        self._tell("start")

    def stop(self) -> None:
        with self._lock:
            process, self._process = self._process, None
        if process:
            process.terminate()
            process.wait(timeout=20)
            self._tell("die")

    def state(self) -> dict[str, Any]:
        running = self._process is not None
        health = "healthy" if running and self._answers() else "starting"
        return {
            "Status": "running" if running else "exited",
            "Running": running,
            "ExitCode": 0,
            **({"Health": {"Status": health}} if running else {}),
        }

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _tell(self, action: str) -> None:
        event = {"Type": "container", "Action": action, "Actor": {"Attributes": {"name": NAME}}}
        for queue in self.events:
            queue.put(json.dumps(event) + "\n")


class _Api(BaseHTTPRequestHandler):
    """https://docs.docker.com/reference/api/engine: only what Sablier asks for."""

    protocol_version = "HTTP/1.1"
    container: Container

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.endswith("/events"):
            return self._events()
        if path.endswith("/_ping"):
            return self._json("OK")
        if path.endswith("/version"):
            return self._json({"Version": "28.0", "ApiVersion": "1.51", "MinAPIVersion": "1.24"})
        if path.endswith("/containers/json"):
            return self._json([self._summary()])
        return self._json(self._details())

    do_HEAD = do_GET

    def do_POST(self) -> None:
        action = self.path.partition("?")[0].rpartition("/")[2]
        if action == "start":
            self.container.start()
        elif action == "stop":
            self.container.stop()
        return self._json({"StatusCode": 0}) if action == "wait" else self._json(None, 204)

    def _summary(self) -> dict[str, Any]:
        state = self.container.state()["Status"]
        return {"Id": NAME, "Names": [f"/{NAME}"], "State": state, "Labels": LABELS}

    def _details(self) -> dict[str, Any]:
        config = {"Image": NAME, "Labels": LABELS}
        state = self.container.state()
        return {"Id": NAME, "Name": f"/{NAME}", "State": state, "Config": config, "HostConfig": {}}

    def _json(self, content: object, status: int = 200) -> None:
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Api-Version", "1.51")
        self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _events(self) -> None:
        """Until the connection or this program ends."""
        queue: Queue[str] = Queue()
        self.container.events.append(queue)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.flush()
        try:
            while text := queue.get():
                self.wfile.write(text.encode())
                self.wfile.flush()
        except OSError:
            pass
        self.close_connection = True

    def log_message(self, *_words: object) -> None:
        """Not on the terminal."""

    def address_string(self) -> str:
        return "sablier"


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False  # the stream of events ends with Sablier
    request_queue_size = 128


@contextmanager
def container(directory: Path, port: int, load_seconds: float) -> Iterator[tuple[Container, Path]]:
    """A stopped container, and the socket of its engine."""
    directory.mkdir(parents=True, exist_ok=True)
    one, socket = Container(port, directory, load_seconds), directory / "docker.sock"
    handler = type("_BoundApi", (_Api,), {"container": one})
    with _Server(str(socket), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
        try:
            yield one, socket
        finally:
            server.shutdown()
            one.stop()
