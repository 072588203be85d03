"""Follows nginx's access log, and rotates nginx's logs: the one owner of both.

A thread of its own, so that no pass of the controller waits for it. Position and totals are
one note in the store: they are saved together or not at all, and shown only once they are
saved. A crash between two steps repeats the reading, never the counting.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from service_management.gateway.gateway_settings import GatewaySettings
from service_management.gateway.nginx_master import NginxMaster
from service_management.store import Store
from service_management.usage import access_log, rotation, saved_totals
from service_management.usage.totals import UsageTotals

_LOG = structlog.get_logger(__name__)
PACE = 1.0  # seconds between two looks
SHARE, SHARE_BEHIND = 0.01, 0.25  # of a core; the latter while there is more to read
AFTER_TROUBLE = 5.0


@dataclass(frozen=True)
class Logs:
    """Which logs, and how large each may grow."""

    settings: GatewaySettings
    limit: int  # bytes


class Follower:
    def __init__(self, store: Store, logs: Logs) -> None:
        self._store, self._limit = store, logs.limit
        self._access, self._error = logs.settings.access_log, logs.settings.error_log
        self._master = NginxMaster(logs.settings)
        self._stopped, self._ended = threading.Event(), threading.Event()
        self.usage = saved_totals.load(store)
        self._read_at = 0.0  # when the last look began that found nothing left to read

    def run(self) -> None:
        pause = 0.0
        while not self._stopped.wait(pause):
            try:
                pause = self.paced_step()
            except Exception:
                # Nothing was counted: the next step reads the same lines.
                _LOG.exception("a step through the access log failed")
                pause = AFTER_TROUBLE
        self._ended.set()

    def last_request(self, route: str, since: float) -> float | None:
        """When the last request of a service ended; None until all that ended before `since` has
        been read."""
        if self._read_at < since + access_log.WRITTEN_WITHIN:
            return None
        service = self.usage.services.get(route)
        return service.last if service else 0.0

    def stop(self, patience: float = 2.0) -> None:
        self._stopped.set()
        self._ended.wait(patience)

    def paced_step(self) -> float:
        """Take a step; how long to rest after it."""
        started = time.thread_time()
        behind = self.step()
        cost = time.thread_time() - started
        return cost / SHARE_BEHIND if behind else max(PACE, cost / SHARE)

    def step(self) -> bool:
        """True where there is more to read."""
        try:
            return self._count()
        finally:
            # Also where nothing can be saved: the disk may be full of logs.
            self._keep_bounded()

    def _count(self) -> bool:
        begun = time.time()
        step = access_log.read(rotation.files(self._access), self.usage.positions)
        if step.lines or step.positions != self.usage.positions:
            self._save(self.usage.after(step))
        if not step.behind:
            self._read_at = begun
        return step.behind

    def _save(self, after: UsageTotals) -> None:
        saved_totals.save(self._store, self.usage, after)
        self.usage = after

    def _keep_bounded(self) -> None:
        rotation.keep_bounded(self._error, self._limit, self._master)
        unread = self._unread()
        behind = unread > 0
        if rotation.keep_bounded(self._access, self._limit, self._master, behind=behind) and behind:
            _LOG.error("part of the access log was deleted before it was counted", bytes=unread)
            self._save(replace(self.usage, lost=self.usage.lost + unread))

    def _unread(self) -> int:
        """Bytes that the next rotation would delete uncounted."""
        oldest = rotation.oldest(self._access)
        return self._left(oldest) if oldest else 0

    def _left(self, file: Path) -> int:
        with file.open("rb") as log:
            name = access_log.identity(log)
        return file.stat().st_size - self.usage.positions.get(name or "", 0)
