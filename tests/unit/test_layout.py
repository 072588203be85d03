"""The gateway's directories, and which ones are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from service_management import settings
from service_management.atomic_files import write_private
from service_management.host import layout
from service_management.settings import Settings, SettingsError


@pytest.fixture
def layout_settings(tmp_path: Path) -> Settings:
    places = {name: str(tmp_path / name.lower()) for name in ("RUN_DIR", "SPOOL_DIR", "STATE_DIR")}
    return settings.parse({**settings.DEFAULTS, **places}, tmp_path)


def test_only_its_owner_and_nginxs_group_enter(layout_settings: Settings) -> None:
    layout.prepare(layout_settings)
    for directory in (
        layout_settings.run_dir,
        layout_settings.spool_dir,
        layout_settings.state_dir,
    ):
        assert directory.stat().st_mode & 0o027 == 0


def test_what_was_made_is_removed_and_nothing_else(layout_settings: Settings) -> None:
    layout.prepare(layout_settings)
    (layout_settings.spool_dir / "body").mkdir()
    (layout_settings.spool_dir / "another's").touch()
    layout.remove_run_dir(layout_settings)
    assert not layout_settings.run_dir.exists()
    assert [path.name for path in layout_settings.spool_dir.iterdir()] == ["another's"]


def test_stale_files_of_killed_processes_are_removed(layout_settings: Settings) -> None:
    layout_settings.run_dir.mkdir(mode=0o700)
    for name in (".supervisord.conf.4711", "supervisord.sock.4711"):
        (layout_settings.run_dir / name).touch()
    layout.prepare(layout_settings)
    layout.remove_run_dir(layout_settings)
    assert not layout_settings.run_dir.exists()


def test_a_private_file_that_cannot_be_written_leaves_no_draft(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        write_private(tmp_path / "file", "\ud800")
    (tmp_path / "directory").mkdir()
    with pytest.raises(IsADirectoryError):
        write_private(tmp_path / "directory", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["directory"]


def test_a_spool_that_is_a_link_is_refused(layout_settings: Settings, tmp_path: Path) -> None:
    layout_settings.spool_dir.symlink_to(tmp_path)
    with pytest.raises(SettingsError, match=r"SPOOL_DIR=.*belongs to another user"):
        layout.prepare(layout_settings)


def test_a_run_dir_with_other_things_in_it_is_refused(layout_settings: Settings) -> None:
    layout_settings.run_dir.mkdir()
    (layout_settings.run_dir / "precious").touch()
    with pytest.raises(SettingsError, match="it contains something else"):
        layout.prepare(layout_settings)


def test_a_state_dir_that_is_open_to_others_is_closed(layout_settings: Settings) -> None:
    layout_settings.state_dir.mkdir(mode=0o755)
    (layout_settings.state_dir / "state.db-wal").touch()
    layout.prepare(layout_settings)
    assert layout_settings.state_dir.stat().st_mode & 0o077 == 0


def test_an_open_state_dir_with_other_things_in_it_is_refused(layout_settings: Settings) -> None:
    layout_settings.state_dir.mkdir(mode=0o755)
    (layout_settings.state_dir / "precious").touch()
    with pytest.raises(SettingsError, match=r"STATE_DIR=.*mode 755.*chmod 700"):
        layout.prepare(layout_settings)
    assert layout_settings.state_dir.stat().st_mode & 0o777 == 0o755
