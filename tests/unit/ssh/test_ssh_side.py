"""Back-off, ssh's messages, counts: the pure half of a connection."""

from __future__ import annotations

import pytest

from service_management.ssh.call_counts import CallCounts
from service_management.ssh.errors import LONGEST_ERROR, SshError, SshProblem
from service_management.ssh.login import Login
from service_management.ssh.login_backoff import Backoff
from service_management.ssh.login_errors import login_error

LOGIN = Login("alice", "login.example", 22, "/keys/id", known_hosts_file="/keys/known")

CHANGED = """\
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
Offending ED25519 key in /var/orc/known hosts:3
Host key for login.example has changed and you have requested strict checking.
Host key verification failed.
"""
MISSING = """\
No ED25519 host key is known for [login.example]:22 and you have requested strict checking.
Host key verification failed.
"""
OPEN_KEY = """\
@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @
Permissions 0644 for '/keys/id' are too open.
Load key "/keys/id": bad permissions
alice@login.example: Permission denied (publickey).
"""
JUMP_DENIED = """\
bob@gate: Permission denied (publickey).
kex_exchange_identification: Connection closed by remote host
Connection closed by UNKNOWN port 65535
"""
P = SshProblem


@pytest.mark.parametrize(
    ("said", "kind", "advice"),
    [
        (CHANGED, P.HOST_KEY_CHANGED, "delete line 3 of /var/orc/known hosts"),
        (MISSING, P.HOST_KEY_UNKNOWN, "/keys/known has no key of [login.example]:22"),
        (OPEN_KEY, P.AUTH, "chmod 600"),
        ('Load key "/keys/id": error in libcrypto\nx: Permission denied', P.AUTH, "passphrase"),
        ("alice@h: Permission denied (publickey).", P.AUTH, "authorized_keys"),
        ("Received disconnect: Too many authentication failures", P.AUTH, "ssh_key_file"),
        (JUMP_DENIED, P.AUTH, "bob@gate: Permission denied"),
        ("ssh: Could not resolve hostname x: Name or service not known", P.UNREACHABLE, "DNS"),
        ("ssh: connect to host x port 22: Connection refused", P.REFUSED, "ssh_port"),
        ("ssh: connect to host x port 22: Connection timed out", P.UNREACHABLE, "VPN"),
        ("Connection timed out during banner exchange", P.UNREACHABLE, "does not answer"),
        ("ssh: connect to host x port 22: No route to host", P.UNREACHABLE, "network"),
        ("kex_exchange_identification: Connection reset by peer", P.REFUSED, "before the login"),
        ("Not allowed at this time", P.REFUSED, "ban"),
        ("", P.UNREACHABLE, "ssh gave no reason"),
        ("something new", P.UNREACHABLE, "something new"),
    ],
)
def test_each_message_of_ssh_has_a_kind_and_advice(said, kind, advice) -> None:
    error = login_error(LOGIN, said)
    assert (error.problem, error.kind) == (kind, kind.value)
    assert advice in error.text
    assert not error.maybe_ran


@pytest.mark.parametrize("said", ["x: Permission denied ", ""])
def test_what_a_login_says_steers_nothing_and_hides_no_advice(said: str) -> None:
    error = login_error(LOGIN, f"{said}\x1b[2J\u202e\r{'y' * 10_000}")
    assert error.text == str(error)
    assert error.text.isprintable()
    assert len(error.text) <= LONGEST_ERROR
    assert not said or error.text.endswith("or correct ssh_key_file.")


def test_pauses_double_up_to_a_minute_and_a_success_ends_them() -> None:
    now = [0.0]
    backoff = Backoff(lambda: now[0])
    pauses = []
    for _ in range(8):
        backoff.failed(SshError(P.AUTH, "no"))
        began = now[0]
        while blocked(backoff):
            now[0] += 0.5
        pauses.append(now[0] - began)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    backoff.succeeded()
    backoff.failed(SshError(P.AUTH, "no"))
    now[0] += 1
    assert not blocked(backoff)


def test_within_a_pause_the_last_error_is_raised_again() -> None:
    backoff = Backoff(lambda: 0.0)
    backoff.failed(SshError(P.AUTH, "the key"))
    with pytest.raises(SshError, match="the key"):
        backoff.guard()


def blocked(backoff: Backoff) -> bool:
    try:
        backoff.guard()
    except SshError:
        return True
    return False


def test_calls_and_failures_are_counted_by_login_and_command() -> None:
    counts = CallCounts()
    counts.add("a", "queue", failed=False)
    counts.add("a", "queue", failed=True)
    counts.add("b", "submit", failed=False)
    assert counts.calls() == {("a", "queue"): 2, ("b", "submit"): 1}
    assert counts.failures() == {("a", "queue"): 1, ("b", "submit"): 0}
