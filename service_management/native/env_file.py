"""`.env`: made from its template, with secrets that differ between installations."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values

from service_management.atomic_files import write_private

_SECRETS: dict[str, Callable[[], str]] = {
    "ADMIN_TOKEN": lambda: secrets.token_urlsafe(32),
    "ORCHESTRATOR_ID": lambda: f"io-{secrets.token_hex(3)}",
}


def make_secrets(env_file: Path, template: Path, environment: Mapping[str, str]) -> list[str]:
    """What was changed, as sentences; empty if nothing was missing."""
    text = (env_file if env_file.exists() else template).read_text()
    given = dotenv_values(stream=StringIO(text))
    lacking = [name for name in _SECRETS if not given.get(name) and not environment.get(name)]
    if lacking or not env_file.exists():
        write_private(env_file, _filled(text, lacking))
        return [f"made {name}" for name in lacking]
    return _made_private(env_file, given)


def _filled(text: str, names: list[str]) -> str:
    kept = [line for line in text.splitlines() if line.partition("=")[0].strip() not in names]
    return "\n".join([*kept, *(f"{name}={_SECRETS[name]()}" for name in names)]) + "\n"


def _made_private(env_file: Path, given: Mapping[str, str | None]) -> list[str]:
    """The token is for operators, not for every account of this machine. The gateway's group may
    read it (host/gateway_user.py)."""
    status = env_file.stat()
    if not given.get("ADMIN_TOKEN") or not status.st_mode & 0o037 or status.st_uid != os.geteuid():
        return []
    env_file.chmod(0o600)
    return ["closed it to other users (mode 600)"]
