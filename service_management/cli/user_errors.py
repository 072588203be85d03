"""Every exception that a person's mistake can lead to, as a sentence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from service_management.cli.gateway_client import GatewayError
from service_management.cli.printed_commands import NotPossible
from service_management.gateway.errors import GatewayRefused
from service_management.host.lock import Locked
from service_management.native.waiting import NativeError
from service_management.settings import SettingsError
from service_management.ssh.errors import ClusterError
from service_management.store import StoreRefused

_SENTENCES = (
    NotPossible,
    ClusterError,
    GatewayRefused,
    Locked,
    NativeError,
    GatewayError,
    SettingsError,
    StoreRefused,
)
EXPECTED = (*_SENTENCES, SQLAlchemyError, ModuleNotFoundError, UnicodeError, OSError)


def sentence(error: Exception) -> str:
    """The text of ours says what to do; others' texts get the place where to do it."""
    if isinstance(error, _SENTENCES):
        return str(error)
    if isinstance(error, OSError):
        return _os_error(error)
    if isinstance(error, UnicodeError):
        return f"a file that should be UTF-8 text is not: {error}"
    if isinstance(error, ModuleNotFoundError):
        return f"DATABASE_URL needs a driver that is not installed: {error.name}"
    return f"the store cannot be used, check DATABASE_URL and STATE_DIR: {_first_line(error)}"


def _os_error(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    hint = ""
    if isinstance(error, PermissionError):
        hint = "; run this as the user who owns it, or as root" + _other_owner(error)
    return f"{place}{error.strerror or error}{hint}"


def _other_owner(error: OSError) -> str:
    """In a container nobody sees by a name whose volume or directory it is."""
    owner, own = next(_owners(error), os.geteuid()), os.geteuid()
    if owner == own:
        return ""
    return f" (it is user {owner}'s, this is user {own}; a container's is ML_SERVICE_UID in .env)"


def _owners(error: OSError) -> Iterator[int]:
    """Of the file, else of the nearest directory that this user may look at."""
    place = Path(str(error.filename or "/"))
    for path in (place, *place.parents):
        with suppress(OSError):
            yield path.stat().st_uid


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0]
