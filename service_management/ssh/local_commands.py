"""Running a local program with a time limit, in a process group of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Completed:
    """How it ended; `exit_code` is None where the time limit ended it."""

    exit_code: int | None
    stdout: str
    stderr: str


def run_process(argv: Sequence[str], data: str, timeout: float) -> Completed:
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        cwd="/",
    )
    with process:
        try:
            out, err = process.communicate(data.encode(), timeout)
        except subprocess.TimeoutExpired as late:
            # Not read to their end: ssh hands its pipes to the master, which keeps them open for
            # as long as the command over there runs.
            _kill_group(process)
            return Completed(None, _text(late.stdout), _text(late.stderr))
        except BaseException:
            _kill_group(process)
            raise
    return Completed(process.returncode, _text(out), _text(err))


def run_detached(argv: Sequence[str], timeout: float) -> int | None:
    """A program that goes on in the background after it has returned: no pipe may tie it to us,
    and no signal meant for our process group may reach it."""
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


def write_private(path: Path, text: str) -> None:
    """Put a file in place at once and whole, readable by its owner only."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", errors="replace")
