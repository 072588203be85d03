"""Logging in with paramiko: jump hosts, host keys, the key, and failures.

Failures are worded like ssh's, so that login_errors.py explains those of both backends.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from paramiko import Channel, PKey, Transport
from paramiko.pkey import UnknownKeyType

from service_management.ssh.call_counts import LOGINS
from service_management.ssh.login import Jump, Login
from service_management.ssh.login_errors import login_error
from service_management.ssh.paramiko.known_hosts import HostKeyRefused, KnownHosts

STEP_TIMEOUT = 10.0  # s, for each of: connecting, the key exchange, authentication
KEEPALIVE = 10  # s, also on the sessions of jump hosts
SILENCE = 90.0  # s; tunnels survive a network that pauses for a minute
CHECKS = 9  # within that time, as with OpenSSH
LATE_OPENING = 90.0


class _Refused(Exception):
    """Worded like ssh's own messages."""


@dataclass(frozen=True)
class Session:
    """A completed login: its transport, after those of the jump hosts."""

    chain: tuple[Transport, ...]

    @property
    def transport(self) -> Transport:
        return self.chain[-1]

    def alive(self) -> bool:
        return self.transport.is_active()

    def close(self) -> None:
        for transport in reversed(self.chain):
            # Closing writes to the session, which may just have died.
            with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                transport.close()


def log_in(login: Login, known_hosts: KnownHosts) -> Session:
    with LOGINS.counting(str(login), "login"):
        return _log_in(login, known_hosts)


def _log_in(login: Login, known_hosts: KnownHosts) -> Session:
    made: list[Transport] = []
    try:
        key = _load_key(login.key_file)
        for hop in (*login.jumps, Jump(login.username, login.host, login.port)):
            _join(made, hop, key, known_hosts)
    except (_Refused, HostKeyRefused) as refused:
        Session(tuple(made)).close()
        raise login_error(login, str(refused)) from refused
    return Session(tuple(made))


def attend(transport: Transport, silence: float) -> None:
    """Return when the session has ended; end it if the server does not answer for `silence`
    seconds. paramiko's own keep-alives expect no answer, and TCP's are answered by the kernel of
    a login node whose sshd hangs."""
    while transport.is_active():
        answered = threading.Event()
        threading.Thread(target=_ask, args=(transport, answered), daemon=True).start()
        if not answered.wait(silence):
            transport.close()
        transport.join(silence / CHECKS)


def _ask(transport: Transport, answered: threading.Event) -> None:
    """A refusal is an answer as well; so is the end of the session."""
    with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
        transport.global_request("keepalive@openssh.com", wait=True)
    answered.set()


def open_session(transport: Transport, timeout: float) -> Channel:
    """A channel for a command. One that opens too late is closed: paramiko would forget it, and on
    the login node it would stay open and count against MaxSessions."""
    opened: Future[Channel] = Future()
    threading.Thread(target=_open_into, args=(opened, transport), daemon=True).start()
    try:
        return opened.result(timeout)
    except TimeoutError:
        opened.add_done_callback(_close_late)
        raise


def _open_into(opened: Future[Channel], transport: Transport) -> None:
    try:
        opened.set_result(transport.open_session(timeout=LATE_OPENING))
    except Exception as error:  # raised by the waiting thread
        opened.set_exception(error)


def _close_late(opened: Future[Channel]) -> None:
    if opened.exception() is None:
        opened.result().close()


def _join(made: list[Transport], hop: Jump, key: PKey, known_hosts: KnownHosts) -> None:
    """Append a logged-in transport, connected through the last one if there is one."""
    wire: Any = _through(made[-1], hop) if made else _connect(hop)
    transport = Transport(wire)
    made.append(transport)
    transport.daemon = True
    transport.banner_timeout = transport.auth_timeout = STEP_TIMEOUT
    _prefer(transport, known_hosts.kinds(hop.host, hop.port))
    try:
        transport.start_client(timeout=STEP_TIMEOUT)
        known_hosts.check(hop.host, hop.port, transport.get_remote_server_key())
        further = transport.auth_publickey(hop.username, key)
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise _Refused(_handshake_words(hop, error)) from error
    if further:
        raise _Refused(f"{hop.username}@{hop.host}: Permission denied ({', '.join(further)}).")
    transport.set_keepalive(KEEPALIVE)


def _connect(hop: Jump) -> socket.socket:
    place = f"connect to host {hop.host} port {hop.port}"
    try:
        wire = socket.create_connection((hop.host, hop.port), STEP_TIMEOUT)
    except socket.gaierror as error:
        raise _Refused(f"Could not resolve hostname {hop.host}: {error.strerror}") from error
    except UnicodeError as error:
        raise _Refused(f"Could not resolve hostname {hop.host}: {error}") from error
    except TimeoutError as error:
        raise _Refused(f"{place}: Connection timed out") from error
    except OSError as error:
        raise _Refused(f"{place}: {error.strerror}") from error
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SILENCE * 1000))
    return wire


def _through(jump: Transport, hop: Jump) -> Channel:
    place = f"connect to host {hop.host} port {hop.port} through the jump host"
    target, here = (hop.host, hop.port), ("127.0.0.1", 0)
    try:
        return jump.open_channel("direct-tcpip", target, here, timeout=STEP_TIMEOUT)
    except paramiko.ChannelException as error:
        raise _Refused(f"{place}: Connection refused ({error.text})") from error
    except (paramiko.SSHException, EOFError) as error:
        raise _Refused(_handshake_words(hop, error)) from error


def _prefer(transport: Transport, kinds: tuple[str, ...]) -> None:
    """Recorded key types first, as a host may have several keys."""
    options = transport.get_security_options()
    names = {name for kind in kinds for name in _algorithms(kind)}
    options.key_types = tuple(sorted(options.key_types, key=lambda name: name not in names))


def _algorithms(kind: str) -> tuple[str, ...]:
    return ("rsa-sha2-512", "rsa-sha2-256", kind) if kind == "ssh-rsa" else (kind,)


def _handshake_words(hop: Jump, error: Exception) -> str:
    place = f"{hop.username}@{hop.host} port {hop.port}"
    said = str(error) or type(error).__name__
    if isinstance(error, TimeoutError) or "timeout" in said.lower():
        return f"{place}: timed out ({said})"
    if isinstance(error, paramiko.AuthenticationException):
        return f"{place}: Permission denied ({said.rstrip('.')})"
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        return f"{place}: {said}"
    return f"{place}: Connection closed ({said})"


def _load_key(file: str) -> PKey:
    """As strict about the file's permissions as ssh."""
    try:
        state = Path(file).stat()
        if state.st_uid == os.getuid() and state.st_mode & 0o077:
            raise _Refused(f'Load key "{file}": bad permissions')
        return PKey.from_path(file)
    except FileNotFoundError as error:
        raise _Refused(f"no such identity: {file}: {os.strerror(errno.ENOENT)}") from error
    except OSError as error:
        raise _Refused(f'Load key "{file}": {error.strerror}') from error
    except (UnknownKeyType, UnsupportedAlgorithm) as error:
        raise _Refused(f'Load key "{file}": unsupported type of key') from error
    except (paramiko.SSHException, ValueError, TypeError) as error:
        raise _Refused(f'Load key "{file}": {error}') from error
