"""A gateway with a service in every state, at a fixed moment: the real application, no cluster."""

from __future__ import annotations

import posixpath
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask
from werkzeug.http import http_date
from werkzeug.serving import WSGIRequestHandler, make_server

from service_management.api.flask_app import Parts, create_app
from service_management.config import Problem
from service_management.controller.public_view import Trouble
from service_management.controller.snapshot import Snapshot
from service_management.host.steady_clock import SteadyClock
from service_management.lifecycle.findings import Finding, Saw
from service_management.lifecycle.record import Failure, ServiceRecord, StartTimes
from service_management.lifecycle.replica import Job
from service_management.lifecycle.states import TEXT, Reason, State
from service_management.store import LogEntry
from tests.unit.config.samples import service
from tests.unit.records import a_record

NOW = 1_795_683_600.0  # 2026-11-26 09:00:00 UTC
NO_MODEL = f"{TEXT[Reason.ENDED_AT_START]} (job 4711: Slurm says FAILED, exit code 3)"


def job(job_id: str, **changes: Any) -> Job:
    made = Job(f"io.gw.{job_id}", 20700, NOW - 400, job_id=job_id, submitted_at=NOW - 398)
    return replace(made, **changes)


def running(job_id: str, node: str, started: float, **changes: Any) -> Job:
    place = {"slurm_state": "RUNNING", "node": node, "started_at": NOW - started}
    return job(job_id, **{**place, "end_time": NOW + 4 * 3600, **changes})


TROUBLE = Trouble("unreachable", "secret.example.org does not answer on port 22.")
NO_LOGIN = TROUBLE.public
FAILURE = Failure(
    NOW - 130,
    Reason.ENDED_AT_START,
    NO_MODEL,
    job_id="4711",
    slurm_state="FAILED",
    exit_code=3,
    node="gpu07",
    output=("Traceback (secret)",),
)
PENDING = {"slurm_state": "PENDING", "slurm_reason": "Resources", "estimated_start": NOW + 2400}
NO_ADDRESS = {"local_host": ..., "local_port": ...}
NAMES = {
    "llama": ("Llama 3.3 70B Instruct", ["/v1/*"]),
    "whisper": ("Whisper large v3", ["/v1/audio/transcriptions"]),
    "digits": ("Digits", ["/predict", "/explain"]),
    "diffusion": ("Diffusion XL", ["/"]),
    "segment": ("Segment anything", ["/masks/*"]),
    "old": ("Old classifier", ["/predict"]),
    "embed": ("Text embeddings", ["/embed"]),
    "AnExtremelyLongRouteNameThatHasNoPlaceWhereItCouldBeBroken-1234": (
        "AVeryLongNameWithoutAnyBlankThatWouldPushItsCardBeyondTheEdgeOfASmallScreen",
        ["/a/path/that/is/rather/long/*"],
    ),
}
DIGITS = running("4698", "cpu12", 7320)
RECORDS = [
    a_record(
        "llama",
        State.STARTING,
        NOW - 95,
        Reason.LOADING,
        running("4720", "gpu03", 95, finding=Finding(Saw.ANSWER, "/health", 503), found_at=NOW - 1),
        starts=(StartTimes(queue=240, load=180),),
    ),
    a_record(
        "whisper",
        State.FAILED,
        NOW - 130,
        Reason.ENDED_AT_START,
        last_failure=FAILURE,
        failures=2,
        retry_at=NOW + 170,
    ),
    a_record(
        "digits",
        State.READY,
        NOW - 7300,
        Reason.HEALTHY,
        DIGITS,
        last_activity=NOW - 40,
        ready_since=NOW - 7300,
    ),
    a_record(
        "diffusion",
        State.QUEUED,
        NOW - 400,
        Reason.WAITING,
        job("4719", **PENDING),
        last_demand=NOW - 12,
        starts=(StartTimes(queue=1800, load=75),),
    ),
    a_record("segment", State.DRAINING, NOW - 6, Reason.IDLE, running("4702", "gpu01", 4000)),
    a_record("old", State.DISABLED, NOW - 3 * 86400, Reason.DISABLED),
    a_record(
        "embed", State.COLD, NOW - 5400, Reason.IDLE, last_failure=replace(FAILURE, at=NOW - 9e4)
    ),
    a_record([*NAMES][-1]),
]
REQUEST = "request 1795683200.121-2434-46-1"
EVENTS = [
    (400, Reason.SUBMITTING, State.QUEUED, f"{TEXT[Reason.SUBMITTING]} ({REQUEST})"),
    (398, Reason.WAITING, State.QUEUED, f"{TEXT[Reason.WAITING]} (job 4711)"),
    (250, Reason.LOADING, State.STARTING, f"{TEXT[Reason.LOADING]} (job 4711 on gpu07)"),
    (130, Reason.ENDED_AT_START, State.FAILED, f"{NO_MODEL}\nTraceback (secret)"),
]


