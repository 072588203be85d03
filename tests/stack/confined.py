"""What the systemd unit forbids, without systemd: a user with no privilege, a file system that is
read-only but for the unit's directories, the unit's system calls and no others.

As a program: <unit> <argv…> takes on the unit's filter, and becomes argv.
"""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.stack.stack import ROOT

USER = "nobody"
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM  # libseccomp's actions


def values(unit: Path, key: str) -> list[str]:
    lines = unit.read_text().splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{key}=")]


def argv(unit: Path, writable: Sequence[Path], command: Sequence[str]) -> list[str]:
    """A command line that runs the command as the unit would."""
    # Below /tmp, /root and /home, which the unit does not see, there may be what the test needs.
    needed = {ROOT, Path(sys.prefix).resolve(), Path(sys.base_prefix), unit.parent}
    seen = [word for path in needed for word in _read_only(path)]
    ours = [word for path in writable for word in ("--bind", str(path), str(path))]
    own = [word for path in ("/tmp", "/var/tmp") for word in ("--perms", "1777", "--tmpfs", path)]
    hidden = [*own, "--tmpfs", "/root", "--tmpfs", "/home"]
    return [
        *("bwrap", "--cap-add", "ALL", "--ro-bind", "/", "/", "--dev", "/dev"),
        *(*hidden, *seen, *ours),
        *("setpriv", f"--reuid={USER}", "--regid=nogroup", "--clear-groups", "--no-new-privs"),
        *("--inh-caps=-all", "--bounding-set=-all"),
        *(sys.executable, "-m", __name__, str(unit), *command),
    ]


def _read_only(path: Path) -> list[str]:
    """bwrap would make the directories above it its own, and root's alone."""
    above = [word for parent in path.parents for word in (str(parent), "--dir", "0755", "--perms")]
    return [*reversed(above), "--ro-bind", str(path), str(path)]


def allowed(unit: Path) -> set[str]:
    """Later lines add and take away, as systemd reads them."""
    found: set[str] = set()
    for line in values(unit, "SystemCallFilter"):
        calls = _calls(line.removeprefix("~"))
        found = found - calls if line.startswith("~") else found | calls
    return found


def _calls(name: str) -> set[str]:
    if not name.startswith("@"):
        return {name}
    listed = subprocess.run(
        ["systemd-analyze", "syscall-filter", name], check=True, text=True, capture_output=True
    )
    inner = [line.strip() for line in listed.stdout.splitlines()[1:] if line.strip()]
    return {call for word in inner if not word.startswith("#") for call in _calls(word)}


def confine(calls: set[str]) -> None:
    """From now on, and for every child: other system calls fail, as if by EPERM."""
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(_REFUSE))
    for call in sorted(calls):
        number = seccomp.seccomp_syscall_resolve_name(call.encode())
        if number >= 0:  # else one of another architecture
            seccomp.seccomp_rule_add(context, _ALLOW, number, 0)
    if seccomp.seccomp_load(context) != 0:
        raise OSError("the filter was not taken")


def main() -> None:
    unit, *command = sys.argv[1:]
    confine(allowed(Path(unit)))
    os.umask(int(values(Path(unit), "UMask")[0], 8))
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
