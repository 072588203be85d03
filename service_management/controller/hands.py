"""One hand per login: its connections, its Slurm client, and the few threads that may use them.

A login that hangs keeps its own threads waiting, and nobody else's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from service_management.cluster.client import SlurmClient
from service_management.cluster.connection import Connection, SshBackend
from service_management.cluster.counts import CallCounts
from service_management.cluster.login import Login
from service_management.controller.tunnels import connection_number

_LOG = structlog.get_logger(__name__)
THREADS = 8


@dataclass
class Hand:
    login: Login
    connection: Connection
    client: SlurmClient
    pool: ThreadPoolExecutor
    backend: SshBackend
    counts: CallCounts
    _running: set[object] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def do(self, key: object, work: Callable[[], object]) -> bool:
        """Start the work, unless the same is still under way."""
        with self._lock:
            if key in self._running:
                return False
            self._running.add(key)
        self.pool.submit(self._run, key, work)
        return True

    def busy(self, key: object) -> bool:
        with self._lock:
            return key in self._running

    def for_socket(self, socket: Path) -> Connection:
        """The connection that the socket is opened on, and closed by."""
        number = connection_number(socket)
        return self.backend.connection(self.login, number) if number else self.connection

    def _run(self, key: object, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception:
            # Nobody looks at what became of it; while it is owed, it is done again.
            _LOG.exception("an action failed", login=str(self.login), action=str(key))
        finally:
            with self._lock:
                self._running.discard(key)


class Hands:
    def __init__(self, backend: SshBackend, counts: CallCounts) -> None:
        self._backend, self._counts = backend, counts
        self._hands: dict[str, Hand] = {}

    def of(self, login: Login) -> Hand:
        """Only the controller's thread calls this."""
        if login.id not in self._hands:
            connection = self._backend.connection(login)
            client = SlurmClient(connection, self._counts)
            pool = ThreadPoolExecutor(THREADS, f"login-{login.id[:6]}")
            self._hands[login.id] = Hand(
                login, connection, client, pool, self._backend, self._counts
            )
        return self._hands[login.id]

    def known(self, login_id: str) -> Hand | None:
        return self._hands.get(login_id)

    def all(self) -> list[Hand]:
        return list(self._hands.values())

    def close(self) -> None:
        for hand in self._hands.values():
            hand.pool.shutdown(wait=False, cancel_futures=True)
