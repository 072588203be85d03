"""A file is replaced in one step, and what is not its text stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from service_management.atomic_files import rewrite


def test_a_rewritten_file_keeps_mode_owner_and_links(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("before")
    file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(file, 4711, 4712)
    link.symlink_to(file)
    before = file.stat()

    rewrite(link, "after")

    after = file.stat()
    assert link.is_symlink()
    assert file.read_text() == "after"
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )
    assert after.st_ino != before.st_ino


def test_a_text_that_cannot_be_written_leaves_the_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("before")
    with pytest.raises(UnicodeEncodeError):
        rewrite(file, "\udcff")
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]
