"""What a cluster takes from the machine: programs, a user, ports."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from demo import processes
from demo.spec import LONGEST_DIRECTORY, DemoError, Shape

PACKAGES = {
    "munged": "munge",
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "sbatch": "slurm-client",
    "sshd": "openssh-server",
    "ssh-keygen": "openssh-client",
    "useradd": "passwd",
    "runuser": "util-linux",
}
NETWORK_PACKAGES = {"ip": "iproute2", "tc": "iproute2", "nsenter": "util-linux"}
PRIVSEP = Path("/run/sshd")  # compiled into Debian's sshd, which does not start without it
PRIVSEP_OURS = PRIVSEP / ".io-demo"


def check(shape: Shape) -> None:
    """Raise one error that names everything that is missing."""
    needed = PACKAGES | (NETWORK_PACKAGES if shape == "hosts" else {})
    missing = {name: package for name, package in needed.items() if not find(name)}
    if missing:
        packages = " ".join(sorted(set(missing.values())))
        raise DemoError(
            f"missing on this machine: {', '.join(missing)}. Install: apt-get install {packages}"
        )
    if os.geteuid() != 0:
        raise DemoError("the demo cluster needs root (it adds a user and starts daemons): use sudo")


def find(program: str) -> str | None:
    return shutil.which(program, path=processes.PATH)


def run(
    argv: Sequence[str],
    timeout: float = 30,
    environment: Mapping[str, str] = {},
    data: bytes = b"",
) -> str:
    """The command's output; a DemoError with its error message if it fails."""
    try:
        done = subprocess.run(
            argv,
            env={"PATH": processes.PATH, **environment},
            input=data,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DemoError(f"no answer within {timeout:g} s: {' '.join(argv)}") from None
    if done.returncode != 0:
        words = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise DemoError(f"{' '.join(argv)} failed (exit {done.returncode}): {words}")
    return done.stdout.decode()


def check_directory(directory: Path) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_./+-]+", str(directory)):
        raise DemoError(
            f"{directory} does not do for Slurm's configuration: choose a --dir of letters, "
            "digits and . _ + - only"
        )
    if len(str(directory)) > LONGEST_DIRECTORY:
        raise DemoError(
            f"{directory} is too long for unix sockets below it: choose a shorter --dir"
        )
    for parent in directory.parents:
        if parent.exists() and not parent.stat().st_mode & 0o001:
            raise DemoError(f"the login user cannot enter {parent}: choose another --dir")


def add_user(name: str, home: Path) -> int:
    """The login user of one cluster; one that is there already must be this cluster's."""
    with suppress(KeyError):
        entry = pwd.getpwnam(name)
        if entry.pw_dir != str(home):
            raise DemoError(f"user {name} exists (home {entry.pw_dir}): choose another --user")
        return entry.pw_uid
    # '*' and not the default '!': sshd without PAM refuses the latter as a locked account.
    options = ["--system", "--no-create-home", "--shell", "/bin/bash", "--password", "*"]
    _with_retries(["useradd", *options, "--gid", "nogroup", "--home-dir", str(home), name])
    return pwd.getpwnam(name).pw_uid


def remove_user(name: str, home: Path) -> None:
    with suppress(KeyError):
        entry = pwd.getpwnam(name)
        if entry.pw_dir == str(home):
            # A login or a job's step that began during the end of the others.
            processes.end_now(processes.of_user(entry.pw_uid))
            _with_retries(["userdel", name])


def users_of(home: Path) -> list[str]:
    return [entry.pw_name for entry in pwd.getpwall() if entry.pw_dir == str(home)]


def _with_retries(argv: list[str]) -> None:
    """Another useradd at the same moment holds the lock on /etc/passwd, for milliseconds; and a
    process that was killed may still be there when its user is removed."""
    for _ in range(20):
        try:
            run(argv)
        except DemoError as error:
            if not any(words in str(error) for words in ("lock", "currently used")):
                raise
            processes.wait_until(lambda: False, 0.1)
        else:
            return
    run(argv)


def port_is_free(port: int, address: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def free_ports(tag: str, count: int) -> list[int]:
    """Below the kernel's range for outgoing connections; each directory begins elsewhere."""
    first, last = 17000, 30000
    offset = int(tag, 16) % (last - first)
    candidates = (first + (offset + step) % (last - first) for step in range(last - first))
    ports = [port for port, _ in zip(filter(port_is_free, candidates), range(count), strict=False)]
    if len(ports) < count:
        raise DemoError(f"no {count} free ports between {first} and {last}")
    return ports


def make_privsep_directory() -> None:
    if not PRIVSEP.exists():
        PRIVSEP.mkdir(mode=0o755, parents=True)
        PRIVSEP_OURS.touch()


def remove_privsep_directory() -> None:
    """The last demo cluster removes what the first one made, once no sshd uses it."""
    running = processes.matching(lambda pid: processes.command(pid) == "sshd")
    if PRIVSEP_OURS.exists() and not running:
        PRIVSEP_OURS.unlink()
        with suppress(OSError):
            PRIVSEP.rmdir()
