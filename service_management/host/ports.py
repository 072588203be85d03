"""Who listens at a port of this machine, and whether it could be listened at: for error texts."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LISTENING = "0A"


@dataclass(frozen=True)
class Process:
    pid: int
    command: str

    def __str__(self) -> str:
        return f"{self.command.split(' ')[0].rpartition('/')[2]} (process {self.pid})"


def complaint(host: str, port: int) -> OSError | None:
    """Why this address could not be listened at just now."""
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
    """The same for people."""
    if error.errno == errno.EADDRINUSE:
        found = ", ".join(map(str, holders(port))) or "another user's process"
        return f"port {port} is taken by {found}"
    if error.errno == errno.EACCES:
        return f"port {port} may only be listened at by root"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine"
    return f"{host} port {port} cannot be listened at: {error.strerror}"


def listening_users(port: int) -> set[int]:
    """Whose processes listen at the port: this much of others' processes everybody may see."""
    return {int(columns[7]) for columns in _listening(port)}


def holders(port: int) -> list[Process]:
    """Processes that listen at the port, as far as this user may see them."""
    return _that_have({columns[9] for columns in _listening(port)})


def socket_holders(place: Path) -> list[Process]:
    """Processes that listen at this unix socket, or are connected to a listener there."""
    lines = (line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:])
    return _that_have({columns[6] for columns in lines if columns[7:] == [str(place)]})


def _that_have(inodes: set[str]) -> list[Process]:
    wanted = {f"socket:[{inode}]" for inode in inodes}
    return [process for process in _processes() if wanted & _descriptors(process.pid)]


def _listening(port: int) -> Iterator[list[str]]:
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        lines = table.read_text().splitlines()[1:] if table.exists() else []
        for columns in (line.split() for line in lines):
            if columns[3] == _LISTENING and int(columns[1].rpartition(":")[2], 16) == port:
                yield columns


def _processes() -> Iterator[Process]:
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
            yield Process(int(entry.name), command.decode(errors="replace").strip())


def _descriptors(pid: int) -> set[str]:
    found: set[str] = set()
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(descriptor.readlink()))
    return found
