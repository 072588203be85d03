"""Whether a port of this machine is free, and which process occupies it."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from pathlib import Path

from service_management.gateway.process_table import listeners, title

_LISTENING = "0A"  # as the kernel writes TCP_LISTEN


def complaint(host: str, port: int) -> OSError | None:
    """Why a program could not listen at this address; None if it could."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None


def sentence(host: str, port: int, error: OSError) -> str:
    """The same as a sentence."""
    if error.errno == errno.EADDRINUSE:
        found = ", ".join(map(_program, listeners(port))) or "another user's process"
        return f"port {port} is taken by {found}"
    if error.errno == errno.EACCES:
        return f"only root may listen at port {port}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine"
    return f"cannot listen at {host} port {port}: {error.strerror}"


def listening_users(port: int) -> set[int]:
    """Who listens at the port. The kernel shows everybody the users of all sockets, but psutil
    leaves out what only belongs to processes of other users."""
    return {int(columns[7]) for columns in _listening(port)}


def _listening(port: int) -> Iterator[list[str]]:
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        lines = table.read_text().splitlines()[1:] if table.exists() else []
        for columns in (line.split() for line in lines):
            if columns[3] == _LISTENING and int(columns[1].rpartition(":")[2], 16) == port:
                yield columns


def _program(pid: int) -> str:
    return f"{title(pid).split(' ')[0].rpartition('/')[2]} (process {pid})"
