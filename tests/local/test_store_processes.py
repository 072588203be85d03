"""Several processes at one store: killed during a migration, or opening it at the same moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from service_management.store import Store
from service_management.store.engine import make_engine
from service_management.store.upgrade import bring_up
from tests.stack.stores import RELEASED, copies, dumped, next_migrations, restore
from tests.stack.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
MIGRATE = """
import pathlib, sys
from service_management.store.engine import make_engine
from service_management.store.upgrade import bring_up
print(flush=True), sys.stdin.read()
bring_up(make_engine("sqlite:///" + sys.argv[1]), pathlib.Path(sys.argv[2]), "next")
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    return next_migrations(tmp_path)


def _started(file: Path, migrations: Path) -> subprocess.Popen[str]:
    """Python is up, and waits for its standard input to be closed."""
    argv = [sys.executable, "-c", MIGRATE, str(file), str(migrations)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(argv, cwd=ROOT, text=True, stdin=pipe, stdout=pipe)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def _go(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()


def _ended(process: subprocess.Popen[str]) -> int:
    with process:
        return process.wait(60)


def test_a_migration_that_is_killed_changes_nothing(file: Path, migrations: Path) -> None:
    """And the next start carries it out."""
    restore(RELEASED[-1], file)
    Store(f"sqlite:///{file}").close()
    before, gate = dumped(file), migrations.with_name("gate")
    gate.touch()
    process = _started(file, migrations)
    try:
        _go(process)
        wait_for("it is half-way", gate.read_text)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        _ended(process)
    assert dumped(file) == before
    gate.unlink()
    engine = make_engine(f"sqlite:///{file}")
    bring_up(engine, migrations, "next")
    engine.dispose()
    assert "remarks" in "".join(dumped(file))
    assert dumped(file.with_name(f"{file.name}.before-next")) == before


@pytest.mark.parametrize("dump", [None, RELEASED[-1]], ids=["fresh", "released"])
def test_two_that_open_a_store_at_once_migrate_it_once(
    dump: Path | None, file: Path, migrations: Path
) -> None:
    if dump:
        restore(dump, file)
    both = [_started(file, migrations) for _ in range(2)]
    _go(*both)
    assert [_ended(process) for process in both] == [0, 0]
    assert copies(file) == ([f"{file.name}.before-next"] if dump else [])


def test_a_current_store_is_opened_without_alembic(file: Path) -> None:
    """Importing it takes a third of a second, which a restart need not wait for."""
    Store(f"sqlite:///{file}").close()
    code = (
        "import sys; from service_management.store import Store, refuse_newer\n"
        f"Store('sqlite:///{file}').close(); refuse_newer('sqlite:///{file}')\n"
        "assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
