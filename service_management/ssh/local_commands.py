"""Run a local program with limits on time and output, in its own process group."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_CHUNK = 1 << 16


@dataclass(frozen=True)
class Completed:
    """How the program ended; `exit_code` is None where a limit ended it."""

    exit_code: int | None
    stdout: str
    stderr: str
    too_much: bool = False  # the limit on output


def run_process(argv: Sequence[str], data: str, timeout: float, limit: int = 1 << 20) -> Completed:
    with _in_memory(data) as stdin:
        process = subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )
    with process:
        output = _Output(process)
        try:
            in_time = output.collect(time.monotonic() + timeout, limit)
        except BaseException:
            _kill_group(process)
            raise
        if not in_time:
            # The pipes are not read to their end: ssh hands them to the master, which keeps them
            # open as long as the remote command runs.
            _kill_group(process)
    too_much = output.size() > limit
    return Completed(process.returncode if in_time else None, *output.texts(), too_much)


@dataclass
class _Output:
    """Both output streams of a process, read side by side."""

    process: subprocess.Popen[bytes]
    out: bytearray = field(default_factory=bytearray)
    err: bytearray = field(default_factory=bytearray)

    def collect(self, deadline: float, limit: int) -> bool:
        """Read until the process has ended; False where a limit was reached first."""
        assert self.process.stdout is not None  # noqa: S101 - both are pipes
        assert self.process.stderr is not None  # noqa: S101
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ, self.out)
            selector.register(self.process.stderr, selectors.EVENT_READ, self.err)
            while selector.get_map():
                ready = selector.select(max(deadline - time.monotonic(), 0))
                for key, _ in ready:
                    chunk = os.read(key.fd, _CHUNK)
                    key.data.extend(chunk)
                    if not chunk:
                        selector.unregister(key.fileobj)
                if not ready or self.size() > limit:
                    return False
        return self._ended(deadline)

    def size(self) -> int:
        return len(self.out) + len(self.err)

    def texts(self) -> tuple[str, str]:
        return self.out.decode("utf-8", "replace"), self.err.decode("utf-8", "replace")

    def _ended(self, deadline: float) -> bool:
        try:
            self.process.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            return False
        return True


@contextlib.contextmanager
def _in_memory(data: str) -> Iterator[int]:
    """A file for the program's standard input. Not a pipe, which would have to be fed while the
    output is read, and not on a disk: a script may contain a secret."""
    descriptor = os.memfd_create("stdin")
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(data.encode())
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def run_detached(argv: Sequence[str], timeout: float) -> int | None:
    """Run a program that goes on in the background after it has returned: it shares no pipe with
    this process and gets none of the signals sent to our process group."""
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )
    try:
        return process.wait(timeout)
    except BaseException as error:
        _kill_group(process)
        process.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            return None
        raise


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
