"""One ssh_config per connection: all options in one readable file, and a short argv per call.

By hand: `ssh -F <file> -M -N -f login` logs in (needed where the site asks for a second factor),
`ssh -F <file> shared <command>` uses the connection that is logged in.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from service_management.ssh.login import Jump, Login, require_path

LOGIN = "login"  # only the master is started under this name
SHARED = "shared"  # only through the master: ssh must never fall back to a new login


@dataclass(frozen=True)
class LoginFiles:
    """The files of one connection."""

    config: Path
    control: Path
    log: Path
    lock: Path
    tunnels: Path
    known_hosts: Path

    @classmethod
    def of(cls, login: Login, run_dir: Path, state_dir: Path, number: int = 0) -> LoginFiles:
        base = run_dir.absolute() / "ssh"
        name = f"{login.id}.{number}" if number else login.id
        return cls(
            config=base / f"{name}.conf",
            control=base / f"{name}.ctl",
            log=base / f"{name}.log",
            lock=base / f"{name}.lock",
            tunnels=base / f"{name}.tunnels",
            known_hosts=state_dir.absolute() / "known_hosts",
        )


def render_config(login: Login, files: LoginFiles, socket_mask: int) -> str:
    hops = [_hop(index, jump, files) for index, jump in enumerate(login.jumps, start=1)]
    blocks = [_login_block(login, files, socket_mask), _shared_block(files), *hops]
    head = f"# {login}: written by the orchestrator. By hand: ssh -F {files.config} {SHARED}"
    return "\n\n".join([head, *blocks, _common_block(login, files)]) + "\n"


def quoted(path: str) -> str:
    """A path as one ssh_config word: % would be a token, quotes and backslashes are escaped."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _login_block(login: Login, files: LoginFiles, socket_mask: int) -> str:
    return _block(
        LOGIN,
        *_place(login.username, login.host, login.port),
        f"ProxyCommand {_through(len(login.jumps), files)}",
        f"ControlPath {quoted(str(files.control))}",
        "ControlPersist yes",
        f"StreamLocalBindMask 0{socket_mask:o}",
        "StreamLocalBindUnlink yes",
        "ExitOnForwardFailure yes",
    )


def _shared_block(files: LoginFiles) -> str:
    return _block(
        SHARED,
        f"ControlPath {quoted(str(files.control))}",
        "ControlMaster no",
        "ProxyCommand false",
    )


def _hop(index: int, jump: Jump, files: LoginFiles) -> str:
    return _block(
        _hop_name(index),
        *_place(jump.username, jump.host, jump.port),
        f"ProxyCommand {_through(index - 1, files)}",
        "ControlPath none",
    )


def _hop_name(index: int) -> str:
    return f"jump{index}"


def _through(index: int, files: LoginFiles) -> str:
    """Replaces ProxyJump, which does not quote -F for the shell and discards the hop's error text
    where the master persists."""
    if index == 0:
        return "none"
    words = ("ssh", "-F", str(files.config), "-E", str(files.log))
    command = " ".join(shlex.quote(word).replace("%", "%%") for word in words)
    return f"{command} -W '[%h]:%p' {_hop_name(index)}"


def _place(username: str, host: str, port: int) -> tuple[str, str, str]:
    user = username.replace("\\", "\\\\")
    return f"HostName {quoted(host)}", f'User "{user}"', f"Port {port}"


def _common_block(login: Login, files: LoginFiles) -> str:
    pinned = login.known_hosts_file
    known_hosts = pinned if pinned is not None else str(files.known_hosts)
    require_path("known_hosts", known_hosts)
    return _block(
        "*",
        f"IdentityFile {quoted(login.key_file)}",
        f"UserKnownHostsFile {quoted(known_hosts)}",
        f"StrictHostKeyChecking {'accept-new' if pinned is None else 'yes'}",
        *_COMMON,
    )


def _block(name: str, *lines: str) -> str:
    return "\n".join([f"Host {name}", *(f"    {line}" for line in lines)])


_COMMON = (
    "GlobalKnownHostsFile none",
    "HashKnownHosts no",
    "UpdateHostKeys no",
    "BatchMode yes",
    "IdentitiesOnly yes",
    # Whose agent that would be depends on who started the gateway, and it ends with their session.
    "IdentityAgent none",
    "PreferredAuthentications publickey",
    "ConnectTimeout 10",
    # 90 s: tunnels survive a network that pauses for a minute.
    "ServerAliveInterval 10",
    "ServerAliveCountMax 9",
    "TCPKeepAlive yes",
    # No DSCP marks: OpenSSH's default marks non-interactive traffic as low priority.
    "IPQoS none",
    "Ciphers ^aes128-gcm@openssh.com",
    "Compression no",
    "ForwardAgent no",
    "ForwardX11 no",
    "PermitLocalCommand no",
    "RequestTTY no",
    "EscapeChar none",
    "LogLevel ERROR",
)
