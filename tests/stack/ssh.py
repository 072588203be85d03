"""The gateway's SSH connections, whichever backend makes them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

from tests.stack.stack import Stack


def masters(stack: Stack) -> dict[str, int]:
    """By the name of the configuration: the login's id, and a number for further ones."""
    found = {}
    for config in (stack.run_dir / "ssh").glob("*.conf"):
        argv = ["ssh", "-F", str(config), "-O", "check", "shared"]
        said = subprocess.run(argv, capture_output=True, text=True, check=False).stderr
        if pid := re.search(r"pid=(\d+)", said):
            found[config.stem] = int(pid[1])
    return found


def masters_with_key(stack: Stack, key: Path) -> list[int]:
    """Those that log in with this key: the first connection's, then further ones'."""
    running = sorted(masters(stack).items())
    texts = {name: (stack.run_dir / "ssh" / f"{name}.conf").read_text() for name, _ in running}
    return [pid for name, pid in running if f'IdentityFile "{key}"' in texts[name]]


def lose_connections(stack: Stack) -> None:
    """kill -9 of every master; where there are none, of sshd's end of the sessions."""
    if not stack.tunnels_outlive_control_plane:
        stack.cluster.hang_up_ssh()
        return
    killed = masters(stack).values()
    assert killed
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
