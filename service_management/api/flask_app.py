"""The Flask application: its routes. The modules beside this one do the work."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import structlog
from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from service_management import __version__
from service_management.api import admin, held_request, hold, info, not_found, pages, problems
from service_management.api.access import Access
from service_management.api.admission import Admission
from service_management.api.metrics import service_metrics
from service_management.api.problems import problem
from service_management.api.waiting_page import note_waiting_page
from service_management.config.config_problem import plain
from service_management.controller.job_output import JobOutputs
from service_management.controller.loop import Controller
from service_management.controller.snapshot import Snapshot
from service_management.gateway.spool_guard import SpoolGuard
from service_management.store import Store
from service_management.usage.follower import Follower

_LOG = structlog.get_logger(__name__)
STALLED = 15.0  # seconds without a pass of the controller: not healthy
# Part of the page itself: at a service's `local_port` every path is the service's own, and a
# browser that asked for an icon there would start the service.
ICON = "data:image/svg+xml," + quote((Path(__file__).parent / "templates/icon.svg").read_text())


@dataclass(frozen=True)
class Parts:
    """What the application needs; `service_management.app` builds it."""

    snapshot: Snapshot
    controller: Controller
    store: Store
    outputs: JobOutputs
    follower: Follower
    admin_token: str
    most_held: int
    spool: SpoolGuard | None = None
    admission: Admission | None = None
    # Whether a tunnel of the route takes connections.
    reachable: Callable[[str], bool] = lambda _route: True
    now: Callable[[], float] = time.time  # by the wall clock


def create_app(parts: Parts) -> Flask:
    app = Flask(__name__, static_folder=None)
    pages.prepare(app)
    _inner(app, parts)
    _public(app, parts)
    app.before_request(Access(parts.admin_token).check)
    app.context_processor(_page_values)
    app.after_request(_for_browsers)
    app.register_blueprint(
        admin.blueprint(parts.controller, parts.snapshot, parts.outputs, parts.store)
    )
    _errors(app, parts.snapshot)
    return app


def _for_browsers(response: Response) -> Response:
    """The gateway's own pages share their origin with every service: what a service's page embeds
    or injects must not act with an operator's rights."""
    if "X-Accel-Redirect" in response.headers:
        return response  # nginx replays the request: the service answers
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    policy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    if response.mimetype == "text/html":
        script = style = f"'nonce-{g.nonce}'" if "nonce" in g else "'none'"
        policy += f"; script-src {script}; style-src {style}"
        policy += "; img-src data:; connect-src 'self'"
    response.headers["Content-Security-Policy"] = policy
    return response


def _page_values() -> dict[str, str]:
    """For templates: only a script or a style with this nonce has an effect."""
    g.nonce = secrets.token_urlsafe(16)
    return {"nonce": g.nonce, "icon": ICON}


def _inner(app: Flask, parts: Parts) -> None:
    """For nginx only: it passes no client's path that begins with `/_`."""
    admission = parts.admission or Admission(parts.snapshot, parts.most_held)
    holding = hold.Hold(parts.snapshot, parts.controller, admission, parts.reachable, parts.now)

    @app.get("/_demand/<route>")
    def demand_service(route: str) -> Response:
        holding.demand(route, request.headers.get("X-Request-ID", ""))
        return Response(status=204)

    @app.get("/_hold/<route>")
    def hold_request(route: str) -> Response:
        client = request.environ.get("gunicorn.socket")
        return holding.hold(route, held_request.read(request), client)

    @app.get("/_quiet/<route>")
    def quiet(route: str) -> Response:
        view = parts.snapshot.of(route)
        if view is None:
            return problems.unknown_service(parts.snapshot, route)
        return problems.not_served(view, parts.now())

    @app.get("/_not_found")
    def path_not_found() -> Response:
        asked, html = not_found.NotFound.read(request), pages.wants_page(request)
        return not_found.answer(asked, parts.snapshot, html=html)


def _public(app: Flask, parts: Parts) -> None:
    @app.get("/")
    def status_page() -> Response:
        if parts.snapshot.is_starting():
            return pages.starting()
        return pages.status(parts.snapshot, parts.now())

    @app.get("/info")
    def info_all() -> Response:
        if parts.snapshot.is_starting():
            return problems.starting()
        return jsonify(info.everything(parts.snapshot, parts.now()))

    @app.get("/info/<path:route>")  # so that any wrong name gets the same answer
    def info_one(route: str) -> Response:
        response = _one(parts, route, html=pages.wants_page(request))
        response.headers["Vary"] = "Accept"
        return response

    @app.get("/healthz")
    def healthz() -> Response:
        age = parts.snapshot.since_last_pass()
        alive = age < STALLED
        status, seconds = "ok" if alive else "stalled", round(age, 3)
        body = jsonify(status=status, controller_seconds=seconds, version=__version__)
        body.status_code = 200 if alive else 503
        return body

    @app.get("/metrics")
    def prometheus() -> Response:
        return Response(
            service_metrics.exposition(
                parts.snapshot, parts.follower.usage, parts.spool.level if parts.spool else None
            ),
            content_type=service_metrics.CONTENT_TYPE,
        )


def _one(parts: Parts, route: str, *, html: bool) -> Response:
    view = parts.snapshot.of(route)
    if view is None:
        unknown = not_found.service_page if html else problems.unknown_service
        return unknown(parts.snapshot, route)
    note_waiting_page(parts.snapshot, view, request)
    events = parts.store.events(route)
    if html:
        return pages.service(view, events, parts.now())
    return jsonify(info.details(view, events, parts.now()))


def _errors(app: Flask, snapshot: Snapshot) -> None:
    @app.errorhandler(NotFound)
    def no_such_path(_error: NotFound) -> Response:
        return not_found.own_path(request.path, snapshot, html=pages.wants_page(request))

    @app.errorhandler(MethodNotAllowed)
    def no_such_method(error: MethodNotAllowed) -> Response:
        allowed = ", ".join(sorted(error.valid_methods or ()))
        text = f"{plain(request.path)} does not accept {plain(request.method)}, only {allowed}."
        response = problem(problems.NOT_ALLOWED, text)
        response.headers["Allow"] = allowed
        return response

    @app.errorhandler(HTTPException)
    def expected(error: HTTPException) -> Response:
        return problem(problems.BAD_REQUEST, error.description or problems.BAD_REQUEST.title)

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        _LOG.error("a request failed", path=request.path, exc_info=error)
        return problem(problems.INTERNAL, "See the control plane's log for this request's id.")
