"""Files that change in one step."""

from __future__ import annotations

from pathlib import Path


def symlink_atomically(link: Path, target: Path) -> None:
    """Make `link` point to `target`; at no moment is it missing or half made."""
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)
