"""Stores of released versions are opened with all that is in them; a crash in between loses
nothing; a store of a later version is left alone."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from service_management.catalogue_source import last_catalogue
from service_management.store import Store, StoreRefused, refuse_newer
from service_management.store.tables import METADATA, SCHEMA
from service_management.store.upgrade import MIGRATIONS, bring_up
from service_management.usage import saved_totals
from tests.stack.waiting import wait_for
from tests.unit.store.test_store import FULL

ROOT = Path(__file__).resolve().parents[3]
RELEASED = sorted((Path(__file__).parent / "released").glob("*.sql"))
# A table made anew with other columns, its rows moved; it waits half-way where it is told to.
NEXT = """
import time
from pathlib import Path
import sqlalchemy as sa
from alembic import op
revision, down_revision = "next", "{last}"

def upgrade():
    with op.batch_alter_table("services") as table:
        table.add_column(sa.Column("state", sa.String(16), server_default="?"))
    op.execute("UPDATE services SET state = json_extract(record, '$.state')")
    op.rename_table("notes", "remarks")
    gate = Path("{gate}")
    if gate.exists():
        gate.write_text("half-way")
        time.sleep(60)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def engine(file: Path) -> Iterator[sa.Engine]:
    engine = sa.create_engine(f"sqlite:///{file}")
    yield engine
    engine.dispose()


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    """What the next version will have: one step more."""
    directory = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, directory)
    text = NEXT.format(last=SCHEMA, gate=tmp_path / "gate")
    (directory / "versions" / "schema_next.py").write_text(text)
    return directory


def restore(dump: Path, file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.executescript(dump.read_text())


def dumped(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as database:
        return sorted(database.iterdump())


def copies(file: Path) -> list[str]:
    return sorted(path.name for path in file.parent.glob(f"{file.name}.before-*"))


@pytest.mark.parametrize("dump", RELEASED, ids=lambda dump: dump.stem)
def test_what_a_released_version_wrote_is_all_there(dump: Path, file: Path) -> None:
    restore(dump, file)
    before = dumped(file)
    store = Store(f"sqlite:///{file}")
    try:
        records = store.load()
        assert {route: record.state for route, record in records.items()} == {
            "digits": "draining",
            "textgen": "cold",
            "off": "disabled",
        }
        assert records["digits"] == FULL
        assert [entry.reason for entry in store.events("digits")] == ["ended_at_start", "healthy"]
        assert list(last_catalogue(store).services) == ["digits", "textgen"]
        usage = saved_totals.load(store)
        assert usage.services["digits"].statuses == {"200": 41, "503": 1}
        assert usage.services["digits"].last == 9.5
        assert usage.positions == {"1-2": 300}
        assert store.noted("access_log").keys() == {"malformed", "lost", "positions"}
    finally:
        store.close()
    assert dumped(file.with_name(f"{file.name}.before-{SCHEMA}")) == before


def differences(engine: sa.Engine) -> list[object]:
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, METADATA))


@pytest.mark.parametrize("dump", [None, *RELEASED], ids=lambda dump: dump.stem if dump else "new")
def test_the_migrations_lead_to_the_tables_that_the_product_uses(
    dump: Path | None, file: Path, engine: sa.Engine
) -> None:
    if dump:
        restore(dump, file)
    bring_up(engine)
    assert differences(engine) == []


def test_a_table_that_no_migration_makes_would_be_found(engine: sa.Engine) -> None:
    bring_up(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE notes ADD COLUMN forgotten TEXT")
    assert differences(engine)


def test_the_schemas_number_is_the_last_migrations() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [SCHEMA]


def test_a_new_store_is_not_copied_and_one_that_is_up_to_date_neither(
    engine: sa.Engine, file: Path
) -> None:
    bring_up(engine)
    bring_up(engine)
    assert copies(file) == []


def test_an_up_to_date_store_is_opened_without_alembic(file: Path) -> None:
    """It takes a third of a second to import, which a restart need not wait."""
    Store(f"sqlite:///{file}").close()
    code = (
        "import sys; from service_management.store import Store, refuse_newer\n"
        f"Store('sqlite:///{file}').close(); refuse_newer('sqlite:///{file}')\n"
        "assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("dump", RELEASED, ids=lambda dump: dump.stem)
def test_the_next_versions_step_keeps_what_was_there(
    dump: Path, file: Path, engine: sa.Engine, migrations: Path
) -> None:
    restore(dump, file)
    bring_up(engine)
    before = dumped(file)
    bring_up(engine, migrations, "next")
    with engine.connect() as connection:
        states = connection.exec_driver_sql("SELECT route, state FROM services ORDER BY route")
        assert [tuple(row) for row in states] == [
            ("digits", "draining"),
            ("off", "disabled"),
            ("textgen", "cold"),
        ]
    assert dumped(file.with_name(f"{file.name}.before-next")) == before
    assert copies(file) == [f"{file.name}.before-{SCHEMA}", f"{file.name}.before-next"]


def test_a_step_that_fails_changes_nothing(file: Path, engine: sa.Engine, migrations: Path) -> None:
    restore(RELEASED[-1], file)
    bring_up(engine)
    before = dumped(file)
    step = migrations / "versions" / "schema_next.py"
    step.write_text(step.read_text().replace("remarks", "services"))
    with pytest.raises(sa.exc.OperationalError, match="already another table"):
        bring_up(engine, migrations, "next")
    engine.dispose()
    assert dumped(file) == before


def _in_a_process(file: Path, migrations: Path) -> subprocess.Popen[bytes]:
    code = (
        "import sys, pathlib, sqlalchemy as sa\n"
        "from service_management.store.upgrade import bring_up\n"
        "engine = sa.create_engine('sqlite:///' + sys.argv[1])\n"
        "engine.connect().exec_driver_sql('PRAGMA journal_mode=WAL')\n"
        "bring_up(engine, pathlib.Path(sys.argv[2]), 'next')"
    )
    return subprocess.Popen([sys.executable, "-c", code, file, migrations], cwd=ROOT)


def test_killed_half_way_it_has_changed_nothing_and_the_next_start_goes_on(
    file: Path, engine: sa.Engine, migrations: Path, tmp_path: Path
) -> None:
    restore(RELEASED[-1], file)
    bring_up(engine)
    before, gate = dumped(file), tmp_path / "gate"
    gate.touch()
    process = _in_a_process(file, migrations)
    try:
        wait_for("it is half-way", gate.read_text)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
    assert dumped(file) == before
    gate.unlink()
    bring_up(engine, migrations, "next")
    assert "remarks" in sa.inspect(engine).get_table_names()
    assert dumped(file.with_name(f"{file.name}.before-next")) == before


def test_two_that_open_it_at_once_migrate_it_once(file: Path, migrations: Path) -> None:
    restore(RELEASED[-1], file)
    both = [_in_a_process(file, migrations) for _ in range(2)]
    assert [process.wait(30) for process in both] == [0, 0]
    assert copies(file) == [f"{file.name}.before-next"]


@pytest.mark.parametrize("opened", [Store, refuse_newer], ids=["to write", "to look"])
def test_a_later_versions_store_is_refused_and_left_as_it_is(
    opened: Callable[[str], object], file: Path, engine: sa.Engine, migrations: Path
) -> None:
    bring_up(engine, migrations, "next")
    engine.dispose()
    before = dumped(file)
    with pytest.raises(StoreRefused, match=r"newer version .*schema next.*install that version"):
        opened(f"sqlite:///{file}")
    assert dumped(file) == before


def test_looking_makes_no_store(file: Path) -> None:
    refuse_newer(f"sqlite:///{file}")
    assert not file.exists()
