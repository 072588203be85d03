"""Builds the control plane. gunicorn calls `create()` in its one worker."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from flask import Flask

from service_management import settings
from service_management.api.admission import Admission
from service_management.api.flask_app import Parts, create_app
from service_management.catalogue_source import last_catalogue, read_catalogue
from service_management.config import MOST_CONNECTIONS, Catalogue
from service_management.controller.config_watcher import CatalogueServer, CatalogueWatcher, Source
from service_management.controller.executor import Executor
from service_management.controller.inbox import Inbox
from service_management.controller.job_output import JobOutputs
from service_management.controller.loop import Controller, Dependencies
from service_management.controller.publishing import Position
from service_management.controller.records import Records
from service_management.controller.scale_overrides import NOTE, ScaleOverrides
from service_management.controller.scaler import Scaler
from service_management.controller.snapshot import Snapshot
from service_management.controller.stored_clock import resume_clock
from service_management.controller.workers import Workers
from service_management.gateway import routes
from service_management.gateway.freed_places import FreedPlaces
from service_management.gateway.inflight import InflightSampler, look
from service_management.gateway.nginx import Nginx
from service_management.gateway.nginx_master import NginxMaster
from service_management.gateway.queue_flags import QueueFlags
from service_management.gateway.spool_guard import SpoolGuard
from service_management.host import layout, lock, logs
from service_management.settings import Settings
from service_management.ssh.backends import make_backend
from service_management.store import Store
from service_management.usage.follower import Follower, Logs


@dataclass(frozen=True)
class PublishedRoutes:
    """The routes that nginx serves, as symlinks in RUN_DIR."""

    run_dir: Path

    def published(self) -> Mapping[Position, Path]:
        return routes.tunnels(self.run_dir)

    def damaged(self, positions: Collection[Position]) -> list[Position]:
        return routes.damaged(self.run_dir, positions)

    def publish(self, route: str, position: int, tunnels: tuple[Path, ...], quiet: Path) -> None:
        routes.publish(self.run_dir, route, position, tunnels, quiet)

    def unpublish(self, route: str, position: int) -> None:
        routes.unpublish(self.run_dir, route, position)


def create() -> Flask:
    """Wait until the previous process has released the lock, then adopt its jobs and tunnels."""
    chosen = settings.read()
    logs.configure(chosen.log_format, chosen.log_level)
    layout.prepare(chosen)
    lock.take(chosen.state_dir / "controller.lock")
    parts = build(chosen)
    for name, work in (
        ("controller", parts.controller.run),
        ("follower", parts.follower.run),
        *([("spool", parts.spool.run)] if parts.spool else []),
        *_admission(chosen, parts.admission),
    ):
        threading.Thread(target=work, name=name, daemon=True).start()
    app = create_app(parts)
    # For gunicorn's worker_exit: during interpreter shutdown threads cannot start work.
    app.extensions["stop"] = lambda: _stop(parts)
    return app


def _admission(
    chosen: Settings, admission: Admission | None
) -> Iterator[tuple[str, Callable[[], None]]]:
    if admission:
        yield "admission", admission.run
        reports = layout.gateway_settings(chosen).freed_places
        yield "freed places", FreedPlaces(reports, admission.freed).run


def _stop(parts: Parts) -> None:
    parts.controller.stop()
    parts.follower.stop()
    if parts.spool:
        parts.spool.stop()
    if parts.admission:
        parts.admission.stop()


def build(chosen: Settings) -> Parts:
    store, inbox = Store(chosen.database_url), Inbox()
    stored = store.load()
    clock = resume_clock(store, stored.values())
    snapshot = Snapshot(clock)
    scaler = Scaler(store.noted("scaling"))
    records = Records(chosen.identity, chosen.key_dir, stored, clock.ahead, scaler)
    last_good = last_catalogue(store)
    records.configure(last_good.services)
    snapshot.services, snapshot.start_counters = records.services, records.start_counters
    gateway = layout.gateway_settings(chosen)
    logs_of_nginx = Logs(gateway, chosen.access_log_mb << 20)
    follower = Follower(store, logs_of_nginx, clock, snapshot.routes)
    mask = layout.socket_mask(chosen)
    backend = make_backend(chosen.ssh_backend, chosen.run_dir, chosen.state_dir, mask)
    workers = Workers(backend, snapshot.calls)
    inflight = InflightSampler(lambda: look(chosen.run_dir / "tunnels"))
    uses = Dependencies(
        clock=clock,
        store=store,
        snapshot=snapshot,
        inbox=inbox,
        records=records,
        effects=Executor(
            workers, chosen.run_dir, inbox.put, records.service, inflight.listens, clock.now
        ),
        routes=PublishedRoutes(chosen.run_dir),
        inflight=inflight,
        watcher=_watcher(chosen, inbox, last_good, store),
        run_dir=chosen.run_dir,
        last_request=follower.last_request,
        longest_request=follower.longest_request,
        open_since=NginxMaster(gateway).since,
        # paramiko's connections share one interpreter.
        most_connections=1 if chosen.ssh_backend == "paramiko" else MOST_CONNECTIONS,
    )
    return Parts(
        snapshot=snapshot,
        controller=Controller(uses),
        store=store,
        outputs=JobOutputs(workers),
        follower=follower,
        admin_token=chosen.admin_token,
        most_held=chosen.hold_threads,
        spool=SpoolGuard(chosen.spool_dir, gateway.spool_flag),
        admission=_with_flags(chosen.run_dir, snapshot, chosen.hold_threads),
        reachable=partial(routes.accepts_connections, chosen.run_dir),
    )


def _with_flags(run_dir: Path, snapshot: Snapshot, most: int) -> Admission:
    flags = QueueFlags(run_dir)
    flags.clear()
    return Admission(snapshot, most, flags.show)


def _watcher(
    chosen: Settings, inbox: Inbox, last_good: Catalogue, store: Store
) -> CatalogueWatcher:
    server = CatalogueServer(Nginx(layout.gateway_settings(chosen)))
    overrides = ScaleOverrides(store.noted(NOTE), store.note)
    source = Source(
        file=chosen.config_file,
        load=lambda file: overrides.applied(read_catalogue(chosen, file)),
        serve=server.serve,
        last_good=last_good,
        stop_reusing=server.stop_reusing,
        scale=overrides.ask,
    )
    return CatalogueWatcher(source, inbox.put)
