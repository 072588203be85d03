"""The files that a login needs: where they are, and whether ssh accepts them."""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .config_problem import all_near
from .rules import is_plain_path

MOUNT = Path("/app/ssh")  # where the container sees the key directory
MOST_BYTES = 64 * 1024
MOST_NAMES = 3
PUBLIC = re.compile(
    rb"(ssh-|ecdsa-|sk-)[a-z0-9@.-]+ AAAA|-----BEGIN [A-Z ]*PUBLIC KEY|---- BEGIN SSH2"
)


@dataclass(frozen=True)
class FileFault:
    """The rule that a file breaks, and names of files beside it that may be meant."""

    rule: str
    near: tuple[str, ...] = ()
    brief: str = ""  # the rule without the path and without the command that mends it


def _fault(brief: str, more: str, near: tuple[str, ...] = ()) -> FileFault:
    return FileFault(brief + more, near, brief)


FileCheck = Callable[[str, Path], FileFault | None]  # (key, path)


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
    fault = file_fault(key, path)
    return fault.rule if fault else None


def file_fault(key: str, path: Path) -> FileFault | None:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return _fault("must be a file", f"; {path} is {_kind(status.st_mode)}")
        content = _start_of(path)
    except FileNotFoundError:
        return _missing(key, path)
    except PermissionError:
        if _is_mine(path):
            return _fault("must be readable by its owner", f": chmod 600 {shlex.quote(str(path))}")
        return unreadable(path)
    except OSError as error:
        return _fault("must be readable", f"; {path}: {error.strerror}")
    return _private_key_fault(path, status, content) if key == "ssh_key_file" else None


def unreadable(path: Path) -> FileFault:
    user = os.getuid()
    return _fault(f"must be readable by user {user}", f": chown {user} {path}, and its directory")


def _is_mine(path: Path) -> bool:
    try:
        return path.stat().st_uid == os.getuid()
    except OSError:
        return False


def _kind(mode: int) -> str:
    return "a directory" if stat.S_ISDIR(mode) else "a device, pipe or socket"


def _start_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES)


def _missing(key: str, path: Path) -> FileFault:
    if not path.parent.exists():
        absent = [each for each in path.parents if not each.exists()]
        return _fault("must exist", f"; there is no directory {absent[-1]}")
    return FileFault(f"must exist; there is no {path}", _near(key, path), "must exist")


def _near(key: str, path: Path) -> tuple[str, ...]:
    """Files beside it with a similar name; for a key, or else the private keys there."""
    try:
        files = sorted(each for each in path.parent.iterdir() if each.is_file())
    except OSError:
        return ()
    if key == "ssh_key_file":
        files = [each for each in files if _is_private_key(each)]
    names = [each.name for each in files if is_plain_path(each.name)]
    near = all_near(path.name, names) or (names if key == "ssh_key_file" else [])
    return tuple(near[:MOST_NAMES])


def _is_private_key(path: Path) -> bool:
    try:
        return _looks_private(_start_of(path))
    except OSError:
        return False


def _looks_private(content: bytes) -> bool:
    first_line = content.lstrip().partition(b"\n")[0]
    return first_line.startswith(b"-----BEGIN ") and b"PRIVATE KEY-----" in first_line


def _private_key_fault(path: Path, status: os.stat_result, content: bytes) -> FileFault | None:
    if not _looks_private(content):
        return _another_kind(path, content)
    faults = list(_private_key_faults(path, status, content))
    if not faults:
        return None
    rule = "; ".join(fault.rule for fault in faults)
    return FileFault(rule, brief="; ".join(fault.brief for fault in faults))


def _private_key_faults(path: Path, status: os.stat_result, content: bytes) -> Iterator[FileFault]:
    quoted = shlex.quote(str(path))
    # ssh ignores the mode of another user's file, as in a bind mount
    if status.st_uid == os.getuid() and status.st_mode & 0o077:
        brief = "must be readable by its owner only, or ssh refuses it"
        yield _fault(brief, f": chmod 600 {quoted}")
    if _has_passphrase(content):
        yield _fault(
            "must have no passphrase, since the gateway cannot type it",
            ": make a key for the gateway alone (ssh-keygen -t ed25519 -N '' -f "
            f"{shlex.quote(f'{path}_gateway')}), or take the passphrase off "
            f"(ssh-keygen -p -N '' -f {quoted}). An ssh-agent is not asked",
        )
    if b"BEGIN OPENSSH" in content and (b"\r" in content or not content.endswith(b"\n")):
        yield _fault(
            "must have Unix line ends and a complete last line, or ssh cannot read it",
            rf": sed -i -e 's/\r$//' -e '$a\' {quoted}",
        )


def _another_kind(path: Path, content: bytes) -> FileFault:
    if PUBLIC.match(content):
        near = _near("ssh_key_file", path.with_name(path.stem))
        return FileFault(
            f"must be the private key; {path} is a public one", near, "must be the private key"
        )
    if content.startswith(b"PuTTY-User-Key-File"):
        made = shlex.quote(f"{path.with_suffix('')}_openssh")
        convert = f"puttygen {shlex.quote(str(path))} -O private-openssh -o {made}"
        rule = f"must be in OpenSSH's format, and {path} is PuTTY's: {convert}"
        return FileFault(rule, brief="must be in OpenSSH's format")
    return FileFault(
        f"must be a private key; {path} is not one",
        _near("ssh_key_file", path),
        "must be a private key",
    )


def _has_passphrase(content: bytes) -> bool:
    """Other keys that this library cannot read are left for ssh to judge."""
    # Takes some time to import, and not every command looks at keys.
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    openssh = b"BEGIN OPENSSH" in content
    load = serialization.load_ssh_private_key if openssh else serialization.load_pem_private_key
    try:
        load(content, None)
    except TypeError:
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return False
