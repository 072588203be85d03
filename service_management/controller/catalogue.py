"""Watches services_config.json and leads nginx there first: a catalogue counts once it is served.

Everything slow (parsing, `nginx -t`, the reload) happens in a thread of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import structlog

from service_management.config import Catalogue, Problem
from service_management.controller.inbox import CatalogueLive, CatalogueRefused, Item

_LOG = structlog.get_logger(__name__)
LOOK_EVERY = 0.5
RETRY_EVERY = 2.0  # a refused file is read again: perhaps the key file is there now

Load = Callable[[Path], Catalogue | list[Problem]]
Serve = Callable[[Catalogue], None]


class ServeRefused(Exception):
    """nginx would not have it; the text holds nginx's own words."""


class CatalogueWatcher:
    def __init__(self, file: Path, load: Load, serve: Serve, tell: Callable[[Item], None]) -> None:
        self._file, self._load, self._serve, self._tell = file, load, serve, tell
        self._pool = ThreadPoolExecutor(1, "catalogue")
        self._running: Future[None] | None = None
        self._signature: object = None
        self._refused: tuple[Problem, ...] = ()
        self._look_at = self._retry_at = 0.0

    def look(self, now: float) -> None:
        """Called at every pass; looks at the file twice a second."""
        if now < self._look_at or (self._running and not self._running.done()):
            return
        self._look_at = now + LOOK_EVERY
        signature = _signature(self._file)
        if signature == self._signature and not (self._refused and now >= self._retry_at):
            return
        self._signature, self._retry_at = signature, now + RETRY_EVERY
        self._running = self._pool.submit(self._take)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _take(self) -> None:
        try:
            outcome = self._load(self._file)
            if isinstance(outcome, Catalogue):
                self._serve(outcome)
                self._refused = ()
                self._tell(CatalogueLive(outcome))
                return
            problems = tuple(outcome)
        except ServeRefused as refusal:
            problems = (Problem(service="nginx", key="", value="", rule=str(refusal)),)
        except Exception as error:
            _LOG.exception("configuration could not be applied")
            problems = (Problem(service="gateway", key="", value="", rule=str(error)),)
        self._refuse(problems)

    def _refuse(self, problems: tuple[Problem, ...]) -> None:
        if problems != self._refused:
            for problem in problems:
                _LOG.error("configuration refused, the last valid one stays", problem=str(problem))
        self._refused = problems
        self._tell(CatalogueRefused(problems))


def _signature(file: Path) -> object:
    try:
        stat = file.stat()
    except OSError as error:
        return error.errno
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
