"""The output of a failed login → an error that says what to do about it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from service_management.clean_text import LONGEST_WORD, one_line, prose
from service_management.ssh.errors import SshError, SshProblem
from service_management.ssh.login import Login

_Say = Callable[[Login, str, str], str]  # the login, all output, the line that matched


def login_error(login: Login, said: str) -> SshError:
    """The first rule that matches decides: they are ordered from certain to vague."""
    for pattern, problem, say in _RULES:
        match = re.search(rf"^.*(?:{pattern}).*$", said, re.IGNORECASE | re.MULTILINE)
        if match:
            line = one_line(match[0], LONGEST_WORD).rstrip(".")
            line = line.removeprefix(f"{login.username}@{login.host}: ")  # the sentence names it
            return SshError(problem, say(login, said, line))
    text = f"Logging in as {login} failed: {prose(said) or 'ssh gave no reason'}"
    return SshError(SshProblem.UNREACHABLE, text)


def _changed(login: Login, said: str, _line: str) -> str:
    where = re.search(r"Offending .*?key in (.+?):(\d+)", said)
    fix = (
        f"If the host was reinstalled, delete line {where[2]} of {where[1]}"
        if where
        else "If the host was reinstalled, delete its line in the known_hosts file"
    )
    return (
        f"The host key of {login.host} has changed, so nothing was sent: the connection may be "
        f"intercepted. {fix}; otherwise ask the cluster's admin."
    )


def _unknown(login: Login, said: str, _line: str) -> str:
    missing = re.search(r"host key is known for (\S+)", said)
    host = missing[1] if missing else login.host
    return (
        f"known_hosts_file {login.known_hosts_file} has no key of {host}. "
        f"Get the host's key from the cluster's admin and add it to that file."
    )


def _auth(login: Login, _said: str, line: str) -> str:
    return (
        f"{login} does not accept the key {login.key_file} ({line}). Add its public key to "
        f"~/.ssh/authorized_keys of {login.username} on {login.host}, or correct ssh_key_file."
    )


def _key_file(login: Login, _said: str, line: str) -> str:
    return (
        f"ssh cannot use the key {login.key_file} ({line}). It must be a private key "
        f"without passphrase that only its owner can read (chmod 600)."
    )


def _name(login: Login, _said: str, line: str) -> str:
    return f"{line}. Check remote_host {login.host!r} and this machine's DNS."


def _refused(login: Login, _said: str, line: str) -> str:
    return (
        f"{login.host} refused the connection to port {login.port} ({line}). "
        f"Check remote_host and ssh_port, and whether sshd is running."
    )


def _hung_up(login: Login, _said: str, line: str) -> str:
    return (
        f"{login.host} closed the connection before the login ({line}): too many connections, a "
        f"ban or a firewall. Retries become rarer; ask the cluster's admin if this persists."
    )


def _silent(login: Login, _said: str, line: str) -> str:
    return (
        f"{login.host} does not answer on port {login.port} ({line}). "
        f"Check remote_host, ssh_port, the network or VPN, and whether proxy_jump is needed."
    )


_RULES: tuple[tuple[str, SshProblem, _Say], ...] = (
    (r"HOST IDENTIFICATION HAS CHANGED", SshProblem.HOST_KEY_CHANGED, _changed),
    (r"host key is known for", SshProblem.HOST_KEY_UNKNOWN, _unknown),
    (r"Host key verification failed", SshProblem.HOST_KEY_CHANGED, _changed),
    (
        r"UNPROTECTED PRIVATE KEY|Load key|no such identity|bad permissions",
        SshProblem.AUTH,
        _key_file,
    ),
    (r"Permission denied|Too many authentication failures", SshProblem.AUTH, _auth),
    (r"Could not resolve|Name or service not known", SshProblem.UNREACHABLE, _name),
    (r"connect failed: Connection refused|Connection refused", SshProblem.REFUSED, _refused),
    (r"timed out|No route to host|unreachable", SshProblem.UNREACHABLE, _silent),
    (r"Connection (closed|reset)|Not allowed at this time", SshProblem.REFUSED, _hung_up),
)
