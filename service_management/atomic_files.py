"""Files and links that are replaced in one step: a reader, or the next process after a kill, never
meets a half-made one."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def symlink_atomically(link: Path, target: Path) -> None:
    """Make `link` point to `target`; at no moment is it missing or half made."""
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner only."""
    with _draft(path, text) as draft:
        draft.replace(path)


def rewrite(path: Path, text: str) -> None:
    """Replace the text of a file in one step. Its mode, its owner and links to it stay."""
    place = path.resolve()
    before = place.stat()
    with _draft(place, text) as draft:
        draft.chmod(stat.S_IMODE(before.st_mode))
        with suppress(PermissionError):  # only root can give a file away
            os.chown(draft, before.st_uid, before.st_gid)
        draft.replace(place)


@contextmanager
def _draft(path: Path, text: str) -> Iterator[Path]:
    """A private file beside it, removed where it does not take its place."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        yield draft
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
