"""One /bin/sh on a channel: send the script, read both streams, with limits on time and output."""

from __future__ import annotations

import contextlib
import select
import time
from dataclasses import dataclass, field

from paramiko import Channel, SSHException

from service_management.ssh.connection import OUTPUT_LIMIT
from service_management.ssh.script_envelope import REMOTE_COMMAND

_CHUNK = 65536


@dataclass
class Output:
    """What the command has written so far."""

    out: bytearray = field(default_factory=bytearray)
    err: bytearray = field(default_factory=bytearray)
    timed_out: bool = False

    @property
    def stdout(self) -> str:
        return self.out.decode("utf-8", errors="replace")

    @property
    def stderr(self) -> str:
        return self.err.decode("utf-8", errors="replace")

    @property
    def too_much(self) -> bool:
        return len(self.out) + len(self.err) > OUTPUT_LIMIT

    def drain(self, channel: Channel) -> None:
        while channel.recv_ready() and not self.too_much:
            self.out += channel.recv(_CHUNK)
        while channel.recv_stderr_ready() and not self.too_much:
            self.err += channel.recv_stderr(_CHUNK)


def run_on_channel(channel: Channel, script: str, deadline: float) -> Output:
    """Returns when the remote side is done or a limit is reached; closes the channel."""
    with channel:
        # A command that has ended takes no more of the script; its output is read all the same.
        with contextlib.suppress(SSHException, EOFError, OSError):
            channel.settimeout(max(deadline - time.monotonic(), 0.1))
            channel.exec_command(REMOTE_COMMAND)
            channel.sendall(script.encode())
            channel.shutdown_write()
        return _read(channel, deadline)


def _read(channel: Channel, deadline: float) -> Output:
    output, done = Output(), False
    poll = select.poll()
    poll.register(channel.fileno(), select.POLLIN)
    while not (done or output.too_much) and (left := deadline - time.monotonic()) > 0:
        poll.poll(left * 1000)
        # Checked before reading: whatever was sent before the end is then in `output`.
        done = bool(channel.eof_received) or channel.closed
        output.drain(channel)
    output.timed_out = not done
    return output
