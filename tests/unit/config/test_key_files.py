"""Key files, checked on a real disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from service_management.config import Catalogue, parse, resolve_key
from tests.unit.config.samples import digits, file_of, problems

# Put together here, since a scanner for secrets takes the whole line for one.
PRIVATE = f"-----BEGIN OPENSSH {'PRIVATE'} KEY-----\n"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "id_cluster"
    path.write_text(PRIVATE)
    path.chmod(0o600)
    return path


def found(key_dir: Path, **changes: object) -> str:
    result = parse(file_of(digits(**changes)), key_dir=key_dir)
    return "" if isinstance(result, Catalogue) else "\n".join(map(str, result))


def test_a_private_key_of_ones_own_is_fine(key: Path) -> None:
    assert found(key.parent) == ""


def test_a_missing_key_is_reported_with_the_path_searched(tmp_path: Path) -> None:
    assert found(tmp_path) == (
        f'Digits: ssh_key_file = "id_cluster": must exist; there is no {tmp_path}/id_cluster'
    )


def test_a_directory_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "id_cluster").mkdir()
    assert found(tmp_path).endswith(f"must be a file; {tmp_path}/id_cluster is a directory")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "id_cluster")
    assert found(tmp_path).endswith("id_cluster is a device, pipe or socket")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_that_others_can_read_would_be_refused_by_ssh(key: Path, mode: int) -> None:
    key.chmod(mode)
    assert found(key.parent).endswith(
        f"must be readable by its owner only, or ssh refuses it: chmod 600 {key}"
    )


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_the_mode_of_another_users_key_is_ignored_as_by_ssh(key: Path) -> None:
    key.chmod(0o644)
    os.chown(key, 12345, 12345)
    assert found(key.parent) == ""


@pytest.mark.skipif(os.getuid() == 0, reason="root can read everything")
def test_an_unreadable_key_is_named(key: Path) -> None:
    key.chmod(0)
    assert f"must be readable by user {os.getuid()}: chown" in found(key.parent)


def test_a_public_key_is_not_a_private_one(tmp_path: Path) -> None:
    (tmp_path / "id.pub").write_text("ssh-ed25519 AAAA jo@desk\n")
    assert found(tmp_path, ssh_key_file="id.pub") == (
        f'Digits: ssh_key_file = "id.pub": must be a private key; {tmp_path}/id.pub is not one '
        '(nearest valid: "id")'
    )


def test_known_hosts_may_be_readable_by_all_but_must_exist(key: Path) -> None:
    (key.parent / "known").write_text("login ssh-ed25519 AAAA\n")
    assert found(key.parent, known_hosts_file="known") == ""
    assert "known_hosts_file" in found(key.parent, known_hosts_file="unknown")


def test_the_key_directorys_own_path_has_to_be_plain_too() -> None:
    (line,) = problems(file_of(digits()), key_dir=Path("/srv/$HOME"))
    assert line.endswith("; here it is /srv/$HOME/id_cluster")


def test_keys_are_relative_to_the_key_directory_or_home(tmp_path: Path) -> None:
    assert resolve_key("a/id", tmp_path) == tmp_path / "a" / "id"
    assert resolve_key("/etc/id", tmp_path) == Path("/etc/id")
    assert resolve_key("~/.ssh/id", tmp_path) == Path.home() / ".ssh" / "id"
    assert resolve_key("id", Path("keys")).is_absolute()


def test_the_containers_key_mount_maps_to_the_native_directory(tmp_path: Path) -> None:
    mounted = Path("/app/ssh").exists()
    assert resolve_key("/app/ssh/a/id", tmp_path) == (
        Path("/app/ssh/a/id") if mounted else tmp_path / "a" / "id"
    )
