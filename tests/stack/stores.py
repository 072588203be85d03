"""Stores as released versions wrote them, and the migration that the next version might bring."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from service_management.store.tables import SCHEMA
from service_management.store.upgrade import MIGRATIONS

RELEASED = sorted((Path(__file__).parents[1] / "unit" / "store" / "released").glob("*.sql"))
# It rebuilds a table with another column and moves its rows. While the file `gate` exists, it
# stops half-way.
NEXT = """
import time
from pathlib import Path
import sqlalchemy as sa
from alembic import op
revision, down_revision = "next", "{last}"

def upgrade():
    with op.batch_alter_table("services") as table:
        table.add_column(sa.Column("phase", sa.String(16), server_default="?"))
    op.execute("UPDATE services SET phase = json_extract(record, '$.replicas[0].phase')")
    op.rename_table("notes", "remarks")
    gate = Path("{gate}")
    if gate.exists():
        gate.write_text("half-way")
        time.sleep(60)
"""


def next_migrations(directory: Path) -> Path:
    """This version's migrations and one more."""
    migrations = directory / "migrations"
    shutil.copytree(MIGRATIONS, migrations)
    text = NEXT.format(last=SCHEMA, gate=directory / "gate")
    (migrations / "versions" / "schema_next.py").write_text(text)
    return migrations


def restore(dump: Path, file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.executescript(dump.read_text())


def dumped(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as database:
        return sorted(database.iterdump())


def copies(file: Path) -> list[str]:
    return sorted(path.name for path in file.parent.glob(f"{file.name}.before-*"))
