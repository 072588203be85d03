"""The unix sockets of tunnels: valid paths, their directory, and whether a process listens."""

from __future__ import annotations

import errno
import re
import socket
from pathlib import Path

from service_management.ssh.errors import SshError, SshProblem

LONGEST_PATH = 107  # bytes, a limit of the kernel
_SOCKET_PATH = re.compile(r"/[A-Za-z0-9_./@+=,~ -]+")  # no : \ % $ [ ], which `ssh -L` interprets


def has_listener(path: Path) -> bool:
    """Whether a process listens on the socket, found out without connecting to it.

    A datagram socket cannot connect to a stream socket: the kernel answers EPROTOTYPE where a
    process listens and ECONNREFUSED where it has ended. A real connect would open a channel to
    the service at every check.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            code = probe.connect_ex(str(path))
        except (OSError, ValueError):  # a path that is too long, or has a NUL
            return False
    return code == errno.EPROTOTYPE


def check_socket(socket: Path) -> None:
    path = str(socket)
    if len(path.encode()) > LONGEST_PATH or not _SOCKET_PATH.fullmatch(path):
        text = (
            f"{path!r} cannot be the socket of a tunnel: it must be an absolute path of at most "
            f"{LONGEST_PATH} bytes, without colons, brackets, percent or dollar signs. "
            f"Choose another RUN_DIR."
        )
        raise SshError(SshProblem.FORWARD_FAILED, text)


def make_parent(socket: Path) -> None:
    """Other users may pass through to a socket they are allowed to open, but not list the rest."""
    try:
        socket.parent.mkdir(mode=0o710, parents=True, exist_ok=True)
    except OSError as error:
        text = f"The directory of the tunnel socket {socket} cannot be made: {error.strerror}."
        raise SshError(SshProblem.FORWARD_FAILED, text) from error
