"""Logins are counted where they are made, on both backends: they show a login storm."""

from __future__ import annotations

import pytest

from service_management.ssh.call_counts import LOGINS
from service_management.ssh.connection import SshBackend
from service_management.ssh.errors import SshError
from tests.cluster_ssh.conftest import logged_in
from tests.cluster_ssh.sshd import Sshd, make_key, wait_until


def test_many_commands_are_one_login(backend: SshBackend, sshd: Sshd) -> None:
    connection, key = backend.connection(sshd.login()), (str(sshd.login()), "login")
    for _ in range(3):
        connection.run("true", 10)
    assert (LOGINS.calls()[key], LOGINS.failures()[key]) == (1, 0)
    connection.close()
    wait_until(lambda: not logged_in(connection))
    connection.run("true", 10)
    assert (LOGINS.calls()[key], LOGINS.failures()[key]) == (2, 0)


def test_calls_within_the_pause_are_not_counted_as_logins(
    backend: SshBackend, sshd: Sshd, short_dir
) -> None:
    login = sshd.login(key_file=str(make_key(short_dir / "other")))
    connection, key = backend.connection(login), (str(login), "login")
    for _ in range(5):  # within the back-off's first second there is no further login
        with pytest.raises(SshError):
            connection.run("true", 10)
    assert 1 <= LOGINS.calls()[key] < 5
    assert LOGINS.failures()[key] == LOGINS.calls()[key]
