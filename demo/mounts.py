"""The Python that jobs run, and the bind mounts that make it readable for the login user."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from contextlib import suppress
from pathlib import Path

from demo import machine
from demo.spec import DemoError, Python


def choose_python(user: str, directory: Path) -> Python:
    """The running interpreter with its packages, in a way that the login user can execute.

    It may lie where only root can go (below /root, in a private clone): then its prefix and
    its packages are bind-mounted into the cluster's directory.
    """
    direct = Python(sys.executable, {})
    if _works(direct, user):
        return direct
    base, site = directory / "python" / "base", directory / "python" / "site"
    mounts = ((sys.base_prefix, str(base)), (sysconfig.get_path("purelib"), str(site)))
    for source, target in mounts:
        mount(source, Path(target))
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    environment = {"LD_LIBRARY_PATH": str(base / "lib"), "PYTHONPATH": str(site)}
    mounted = Python(str(base / "bin" / name), environment, mounts)
    if not _works(mounted, user):
        raise DemoError(f"user {user} cannot run {sys.executable}, not even through a bind mount")
    return mounted


def _works(python: Python, user: str) -> bool:
    settings = [f"{key}={value}" for key, value in python.environment.items()]
    command = [python.argv0, "-c", "import typer, json, ssl"]
    with suppress(DemoError):
        machine.run(["runuser", "-u", user, "--", "env", "-C", "/", *settings, *command])
        return True
    return False


def mount(source: str, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    if str(target) not in _mounts_below(target.parent):
        machine.run(["mount", "--bind", source, str(target)])


def unmount_below(directory: Path) -> None:
    """Or raise DemoError: removing the directory would remove what is mounted there."""
    for target in reversed(_mounts_below(directory)):
        machine.run(["umount", "--lazy", target])
    if left := _mounts_below(directory):
        raise DemoError(f"{left[0]} is still mounted: unmount it, then try again")


def _mounts_below(directory: Path) -> list[str]:
    """The kernel writes blanks and backslashes as octal numbers."""
    table = os.fsdecode(Path("/proc/self/mounts").read_bytes()).splitlines()
    words = (line.split(" ")[1] for line in table)
    places = [re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), word) for word in words]
    return [place for place in places if place.startswith(f"{directory}/")]
