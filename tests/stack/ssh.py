"""The gateway's SSH connections, whichever backend makes them."""

from __future__ import annotations

import os
import re
import signal
import subprocess

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


def lose_connections(stack: Stack) -> None:
    """kill -9 of every master; where there are none, of sshd's end of the sessions."""
    if not stack.tunnels_outlive_control_plane:
        stack.cluster.hang_up_ssh()
        return
    killed = masters(stack).values()
    assert killed
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
