"""The processes of a gateway's nginx."""

from __future__ import annotations

from pathlib import Path

from tests.stack.stack import Stack


def master(stack: Stack) -> int:
    return int((stack.run_dir / "nginx" / "nginx.pid").read_text())


def accepting(stack: Stack) -> set[int]:
    """Workers that are not shutting down."""
    pid = master(stack)
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(child) for child in children if "shutting down" not in _title(child)}


def _title(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return "shutting down"
