"""Which implementation of the seam to SSH is used."""

from __future__ import annotations

from pathlib import Path

from service_management.ssh.connection import SshBackend
from service_management.ssh.openssh.openssh_backend import SOCKET_MASK, OpenSshBackend


def make_backend(
    name: str, run_dir: Path, state_dir: Path, socket_mask: int = SOCKET_MASK
) -> SshBackend:
    """`name` is the value of SSH_BACKEND."""
    if name == "paramiko":
        # Half a second of every start otherwise, and few need it.
        from service_management.ssh.paramiko.paramiko_backend import ParamikoBackend  # noqa: PLC0415

        return ParamikoBackend(state_dir, socket_mask)
    return OpenSshBackend(run_dir, state_dir, socket_mask)
