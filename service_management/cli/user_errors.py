"""Every expected exception, as a sentence for the operator."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# This project's own exceptions, and SQLAlchemy's, by the module that defines them: where that was
# not loaded it raised nothing, and a refusal in one line need not wait for it either.
_SENTENCES = {
    "service_management.cli.gateway_client": "GatewayError",
    "service_management.cli.printed_commands": "NotPossible",
    "service_management.gateway.render": "GatewayRefused",
    "service_management.host.lock": "Locked",
    "service_management.native.waiting": "NativeError",
    "service_management.settings": "SettingsError",
    "service_management.ssh.errors": "ClusterError",
    "service_management.store": "StoreRefused",
}
# SQLAlchemy's default drivers: https://docs.sqlalchemy.org/en/20/dialects/
_DRIVERS = {"psycopg2", "psycopg", "asyncpg", "pg8000", "MySQLdb", "pymysql", "oracledb", "pyodbc"}
_STORE = {"sqlalchemy.exc": "SQLAlchemyError"}


def sentence(error: Exception) -> str | None:
    """This project's own exceptions say what to do. Others get the place where to look. None for
    what is not expected."""
    if isinstance(error, _loaded(_SENTENCES)):
        return str(error)
    if isinstance(error, OSError):
        return _os_error(error)
    if isinstance(error, UnicodeError):
        return f"a file is not UTF-8 text: {error}"
    if isinstance(error, ModuleNotFoundError) and error.name in _DRIVERS:
        return f"DATABASE_URL needs a driver that is not installed: {error.name}"
    if isinstance(error, _loaded(_STORE)):
        return f"the store cannot be used; check DATABASE_URL and STATE_DIR: {_first_line(error)}"
    return None


def _loaded(classes: dict[str, str]) -> tuple[type[Exception], ...]:
    found = (getattr(sys.modules.get(module), name, None) for module, name in classes.items())
    return tuple(filter(None, found))


def _os_error(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    hint = ""
    if isinstance(error, PermissionError):
        hint = "; run this as the user who owns it, or as root" + _other_owner(error)
    return f"{place}{error.strerror or error}{hint}"


def _other_owner(error: OSError) -> str:
    """By number: in a container the owner of a volume or directory has no name."""
    owner, own = next(_owners(error), os.geteuid()), os.geteuid()
    if owner == own:
        return ""
    return (
        f" (its owner is user {owner}, this is user {own}; in a container, ML_SERVICE_UID in .env)"
    )


def _owners(error: OSError) -> Iterator[int]:
    """Of the file, then of the directories above it, as far as this user can see them."""
    place = Path(str(error.filename or "/"))
    for path in (place, *place.parents):
        with suppress(OSError):
            yield path.stat().st_uid


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0]
