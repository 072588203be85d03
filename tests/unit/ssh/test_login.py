"""Logins: identity, storage, and what ssh's configuration makes of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from service_management.config.models import Service
from service_management.ssh.errors import LoginError
from service_management.ssh.login import Jump, Login
from service_management.ssh.openssh.ssh_config import LoginFiles, render_config

LOGIN = Login("alice", "login.example", 22, "/keys/id")
FILES = LoginFiles.of(LOGIN, Path("/run/orc"), Path("/var/orc"))


def service(**changes: object) -> Service:
    values = {
        "name": "n",
        "ssh_username": "alice",
        "ssh_key_file": "id",
        "remote_host": "login.example",
        "remote_port": 8000,
        "bash_file": "run.sh",
        "check_health_path": "/health",
        "timeout": 60.0,
        "route_name": "r",
        "api_paths": ("/",),
        **changes,
    }
    return Service(**values)  # type: ignore[arg-type]


def test_logins_that_differ_in_anything_have_different_ids() -> None:
    others = [
        LOGIN,
        replace(LOGIN, username="bob"),
        replace(LOGIN, port=23),
        replace(LOGIN, key_file="/keys/other"),
        replace(LOGIN, proxy_jump="gate"),
        replace(LOGIN, known_hosts_file="/keys/known"),
    ]
    assert len({login.id for login in others}) == len(others)


def test_key_paths_are_relative_to_the_key_directory(tmp_path: Path) -> None:
    relative = Login.from_service(service(known_hosts_file="known"), tmp_path)
    container = Login.from_service(service(ssh_key_file="/app/ssh/sub/id"), tmp_path)
    absolute = Login.from_service(service(ssh_key_file="/etc/id"), tmp_path)
    assert (relative.key_file, relative.known_hosts_file) == (
        f"{tmp_path}/id",
        f"{tmp_path}/known",
    )
    assert container.key_file == f"{tmp_path}/sub/id"
    assert absolute.key_file == "/etc/id"


@pytest.mark.parametrize(
    "changes",
    [
        {"username": "-oProxyCommand=x"},
        {"username": "a b"},
        {"username": 'a"b'},
        {"username": "a\nHost *"},
        {"host": "-x"},
        {"host": "a;b"},
        {"host": "a\n"},
        {"host": ""},
        {"port": 0},
        {"port": 65536},
        {"key_file": "relative"},
        {"key_file": "/k/${HOME}"},
        {"key_file": "/k/a\nProxyCommand x"},
        {"known_hosts_file": "/k/\x7f"},
        {"proxy_jump": "a b"},
        {"proxy_jump": "gate,-x"},
        {"proxy_jump": "gate:99999"},
        {"proxy_jump": "gate,"},
        {"proxy_jump": "@gate"},
    ],
)
def test_what_ssh_would_misread_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(LoginError):
        replace(LOGIN, **changes)


def test_jump_hosts_inherit_the_user_and_may_have_their_own_port() -> None:
    login = replace(LOGIN, proxy_jump="gate, bob@inner:2222,ssh://[::1]:23")
    assert login.jumps == (
        Jump("alice", "gate", 22),
        Jump("bob", "inner", 2222),
        Jump("alice", "::1", 23),
    )


def test_each_hop_goes_through_the_one_before_it() -> None:
    config = render_config(replace(LOGIN, proxy_jump="gate,inner"), FILES, 0o177)
    blocks = {block.split("\n", 1)[0]: block for block in config.split("\n\n")}
    assert "-W '[%h]:%p' jump2" in blocks["Host login"]
    assert "-W '[%h]:%p' jump1" in blocks["Host jump2"]
    assert "ProxyCommand none" in blocks["Host jump1"]


def test_first_contact_is_recorded_unless_keys_are_pinned() -> None:
    free = render_config(LOGIN, FILES, 0o177)
    pinned = render_config(replace(LOGIN, known_hosts_file="/keys/known"), FILES, 0o177)
    assert "StrictHostKeyChecking accept-new" in free
    assert 'UserKnownHostsFile "/var/orc/known_hosts"' in free
    assert "StrictHostKeyChecking yes" in pinned
    assert 'UserKnownHostsFile "/keys/known"' in pinned
    assert "GlobalKnownHostsFile none" in pinned


def test_the_shared_name_can_never_log_in_by_itself() -> None:
    config = render_config(LOGIN, FILES, 0o117)
    shared = next(block for block in config.split("\n\n") if block.startswith("Host shared"))
    assert "ProxyCommand false" in shared
    assert "HostName" not in shared
    assert "StreamLocalBindMask 0117" in config
