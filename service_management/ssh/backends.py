"""Makes the SSH backend that SSH_BACKEND names."""

from __future__ import annotations

from pathlib import Path

from service_management.ssh.connection import SOCKET_MASK, SshBackend
from service_management.ssh.openssh.openssh_backend import OpenSshBackend


def make_backend(
    name: str, run_dir: Path, state_dir: Path, socket_mask: int = SOCKET_MASK
) -> SshBackend:
    """`name` is the value of SSH_BACKEND."""
    if name == "paramiko":
        # Imported here: it takes half a second, and few installations need it.
        from service_management.ssh.paramiko.paramiko_backend import ParamikoBackend  # noqa: PLC0415

        return ParamikoBackend(state_dir, socket_mask)
    return OpenSshBackend(run_dir, state_dir, socket_mask)
