"""The application behind nginx, without a cluster: a test says which services are ready."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from flask import request
from werkzeug.serving import make_server

from service_management.api.admission import Admission
from service_management.api.flask_app import Parts, create_app
from service_management.config import Service
from service_management.controller.snapshot import Snapshot
from service_management.gateway.freed_places import FreedPlaces
from service_management.gateway.inflight import look
from service_management.gateway.queue_flags import QueueFlags
from service_management.host.steady_clock import SteadyClock
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Job, Replica
from service_management.lifecycle.states import Phase

PASS = 0.2  # seconds, as between the controller's passes


class Decides:
    """A controller that starts nothing by itself."""

    def __init__(self) -> None:
        self.suspected: list[str] = []

    def ask(self, _route: str, _event: object) -> bool:
        return True

    def demanded(self, _route: str, _request_id: str) -> None:
        pass

    def suspect(self, route: str) -> None:
        self.suspected.append(route)


class Application:
    """Over a unix socket, since it believes nginx alone."""

    def __init__(self, address: Path, services: Iterable[Service], most_held: int = 400) -> None:
        self._clock = SteadyClock.resume(None, 0.0)
        self.snapshot, self.controller = Snapshot(self._clock), Decides()
        self.snapshot.services = {service.route_name: service for service in services}
        self.snapshot.version = "1"
        self._run_dir: Path | None = None
        self._flags: QueueFlags | None = None
        self.admission = Admission(self.snapshot, most_held, self._flag)
        nothing = cast(Any, None)
        parts = Parts(
            self.snapshot,
            cast(Any, self.controller),
            *[nothing] * 3,
            "",
            most_held,
            admission=self.admission,
        )
        app = create_app(parts)
        self.asked = 0  # how often nginx asked what to do with a request
        app.before_request(self._count)
        inner = app.wsgi_app
        app.wsgi_app = lambda environ, start: inner(_as_gunicorn(environ), start)  # type: ignore[method-assign]
        self._server = make_server(f"unix://{address}", 0, app, threaded=True)
        self._stopped = threading.Event()
        for route in self.snapshot.services:
            self.show(route, ready=0)

    def start(self, run_dir: Path, freed_places: Path) -> None:
        self._run_dir, self._flags = run_dir, QueueFlags(run_dir)
        reports = FreedPlaces(freed_places, self.admission.freed)
        for work in (self._server.serve_forever, self.admission.run, self._pass, reports.run):
            threading.Thread(target=work, daemon=True).start()

    def show(self, route: str, ready: int) -> None:
        """With so many ready replicas."""
        replicas = (Replica(route, slot, _job(route, slot), Phase.READY) for slot in range(ready))
        self.snapshot.replace({route: ServiceRecord(route, tuple(replicas))}, set())

    def stop(self) -> None:
        self._stopped.set()
        self.admission.stop()
        self._server.shutdown()
        self._server.server_close()

    def _count(self) -> None:
        self.asked += request.path.startswith("/_hold/")

    def _flag(self, route: str, waiting: bool) -> None:
        if self._flags:
            self._flags.show(route, waiting)

    def _pass(self) -> None:
        """What the controller does for readers of the snapshot."""
        while not self._stopped.wait(PASS) and self._run_dir:
            tunnels = self._run_dir / "tunnels"
            connected = look(tunnels).connected
            self.snapshot.inflight = {
                job.name: connected.get(str(tunnels / f"{route}-{slot}.sock"), 0)
                for route, service in self.snapshot.services.items()
                for slot in range(service.max_replicas)
                for job in [_job(route, slot)]
            }
            self.snapshot.pass_completed(self._clock.now())


def _job(route: str, slot: int) -> Job:
    return Job(f"io.{route}.s{slot}", 8080, 0.0, node="n1")


def _as_gunicorn(environ: dict[str, Any]) -> dict[str, Any]:
    return {**environ, "gunicorn.socket": environ["werkzeug.socket"]}
