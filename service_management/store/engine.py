"""Connections to the store, with the journal and the durability that it relies on in SQLite."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

LOCKED_SECONDS = 30.0  # another process may be migrating the store


def make_engine(url: str) -> sa.Engine:
    engine = sa.create_engine(url, hide_parameters=True)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine)
    return engine


def _prepare_sqlite(engine: sa.Engine) -> None:
    if engine.url.database and engine.url.database != ":memory:":
        Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)

    @sa.event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA busy_timeout={LOCKED_SECONDS * 1000:.0f}")
        _use_wal(connection)
        # FULL: an intent must be on disk before `sbatch` runs, also when the power fails next.
        connection.execute("PRAGMA synchronous=FULL")


def _use_wal(connection: Any) -> None:
    """SQLite reports a lock at once here, without waiting for `busy_timeout`: two processes that
    both switch a fresh store to WAL could otherwise wait for each other for ever."""
    end = time.monotonic() + LOCKED_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= end:
                raise
            time.sleep(0.01)
        else:
            return
