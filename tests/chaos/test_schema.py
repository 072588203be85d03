"""`orchestrator upgrade` to a version with other tables, and the way back, while a job runs."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from service_management.store.tables import SCHEMA
from tests.stack.connections_and_jobs import connections_and_jobs
from tests.stack.installation import install
from tests.stack.stack import Stack

STEP = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "next", "{last}"

def upgrade():
    op.add_column("services", sa.Column("remark", sa.Text))
"""


@pytest.fixture
def next_version(tmp_path: Path) -> Path:
    root = install(tmp_path / "next")
    store = root / "service_management" / "store"
    tables = store / "tables.py"
    tables.write_text(re.sub(r'SCHEMA = "\d+"', 'SCHEMA = "next"', tables.read_text()))
    (store / "migrations/versions/schema_next.py").write_text(STEP.format(last=SCHEMA))
    return root


def schema(file: Path) -> str:
    with closing(sqlite3.connect(file)) as database:
        return str(database.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def test_other_tables_come_with_an_upgrade_and_go_with_the_copy(
    stack: Stack, route: str, next_version: Path
) -> None:
    first, store = stack.root, stack.directory / "var" / "state.db"
    stack.configure(stack.entry(route))
    assert stack.client.get(f"/{route}/echo").status_code == 200
    before = connections_and_jobs(stack)

    stack.root = next_version
    stack.orchestrator("upgrade")

    assert schema(store) == "next"
    assert "the store was brought up to date" in stack.log()
    assert connections_and_jobs(stack).changes_since(before) == []
    assert stack.state(route) == "ready"

    stack.root = first
    refused = stack.orchestrator("upgrade", check=False)

    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "written by a newer version" in refused.stderr
    assert "state.db.before-next" in refused.stderr
    assert stack.client.get(f"/{route}/echo").status_code == 200

    stack.orchestrator("down", "--keep-jobs")
    for leftover in ("-wal", "-shm"):
        store.with_name(store.name + leftover).unlink(missing_ok=True)
    store.with_name("state.db.before-next").replace(store)
    stack.up()

    assert schema(store) == SCHEMA
    stack.wait_for_state(route, "ready")
    assert connections_and_jobs(stack).jobs == before.jobs