class Site:
    """What is shown can be changed while a browser looks at it."""

    def __init__(self) -> None:
        self.snapshot = Snapshot(SteadyClock("sample", 0.0, lambda: NOW, lambda: NOW))
        self.reset()

    def reset(self) -> None:
        self.snapshot.services = {
            route: service(name=name, route_name=route, api_paths=paths, **NO_ADDRESS)
            for route, (name, paths) in NAMES.items()
        }
        self.snapshot.version = "sample"
        self.snapshot.config_error, self.snapshot.trouble = (), {}
        self.snapshot.inflight, self.log = {DIGITS.name: 3}, EVENTS
        self.show(*RECORDS)

    def show(self, *records: ServiceRecord) -> None:
        self.snapshot.replace({record.route: record for record in records}, set())

    def starting(self) -> None:
        """As after a restart: services are remembered, nothing has been decided."""
        self.snapshot.version, self.snapshot.records = "", {}

    def empty(self) -> None:
        self.snapshot.services = {}

    def in_trouble(self) -> None:
        """Without its cluster, and with a configuration that is not valid."""
        self.snapshot.trouble = dict.fromkeys(("llama", "embed", "segment"), TROUBLE)
        rule = "must be a number of seconds, or a number with s, m, h or d"
        self.snapshot.config_error = (Problem("Digits", "timeout", '"10 parsecs"', rule),)

    def events(self, route: str) -> list[LogEntry]:
        if route != "whisper":
            return []
        return [LogEntry(route, NOW - ago, state, why, text) for ago, why, state, text in self.log]

    def ask(self, *_request: Any) -> bool:
        """The controller's side of a held request: nothing changes."""
        return True

    def application(self) -> Flask:
        """The site is its own controller and its own store."""
        nothing, me = cast(Any, None), cast(Any, self)
        return create_app(Parts(self.snapshot, me, me, nothing, nothing, "", 4, now=lambda: NOW))


@contextmanager
def served() -> Iterator[tuple[Site, str]]:
    """The site, and its address."""
    site = Site()
    ours, theirs = socket.socketpair()
    app = as_nginx_asks(site.application().wsgi_app, ours)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site, f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        ours.close()
        theirs.close()


class _Silent(WSGIRequestHandler):
    def log(self, *_message: Any) -> None: ...


def as_nginx_asks(app: Callable[..., Any], connection: socket.socket) -> Callable[..., Any]:
    """A path of a service is asked for as a held request, any other unknown one as a 404."""
    own = ("/", "/info", "/metrics", "/healthz")

    def call(environ: WSGIEnvironment, start: StartResponse) -> Any:
        path, start = _resolved(environ["PATH_INFO"]), dated(start)
        route, _, below = path.lstrip("/").partition("/")
        if path in own or path.startswith("/info/"):
            return app(environ, start)
        offered = route in NAMES and below == "asked"
        environ = {
            **environ,
            "gunicorn.socket": connection,
            "PATH_INFO": f"/_hold/{route}" if offered else "/_not_found",
            "HTTP_X_ORIGINAL_URI": environ.get("REQUEST_URI", path),  # as it was typed
            "HTTP_X_ORIGINAL_SERVICE": route if route in NAMES else "",
            "HTTP_X_ORIGINAL_PREFIX": f"/{route}" if route in NAMES else "",
            "HTTP_X_HOLD_PREFIX": f"/{route}",
            "HTTP_X_REQUEST_ID": "1795683600.121-2434-46-1",
        }
        return app(environ, start)

    return call


def _resolved(path: str) -> str:
    """nginx looks for a service in the path without dot segments."""
    return posixpath.normpath(path) if "/.." in path else path


def dated(start: StartResponse) -> StartResponse:
    """Scripts in the pages read the gateway's clock from its answers."""

    def begin(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        return start(status, [*headers, ("Date", http_date(NOW))], *more)

    return begin
