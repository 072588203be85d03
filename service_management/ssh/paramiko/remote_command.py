"""One /bin/sh on a channel: the script goes in, both streams come out, within a time limit."""

from __future__ import annotations

import contextlib
import select
import time
from dataclasses import dataclass

from paramiko import Channel, SSHException

from service_management.ssh.script_envelope import REMOTE_COMMAND

_CHUNK = 65536


@dataclass(frozen=True)
class Heard:
    stdout: str
    stderr: str
    timed_out: bool


def converse(channel: Channel, script: str, deadline: float) -> Heard:
    """Ends when the far side is through, or the time is."""
    with channel:
        # A command that ended unasked takes no script; what it said is read all the same.
        with contextlib.suppress(SSHException, EOFError, OSError):
            channel.settimeout(max(deadline - time.monotonic(), 0.1))
            channel.exec_command(REMOTE_COMMAND)
            channel.sendall(script.encode())
            channel.shutdown_write()
        return _listen(channel, deadline)


def _listen(channel: Channel, deadline: float) -> Heard:
    out, err = bytearray(), bytearray()
    poll = select.poll()
    poll.register(channel.fileno(), select.POLLIN)
    over = False
    while not over and (left := deadline - time.monotonic()) > 0:
        poll.poll(left * 1000)
        # Read before looking: what came before the end is then in `out`.
        over = bool(channel.eof_received) or channel.closed
        _drain(channel, out, err)
    return Heard(_text(out), _text(err), timed_out=not over)


def _drain(channel: Channel, out: bytearray, err: bytearray) -> None:
    while channel.recv_ready():
        out += channel.recv(_CHUNK)
    while channel.recv_stderr_ready():
        err += channel.recv_stderr(_CHUNK)


def _text(data: bytearray) -> str:
    return data.decode("utf-8", errors="replace")
