"""Unix sockets: who listens, and what a path may look like."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

LONGEST_PATH = 107  # bytes the kernel has room for


def somebody_listens(path: Path) -> bool:
    """Whether a live process holds the socket, found out without connecting to it.

    A datagram socket cannot connect to a stream socket: the kernel says EPROTOTYPE where one is
    bound and ECONNREFUSED where its process is gone. Connecting for real would open a channel to
    the service at every look.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            code = probe.connect_ex(str(path))
        except (OSError, ValueError):  # a path too long, or with a NUL
            return False
    return code == errno.EPROTOTYPE
