"""Watches services_config.json and leads nginx there first: a catalogue counts once it is served.

Everything slow (parsing, `nginx -t`, the reload) happens in a thread of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import structlog

from service_management.config import Catalogue, Problem
from service_management.controller.inbox import CatalogueLive, CatalogueRefused, Item

_LOG = structlog.get_logger(__name__)
LOOK_EVERY = 0.25
RETRY_EVERY = 1.0  # a refused file is read again: perhaps the key file is there now
RETRY_COSTLY = 30.0  # nginx is not bothered with the same refused configuration that often


class ServeRefused(Exception):
    """nginx would not have it, or could not."""

    def __init__(self, *problems: Problem, costly: bool = False) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems, self.costly = problems, costly


@dataclass(frozen=True)
class Source:
    """Where catalogues come from, and where they have to be before they count."""

    file: Path
    load: Callable[[Path], Catalogue | list[Problem]]
    serve: Callable[[Catalogue], None]
    last_good: Catalogue  # what was served last, until the file has been read


class CatalogueWatcher:
    def __init__(self, source: Source, tell: Callable[[Item], None]) -> None:
        self._source, self._tell = source, tell
        self._pool = ThreadPoolExecutor(1, "catalogue")
        self._running: Future[None] | None = None
        self._signature: object = None
        self._refused: tuple[Problem, ...] = ()
        self._pause = RETRY_EVERY
        self._served = False
        self._look_at = self._retry_at = 0.0

    def look(self, now: float) -> None:
        """Called at every pass; looks at the file now and then."""
        if now < self._look_at or (self._running and not self._running.done()):
            return
        self._look_at = now + LOOK_EVERY
        signature = _signature(self._source.file)
        if signature == self._signature and not (self._refused and now >= self._retry_at):
            return
        self._signature, self._retry_at = signature, now + self._pause
        self._running = self._pool.submit(self._take)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _take(self) -> None:
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
            self._refuse((Problem("gateway", "", "", str(error)),), costly=True)

    def _serve(self, catalogue: Catalogue) -> None:
        self._source.serve(catalogue)
        self._served = True
        self._tell(CatalogueLive(catalogue))

    def _refuse(self, problems: tuple[Problem, ...], *, costly: bool = False) -> None:
        if problems != self._refused:
            for problem in problems:
                _LOG.error("configuration refused, the last valid one stays", problem=str(problem))
        self._refused, self._pause = problems, RETRY_COSTLY if costly else RETRY_EVERY
        if not self._served:
            self._serve_last_good()
        self._tell(CatalogueRefused(problems))

    def _serve_last_good(self) -> None:
        """The file was refused at the very start, and nginx may know no catalogue at all."""
        self._served = True
        if not self._source.last_good.services:
            return
        try:
            self._serve(self._source.last_good)
        except ServeRefused as refusal:
            _LOG.error("the last valid configuration is refused too", problem=str(refusal))


def _signature(file: Path) -> object:
    try:
        stat = file.stat()
    except OSError as error:
        return error.errno
    return stat.st_mtime_ns, stat.st_size, stat.st_ino, stat.st_mode
