"""A file system that hangs as a stalled NFS or Lustre does: every access to it waits, and the
process that waits survives SIGKILL."""

from __future__ import annotations

import ctypes
import os
import select
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HEADER, _INIT_BODY = struct.Struct("<IIQ"), struct.Struct("<IIIIHHIIHHI7I")
_INIT, _DETACH = 26, 2


@contextmanager
def stalled(directory: Path) -> Iterator[None]:
    """FUSE, with a server that takes every request and answers only the first one, INIT."""
    device = os.open("/dev/fuse", os.O_RDWR | os.O_NONBLOCK)
    stop, stopped = os.pipe()
    server = threading.Thread(target=_serve, args=(device, stop), daemon=True)
    try:
        _mount(directory, device)
        server.start()
        yield
        _libc.umount2(str(directory).encode(), _DETACH)
    finally:
        os.close(stopped)
        if server.ident:
            server.join()
        os.close(stop)
        os.close(device)  # frees the waiting processes


_libc = ctypes.CDLL(None, use_errno=True)


def _mount(directory: Path, device: int) -> None:
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"
    if _libc.mount(b"stalled", str(directory).encode(), b"fuse", 0, options.encode()) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"cannot mount on {directory}: {os.strerror(error)}")


def _serve(device: int, stop: int) -> None:
    while stop not in select.select([device, stop], [], [])[0]:
        request = os.read(device, 1 << 20)
        _length, opcode, unique = _HEADER.unpack_from(request)
        if opcode == _INIT:
            major, minor, readahead = struct.unpack_from("<III", request, 40)
            body = _INIT_BODY.pack(
                major, min(minor, 31), readahead, 0, 12, 10, 65536, 1, 16, 0, 0, *[0] * 7
            )
            os.write(device, struct.pack("<IiQ", 16 + len(body), 0, unique) + body)
