"""Migrates a store of an older version, after a copy, in one transaction. Refuses the store of a
newer version."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa
import structlog

from service_management.store.tables import METADATA, SCHEMA

MIGRATIONS = Path(__file__).with_name("migrations")
_NUMBER = sa.table("alembic_version", sa.column("version_num"))
_LOG = structlog.get_logger(__name__)


class StoreRefused(Exception):
    """A newer version wrote the store; the text says what to do."""


def refuse_newer(url: str) -> None:
    """Refuse what opening it would refuse, without changing it. A missing store is fine."""
    engine = sa.create_engine(url)
    try:
        if engine.dialect.name != "sqlite" or Path(engine.url.database or "").is_file():
            with engine.connect() as connection:
                _refuse_unknown(found(connection), MIGRATIONS)
    finally:
        engine.dispose()


def bring_up(engine: sa.Engine, migrations: Path = MIGRATIONS, wanted: str = SCHEMA) -> None:
    with engine.connect() as connection:
        if found(connection) == wanted:
            return
    # SQLite's driver would commit before each CREATE and ALTER. So the transaction is begun by
    # hand, and no other process writes between the copy and its end.
    sqlite = engine.dialect.name == "sqlite"
    how = engine.execution_options(isolation_level="AUTOCOMMIT") if sqlite else engine
    with how.connect() as connection, connection.begin():
        if sqlite:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        _upgrade(connection, migrations, wanted)


def found(connection: sa.Connection) -> str | None:
    """The schema's number; None in an empty database, and in one of version 0.1.0."""
    if not sa.inspect(connection).has_table(_NUMBER.name):
        return None
    return connection.execute(sa.select(_NUMBER.c.version_num)).scalar_one_or_none()


def _upgrade(connection: sa.Connection, migrations: Path, wanted: str) -> None:
    number = found(connection)
    if number == wanted:
        return  # another process has migrated it meanwhile
    _refuse_unknown(number, migrations)
    copy = _copy(connection, wanted)
    _run(connection, migrations)
    if copy:
        _LOG.info("the store was brought up to date", schema=wanted, before=number, copy=str(copy))


def _refuse_unknown(number: str | None, migrations: Path) -> None:
    if number in (None, SCHEMA):
        return
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - 0.2 s that most starts need not wait

    known = {script.revision for script in ScriptDirectory(str(migrations)).walk_revisions()}
    if number not in known:
        raise StoreRefused(
            f"the store was written by a newer version of the orchestrator (schema {number}; this "
            f"one knows {SCHEMA}): install that version again, or stop the gateway and put back "
            f"the copy that it made before (state.db.before-{number})"
        )


def _copy(connection: sa.Connection, wanted: str) -> Path | None:
    """The path of the copy, state.db.before-<schema>; None if there is nothing to copy."""
    place = connection.engine.url.database
    if connection.dialect.name != "sqlite" or not place or place == ":memory:":
        return None
    if not set(sa.inspect(connection).get_table_names()) & set(METADATA.tables):
        return None
    copy = Path(f"{place}.before-{wanted}")
    draft = copy.with_name(f"{copy.name}.new")
    draft.unlink(missing_ok=True)
    with closing(sqlite3.connect(place)) as source, closing(sqlite3.connect(draft)) as target:
        source.backup(target)
    return draft.replace(copy)


def _run(connection: sa.Connection, migrations: Path) -> None:
    from alembic import command  # noqa: PLC0415 - as above
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
