"""Directories of the gateway's own, and what is refused as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from service_management import settings
from service_management.host import layout
from service_management.settings import Settings, SettingsError
from service_management.ssh.local_commands import write_private


@pytest.fixture
def chosen(tmp_path: Path) -> Settings:
    places = {name: str(tmp_path / name.lower()) for name in ("RUN_DIR", "SPOOL_DIR", "STATE_DIR")}
    return settings.parse({**settings.DEFAULTS, **places}, tmp_path)


def test_only_its_owner_and_nginxs_group_enter(chosen: Settings) -> None:
    layout.prepare(chosen)
    for directory in (chosen.run_dir, chosen.spool_dir, chosen.state_dir):
        assert directory.stat().st_mode & 0o027 == 0


def test_what_was_made_is_removed_and_nothing_else(chosen: Settings) -> None:
    layout.prepare(chosen)
    (chosen.spool_dir / "body").mkdir()
    (chosen.spool_dir / "somebody's").touch()
    layout.remove_run_dir(chosen)
    assert not chosen.run_dir.exists()
    assert [path.name for path in chosen.spool_dir.iterdir()] == ["somebody's"]


def test_stale_files_of_killed_processes_are_removed(chosen: Settings) -> None:
    chosen.run_dir.mkdir(mode=0o700)
    for name in (".supervisord.conf.4711", "supervisord.sock.4711"):
        (chosen.run_dir / name).touch()
    layout.prepare(chosen)
    layout.remove_run_dir(chosen)
    assert not chosen.run_dir.exists()


def test_a_private_file_that_cannot_be_written_leaves_no_draft(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        write_private(tmp_path / "file", "\ud800")
    (tmp_path / "directory").mkdir()
    with pytest.raises(IsADirectoryError):
        write_private(tmp_path / "directory", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["directory"]


def test_a_spool_that_is_a_link_is_refused(chosen: Settings, tmp_path: Path) -> None:
    chosen.spool_dir.symlink_to(tmp_path)
    with pytest.raises(SettingsError, match=r"SPOOL_DIR=.*belongs to another user"):
        layout.prepare(chosen)


def test_a_run_dir_with_other_things_in_it_is_refused(chosen: Settings) -> None:
    chosen.run_dir.mkdir()
    (chosen.run_dir / "precious").touch()
    with pytest.raises(SettingsError, match="it contains something else"):
        layout.prepare(chosen)


def test_a_state_dir_that_is_open_to_others_is_closed(chosen: Settings) -> None:
    chosen.state_dir.mkdir(mode=0o755)
    (chosen.state_dir / "state.db-wal").touch()
    layout.prepare(chosen)
    assert chosen.state_dir.stat().st_mode & 0o077 == 0


def test_an_open_state_dir_with_other_things_in_it_is_refused(chosen: Settings) -> None:
    chosen.state_dir.mkdir(mode=0o755)
    (chosen.state_dir / "precious").touch()
    with pytest.raises(SettingsError, match=r"STATE_DIR=.*mode 755.*chmod 700"):
        layout.prepare(chosen)
    assert chosen.state_dir.stat().st_mode & 0o777 == 0o755
