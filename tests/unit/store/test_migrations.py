"""Stores of released versions are opened with all that is in them; a store of a later version is
left alone. tests/local has what takes several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from service_management.catalogue_source import last_catalogue
from service_management.lifecycle.states import Reason
from service_management.store import Store, StoreRefused, refuse_newer
from service_management.store.tables import METADATA, SCHEMA
from service_management.store.upgrade import MIGRATIONS, bring_up
from service_management.usage import saved_totals
from tests.stack.stores import RELEASED, copies, dumped, next_migrations, restore
from tests.unit.store.test_store import FAILURE, FULL, JOB, REPLICA


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
    return next_migrations(tmp_path)


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
        fields = {"apart_from": (), "walltime_end": None, "draining": False, "contested": False}
        job = replace(JOB, token="", finding=None, found_at=None, **fields)
        replica = replace(
            REPLICA, slot=0, job=job, startup_used=0.0, silence=None, retiring=Reason.NONE
        )
        earlier = replace(FULL, replicas=(replica,), last_failure=replace(FAILURE, kind=""))
        # What a record did not have, or had of its only job.
        earlier = replace(earlier, asked_by="", enabled=True, starts=(), abandoned=(), failed=False)
        since, reason = replica.since, replica.reason
        assert records["digits"] == replace(earlier, resting_since=since, resting_reason=reason)
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


def test_new_and_current_stores_are_not_copied(engine: sa.Engine, file: Path) -> None:
    bring_up(engine)
    bring_up(engine)
    assert copies(file) == []


@pytest.mark.parametrize("dump", RELEASED, ids=lambda dump: dump.stem)
def test_the_next_versions_step_keeps_what_was_there(
    dump: Path, file: Path, engine: sa.Engine, migrations: Path
) -> None:
    restore(dump, file)
    bring_up(engine)
    before = dumped(file)
    bring_up(engine, migrations, "next")
    with engine.connect() as connection:
        phases = connection.exec_driver_sql("SELECT route, phase FROM services ORDER BY route")
        assert [tuple(row) for row in phases] == [
            ("digits", "draining"),
            ("off", None),
            ("textgen", None),
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
