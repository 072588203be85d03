"""When nginx's logs are rotated, and what the old files are renamed to."""

from __future__ import annotations

from pathlib import Path

import pytest

from service_management.gateway.gateway_settings import GatewaySettings
from service_management.gateway.nginx_master import NginxMaster
from service_management.usage.rotation import due, files, keep_bounded, oldest, rotate, shifts


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        ([], [(0, 1)]),
        ([1], [(1, 2), (0, 1)]),
        ([1, 2], [(2, 3), (1, 2), (0, 1)]),
        ([1, 2, 3], [(2, 3), (1, 2), (0, 1)]),
        ([2, 3], [(0, 1)]),  # cut short before the last renaming
        ([1, 3], [(1, 2), (0, 1)]),
    ],
)
def test_files_move_up_to_the_first_gap(taken, expected) -> None:
    assert shifts(taken) == expected


@pytest.mark.parametrize(
    ("size", "behind", "expected"),
    [(99, False, False), (100, False, True), (100, True, False), (400, True, True)],
)
def test_rotation_depends_on_size_and_waits_for_the_reader(size, behind, expected) -> None:
    assert due(size, 100, behind=behind) is expected


def test_only_the_oldest_is_ever_overwritten(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    for text in "abcde":
        log.write_text(text)
        rotate(log)
    assert [file.name for file in files(log)] == ["access.log.3", "access.log.2", "access.log.1"]
    assert [file.read_text() for file in files(log)] == ["c", "d", "e"]
    assert oldest(log) == tmp_path / "access.log.3"


def test_a_rotation_that_was_cut_short_loses_nothing(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    for number, text in ((1, "b"), (3, "a")):
        log.with_name(f"access.log.{number}").write_text(text)
    log.write_text("c")
    rotate(log)
    assert [file.read_text() for file in files(log)] == ["a", "b", "c"]


def test_without_nginx_nothing_is_rotated(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("x" * 100)
    master = NginxMaster(GatewaySettings(run_dir=Path("/run/io-nobody")))
    assert not keep_bounded(log, 10, master)
    assert files(log) == [log]
