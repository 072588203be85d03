"""The files that a login needs: where they are, and whether ssh accepts them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

MOUNT = Path("/app/ssh")  # where the container sees the key directory

FileCheck = Callable[[str, Path], str | None]  # (key, path) → the rule it breaks


def resolve_key(path: str, key_dir: Path) -> Path:
    """Where a key file is, on this machine: the same config serves container and native runs."""
    given = Path(path)
    if path.startswith("~/"):
        return Path.home() / path[2:]
    if given.is_relative_to(MOUNT) and not MOUNT.exists():
        given = given.relative_to(MOUNT)
    return given if given.is_absolute() else key_dir.absolute() / given


def file_rule(key: str, path: Path) -> str | None:
    """The rule that the file at `path` breaks, if any."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return f"must be a file; {path} is {_kind(status.st_mode)}"
        start = _start_of(path)
    except FileNotFoundError:
        return f"must exist; there is no {path}"
    except PermissionError:
        return unreadable(path)
    except OSError as error:
        return f"must be readable; {path}: {error.strerror}"
    return _private_key_rule(path, status, start) if key == "ssh_key_file" else None


def unreadable(path: Path) -> str:
    user = os.getuid()
    return f"must be readable by user {user}: chown {user} {path}, and its directory"


def _kind(mode: int) -> str:
    return "a directory" if stat.S_ISDIR(mode) else "a device, pipe or socket"


def _start_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(200)


def _private_key_rule(path: Path, status: os.stat_result, start: bytes) -> str | None:
    first_line = start.lstrip().partition(b"\n")[0]
    if not (first_line.startswith(b"-----BEGIN ") and b"PRIVATE KEY-----" in first_line):
        return f"must be a private key; {path} is not one"
    # ssh ignores the mode of another user's file, as in a bind mount
    if status.st_uid == os.getuid() and status.st_mode & 0o077:
        return f"must be readable by its owner only, or ssh refuses it: chmod 600 {path}"
    return None
