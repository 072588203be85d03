"""What must survive: records, their last events, the last valid catalogue, and what was counted.

SQLite by default; by URL whatever SQLAlchemy knows and a driver is installed for, though only
SQLite is tested. While the control plane runs, its controller writes, and the follower of the
logs writes the usage; after it was taken down, the command that cleans up after its jobs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import structlog
from pydantic import TypeAdapter, ValidationError

from service_management.lifecycle.record import ServiceRecord
from service_management.store import upgrade
from service_management.store.engine import make_engine
from service_management.store.tables import EVENTS, NOTES, SERVICES, USAGE

_LOG = structlog.get_logger(__name__)
_RECORD = TypeAdapter(ServiceRecord)
EVENTS_KEPT = 50  # per service
_POSITION = "access_log"  # the note that says how far the log was read


@dataclass(frozen=True)
class LogEntry:
    """One commitment: a service entered a state, for a reason."""

    route: str
    at: float
    state: str
    reason: str
    text: str

    @property
    def summary(self) -> str:
        """The first line. After a failure the others are the command and the job's last output."""
        return self.text.partition("\n")[0]


class Store:
    """Opening it migrates it to this version's schema, so only its writer may open it."""

    def __init__(self, url: str) -> None:
        self._engine = make_engine(url)
        upgrade.bring_up(self._engine)

    def load(self) -> dict[str, ServiceRecord]:
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(SERVICES.c.route, SERVICES.c.record)).all()
        return {route: record for route, text in rows if (record := _read(route, text))}

    def save(
        self,
        records: Iterable[ServiceRecord],
        forgotten: Iterable[str] = (),
        entries: Sequence[LogEntry] = (),
    ) -> None:
        """One pass in one transaction: intents are stored before they are acted on."""
        with self._engine.begin() as connection:
            for route in forgotten:
                connection.execute(sa.delete(SERVICES).where(SERVICES.c.route == route))
            for record in records:
                text = _RECORD.dump_json(record).decode()
                _upsert(connection, SERVICES, {"route": record.route}, {"record": text})
            if entries:
                connection.execute(sa.insert(EVENTS), [vars(entry) for entry in entries])
            for route in {entry.route for entry in entries}:
                _forget_all_but_last(connection, route)

    def events(self, route: str) -> list[LogEntry]:
        """The last events of one service, oldest first."""
        query = (
            sa.select(*(EVENTS.c[name] for name in LogEntry.__dataclass_fields__))
            .where(EVENTS.c.route == route)
            .order_by(EVENTS.c.id.desc())
            .limit(EVENTS_KEPT)
        )
        with self._engine.connect() as connection:
            return [LogEntry(*row) for row in connection.execute(query)][::-1]

    def note(self, key: str, value: Any) -> None:
        with self._engine.begin() as connection:
            _upsert(connection, NOTES, {"key": key}, {"value": json.dumps(value)})

    def noted(self, key: str) -> Any:
        with self._engine.connect() as connection:
            return _note(connection, key)

    def load_usage(self) -> tuple[Any, dict[str, str]]:
        """How far the log was read, and what was counted up to there, by service."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(USAGE.c.service, USAGE.c.counted))
            return _note(connection, _POSITION), dict(rows.all())

    def save_usage(
        self, position: Any, changed: Mapping[str, str], forgotten: Iterable[str] = ()
    ) -> None:
        """Together or not at all: a crash repeats the reading, never the counting."""
        gone = [{"name": name} for name in {*changed, *forgotten}]
        rows = [{"service": name, "counted": counted} for name, counted in changed.items()]
        with self._engine.begin() as connection:
            if gone:
                old = USAGE.c.service == sa.bindparam("name")
                connection.execute(sa.delete(USAGE).where(old), gone)
            if rows:
                connection.execute(sa.insert(USAGE), rows)
            _upsert(connection, NOTES, {"key": _POSITION}, {"value": json.dumps(position)})

    def close(self) -> None:
        self._engine.dispose()


def _note(connection: sa.Connection, key: str) -> Any:
    query = sa.select(NOTES.c.value).where(NOTES.c.key == key)
    text = connection.execute(query).scalar_one_or_none()
    return None if text is None else json.loads(text)


def _forget_all_but_last(connection: sa.Connection, route: str) -> None:
    ids = sa.select(EVENTS.c.id).where(EVENTS.c.route == route).order_by(EVENTS.c.id.desc())
    older = connection.execute(ids.offset(EVENTS_KEPT).limit(1)).scalar()
    if older is not None:
        old = (EVENTS.c.route == route) & (EVENTS.c.id <= older)
        connection.execute(sa.delete(EVENTS).where(old))


def _upsert(
    connection: sa.Connection, table: sa.Table, key: dict[str, str], values: dict[str, str]
) -> None:
    where = [table.c[name] == value for name, value in key.items()]
    if connection.execute(sa.update(table).where(*where).values(values)).rowcount == 0:
        connection.execute(sa.insert(table).values({**key, **values}))


def _read(route: str, text: str) -> ServiceRecord | None:
    """An unreadable record must not stop the other services. Its service begins cold, and its job,
    if there is one, is adopted from Slurm's queue."""
    try:
        return _RECORD.validate_json(text)
    except ValidationError:
        _LOG.error("a record cannot be read and is left out", route=route)
        return None
