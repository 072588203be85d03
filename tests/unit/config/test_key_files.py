"""Key files, checked on a real disk."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

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
    if isinstance(result, Catalogue):
        return ""
    assert str(key_dir) not in "\n".join(str(each.public()) for each in result)
    return "\n".join(str(replace(each, line=None, column=None)) for each in result)


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
    assert found(key.parent).endswith(f"must be readable by its owner: chmod 600 {key}")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("id_clustr", ' (nearest valid: "id_cluster")'),
        ("id_cluster.key", ' (nearest valid: "id_cluster")'),
        ("gateway", ' (nearest valid: "deploy" or "id_cluster")'),
    ],
)
def test_keys_beside_a_missing_one_are_named(key: Path, name: str, near: str) -> None:
    (key.parent / "deploy").write_text(PRIVATE)
    (key.parent / "id_clustr.txt").write_text("no key")
    rule = f"must exist; there is no {key.parent}/{name}"
    assert found(key.parent, ssh_key_file=name) == f'Digits: ssh_key_file = "{name}": {rule}{near}'


def test_a_key_in_a_folder_is_named_with_it(key: Path) -> None:
    there = key.parent.parent
    given = f"{key.parent.name}/id_clustr"
    assert f'(nearest valid: "{key.parent.name}/id_cluster")' in found(there, ssh_key_file=given)


def test_a_missing_directory_is_named_instead(tmp_path: Path) -> None:
    expected = f"must exist; there is no directory {tmp_path}/a"
    assert found(tmp_path, ssh_key_file="a/b/id").endswith(expected)


@pytest.mark.parametrize(
    "text",
    [
        "ssh-ed25519 AAAA jo@desk\n",
        "ssh-rsa AAAA",
        "ecdsa-sha2-nistp256 AAAA",
        "sk-ssh-ed25519@openssh.com AAAA",
        "-----BEGIN PUBLIC KEY-----\n",
        "---- BEGIN SSH2 PUBLIC KEY ----\n",
    ],
)
def test_a_public_key_leads_to_its_private_one(key: Path, text: str) -> None:
    public = key.with_name("id_cluster.pub")
    public.write_text(text)
    assert found(key.parent, ssh_key_file=public.name) == (
        f'Digits: ssh_key_file = "{public.name}": must be the private key; {public} is a public '
        'one (nearest valid: "id_cluster")'
    )


def test_another_file_is_not_a_private_key(tmp_path: Path) -> None:
    (tmp_path / "id_cluster").write_text("hello\n")
    assert found(tmp_path).endswith(f"must be a private key; {tmp_path}/id_cluster is not one")


def test_a_key_of_putty_is_to_be_converted(tmp_path: Path) -> None:
    (tmp_path / "my key.ppk").write_text("PuTTY-User-Key-File-3: ssh-ed25519\n")
    assert found(tmp_path, ssh_key_file="my key.ppk").endswith(
        f"puttygen '{tmp_path}/my key.ppk' -O private-openssh -o '{tmp_path}/my key_openssh'"
    )


FORMATS = [PrivateFormat.OpenSSH, PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL]


def write_key(path: Path, form: PrivateFormat, passphrase: bytes) -> None:
    made = ec.generate_private_key(ec.SECP256R1())
    locked = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    path.write_bytes(made.private_bytes(Encoding.PEM, form, locked))
    path.chmod(0o600)


@pytest.mark.parametrize("form", FORMATS)
def test_a_key_with_a_passphrase_is_refused(tmp_path: Path, form: PrivateFormat) -> None:
    path = tmp_path / "id_cluster"
    write_key(path, form, b"")
    assert found(tmp_path) == ""
    write_key(path, form, b"secret")
    assert "must have no passphrase, since the gateway cannot type it" in found(tmp_path)
    assert f"ssh-keygen -t ed25519 -N '' -f {path}_gateway" in found(tmp_path)
    assert f"ssh-keygen -p -N '' -f {path}" in found(tmp_path)
    path.chmod(0o644)
    assert f"chmod 600 {path}; must have no passphrase" in found(tmp_path)


def test_a_key_that_ssh_cannot_read_has_its_repair(key: Path) -> None:
    for text in (PRIVATE.replace("\n", "\r\n"), PRIVATE.strip()):
        key.write_text(text, newline="")
        assert found(key.parent).endswith(rf"sed -i -e 's/\r$//' -e '$a\' {key}")


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
