"""Watches services_config.json, and has nginx serve a new catalogue before it takes effect.

Everything slow (parsing, `nginx -t`, the reload) happens in a separate thread.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import structlog

from service_management.config import Catalogue, Problem, Service
from service_management.controller.inbox import CatalogueLive, CatalogueRefused, Item
from service_management.gateway import process_table
from service_management.gateway.nginx import Nginx
from service_management.gateway.render import GatewayRefused, render
from service_management.gateway.reuse import Reuse
from service_management.host import ports
from service_management.lifecycle.intervals import FILE_EVERY, FILE_RETRY, FILE_RETRY_COSTLY

_LOG = structlog.get_logger(__name__)


class ServeRefused(Exception):
    """The catalogue cannot be served."""

    def __init__(self, *problems: Problem, costly: bool = False) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems, self.costly = problems, costly


@dataclass(frozen=True)
class Source:
    """Where catalogues come from, and how they are served."""

    file: Path
    load: Callable[[Path], Catalogue | list[Problem]]
    serve: Callable[[Catalogue], frozenset[str]]  # gives the routes that are not reused
    last_good: Catalogue  # what was served last, until the file has been read
    stop_reusing: Callable[[str], None] = lambda _route: None
    scale: Callable[[str, Mapping[str, int]], bool] = lambda _route, _numbers: False


class CatalogueWatcher:
    def __init__(self, source: Source, put: Callable[[Item], None]) -> None:
        self._source, self._put = source, put
        self._pool = ThreadPoolExecutor(1, "catalogue")
        self._running: Future[None] | None = None
        self._signature: object = None
        self._refused: tuple[Problem, ...] = ()
        self._pause = FILE_RETRY
        self._served = False
        self._look_at = self._retry_at = 0.0

    def look(self, now: float) -> None:
        """Called at every pass; looks at the file every FILE_EVERY seconds."""
        if now < self._look_at or (self._running and not self._running.done()):
            return
        self._look_at = now + FILE_EVERY
        signature = _signature(self._source.file)
        if signature == self._signature and not (self._refused and now >= self._retry_at):
            return
        self._signature, self._retry_at = signature, now + self._pause
        self._running = self._pool.submit(self._load_and_serve)

    def stop_reusing(self, route: str) -> None:
        """Have nginx open a connection for each of the service's requests from now on."""
        self._source.stop_reusing(route)
        self._signature = None  # served again at the next look

    def scale(self, route: str, numbers: Mapping[str, int]) -> bool:
        """Serve the service with these numbers of replicas, as after an edit. False: the file could
        not be read yet, or has no such service."""
        known = self._source.scale(route, numbers)
        self._signature = None  # read again at the next look
        return known

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _load_and_serve(self) -> None:
        try:
            outcome = self._source.load(self._source.file)
            if isinstance(outcome, Catalogue):
                self._serve(outcome)
                self._refused = ()
                return
            self._refuse(tuple(outcome))
        except ServeRefused as refusal:
            self._refuse(refusal.problems, costly=refusal.costly)
        except Exception as error:
            _LOG.exception("configuration could not be applied")
            brief = "could not be applied"
            self._refuse((Problem("gateway", "", "", str(error), brief=brief),), costly=True)

    def _serve(self, catalogue: Catalogue, refused: tuple[Problem, ...] = ()) -> None:
        not_reused = self._source.serve(catalogue)
        self._served = True
        self._put(CatalogueLive(catalogue, not_reused, refused))

    def _refuse(self, problems: tuple[Problem, ...], *, costly: bool = False) -> None:
        if problems != self._refused:
            for problem in problems:
                # Without values: among them are secrets, or parts of them where a quote is missing.
                words = str(problem.without_values())
                _LOG.error("configuration refused, the last valid one stays", problem=words)
        self._refused, self._pause = problems, FILE_RETRY_COSTLY if costly else FILE_RETRY
        if not self._served:
            self._serve_last_good(problems)
        self._put(CatalogueRefused(problems))

    def _serve_last_good(self, refused: tuple[Problem, ...]) -> None:
        """The file was refused at the very start, and nginx may have no catalogue yet. The problems
        go with the catalogue: `orchestrator up`, which waits for either, must not miss them."""
        self._served = True
        if not self._source.last_good.services:
            return
        try:
            self._serve(self._source.last_good, refused)
        except ServeRefused as refusal:
            words = "; ".join(str(problem.without_values()) for problem in refusal.problems)
            _LOG.error("the last valid configuration is refused too", problem=words)


class CatalogueServer:
    """Has nginx serve a catalogue. Called by the watcher's one thread."""

    def __init__(self, nginx: Nginx) -> None:
        self._nginx = nginx
        self._reuse = Reuse(nginx.settings.nginx_dir / "not_reused.json")
        self._own: frozenset[tuple[str, int]] = frozenset()  # addresses that nginx has

    def stop_reusing(self, route: str) -> None:
        self._reuse.lost_a_request(route)

    def serve(self, catalogue: Catalogue) -> frozenset[str]:
        """Raises ServeRefused where it cannot; nginx then keeps the old one."""
        services = catalogue.services.values()
        # Checked first: at every attempt nginx would retry an occupied address for seconds.
        refused = [problem for service in services if (problem := self._occupied(service))]
        if refused:
            raise ServeRefused(*refused)
        try:
            not_reused = self._reuse.not_reused(services)
            self._nginx.apply(render(catalogue, self._nginx.settings, not_reused))
        except GatewayRefused as refusal:
            brief = "nginx refused the configuration"
            problem = Problem("nginx", "", "", f"{brief}: {refusal}", brief=brief)
            raise ServeRefused(problem, costly=True) from refusal
        self._own = frozenset(filter(None, map(_address, services)))
        return not_reused

    def _occupied(self, service: Service) -> Problem | None:
        address = _address(service)
        if address is None or address in self._own:
            return None
        error = ports.complaint(*address)
        if error is None or (error.errno == errno.EADDRINUSE and self._held_by_nginx(address[1])):
            return None
        rule = f"must be free: {ports.sentence(*address, error)}"
        return Problem(service.name, "local_port", str(address[1]), rule)

    def _held_by_nginx(self, port: int) -> bool:
        """An earlier control plane may have had nginx listen there."""
        master = self._nginx.master.pid()
        return master is not None and master in process_table.listeners(port)


def _signature(file: Path) -> object:
    try:
        stat = file.stat()
    except OSError as error:
        return error.errno
    return stat.st_mtime_ns, stat.st_size, stat.st_ino, stat.st_mode


def _address(service: Service) -> tuple[str, int] | None:
    if service.local_host is None or service.local_port is None:
        return None
    return service.local_host, service.local_port
