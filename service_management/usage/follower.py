"""Counts requests by following nginx's logs, and rotates them, so that nothing unread is deleted.

A separate thread, so that no pass of the controller waits for it. Positions and totals are
saved in one transaction, and totals are shown only once they are saved. A crash between two
steps repeats the reading, never the counting.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Set
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from service_management.gateway.gateway_settings import GatewaySettings
from service_management.gateway.nginx_master import NginxMaster
from service_management.host.steady_clock import SteadyClock
from service_management.store import Store
from service_management.usage import log_reader, rotation, saved_totals
from service_management.usage.totals import UsageTotals

_LOG = structlog.get_logger(__name__)
PACE = 1.0  # seconds between two steps
SHARE, SHARE_BEHIND = 0.01, 0.25  # of a core; the latter while there is more to read
AFTER_FAILURE = 5.0
USUAL = 0.99  # the share of a service's requests that are as it usually is
# Seconds until a removed service is forgotten: Prometheus has seen its last numbers by then, and
# an nginx worker may still write lines of its last requests.
FORGOTTEN_AFTER = 600.0


@dataclass(frozen=True)
class Logs:
    """Which logs, and how large each may grow."""

    settings: GatewaySettings
    limit: int  # bytes


class Follower:
    """`existing`: the services that are configured or still have a record; None: all are."""

    def __init__(
        self,
        store: Store,
        logs: Logs,
        clock: SteadyClock | None = None,
        existing: Callable[[], Set[str] | None] = lambda: None,
    ) -> None:
        self._existing, self._removed_at = existing, dict[str, float]()
        self._clock = clock or SteadyClock.resume(None, 0.0)
        self._store, self._limit = store, logs.limit
        self._error = logs.settings.error_log
        self._followed = (logs.settings.counts_log, logs.settings.access_log)
        self._master = NginxMaster(logs.settings)
        self._stopped, self._ended = threading.Event(), threading.Event()
        self.usage = saved_totals.load(store)
        self._read_at = 0.0  # when the last step began that left nothing unread

    def run(self) -> None:
        pause = 0.0
        while not self._stopped.wait(pause):
            try:
                pause = self.paced_step()
            except Exception:
                # Nothing was counted: the next step reads the same lines.
                _LOG.exception("requests could not be counted")
                pause = AFTER_FAILURE
        self._ended.set()

    def last_request(self, route: str, since: float) -> float | None:
        """When the last request of a service ended, up to a second later; None until all that ended
        before `since` has been read."""
        if self._read_at < since + log_reader.WRITTEN_WITHIN:
            return None
        service = self.usage.services.get(route)
        return service.last if service else 0.0

    def longest_request(self, route: str) -> float | None:
        """What all but one in a hundred of a service's requests do not exceed; None before the
        first."""
        service = self.usage.services.get(route)
        return service.answer.bound_of(USUAL) if service else None

    def stop(self, patience: float = 2.0) -> None:
        self._stopped.set()
        self._ended.wait(patience)

    def paced_step(self) -> float:
        """The pause after it keeps the cost below a share of a core."""
        started = time.thread_time()
        behind = self.step()
        cost = time.thread_time() - started
        return cost / SHARE_BEHIND if behind else max(PACE, cost / SHARE)

    def step(self) -> bool:
        """True where there is more to read."""
        try:
            behind = self._count()
            self.forget_removed(self._clock.now())
            return behind
        finally:
            # Also where nothing can be saved: the disk may be full of logs.
            rotation.keep_bounded(self._error, self._limit, self._master)
            for log in self._followed:
                self._keep_bounded(log)

    def forget_removed(self, now: float) -> None:
        """Level-triggered: a late line of a forgotten service only begins its time again."""
        services, existing = self.usage.services, self._existing()
        if existing is None:
            return
        removed = services.keys() - existing - {""}  # without a name: the gateway's own paths
        self._removed_at = {name: self._removed_at.get(name, now) for name in removed}
        over = {name for name, at in self._removed_at.items() if now - at >= FORGOTTEN_AFTER}
        if over:
            kept = {name: one for name, one in services.items() if name not in over}
            self._save(replace(self.usage, services=kept))

    def _count(self) -> bool:
        begun = self._clock.now()
        files = [file for log in self._followed for file in rotation.files(log)]
        step = log_reader.read(files, self.usage.positions)
        if step.lines or step.positions != self.usage.positions:
            self._save(self.usage.after(step, self._clock.ahead()))
        if not step.behind:
            self._read_at = begun
        return step.behind

    def _save(self, after: UsageTotals) -> None:
        saved_totals.save(self._store, self.usage, after)
        self.usage = after

    def _keep_bounded(self, log: Path) -> None:
        unread = self._unread(log)
        behind = unread > 0
        if rotation.keep_bounded(log, self._limit, self._master, behind=behind) and behind:
            _LOG.error("part of a log was deleted before it was counted", log=log, bytes=unread)
            self._save(replace(self.usage, lost=self.usage.lost + unread))

    def _unread(self, log: Path) -> int:
        """Bytes that the next rotation would delete uncounted."""
        oldest = rotation.oldest(log)
        return self._left(oldest) if oldest else 0

    def _left(self, file: Path) -> int:
        with file.open("rb") as log:
            name = log_reader.identity(log)
        return file.stat().st_size - self.usage.positions.get(name or "", 0)
