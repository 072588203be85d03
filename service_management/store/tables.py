"""The tables of this version. Every change here needs a migration (`migrations/`)."""

from __future__ import annotations

import sqlalchemy as sa

SCHEMA = "0003"  # the last migration; a store that has it is opened without importing alembic
METADATA = sa.MetaData()
SERVICES = sa.Table(
    "services",
    METADATA,
    sa.Column("route", sa.String(64), primary_key=True),
    sa.Column("record", sa.Text, nullable=False),
)
EVENTS = sa.Table(
    "events",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("route", sa.String(64), nullable=False, index=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.String(32), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)
NOTES = sa.Table(
    "notes",
    METADATA,
    sa.Column("key", sa.String(32), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
USAGE = sa.Table(
    "usage",
    METADATA,
    sa.Column("service", sa.String(64), primary_key=True),  # empty: the gateway's own paths
    sa.Column("counted", sa.Text, nullable=False),
)
