"""Checks one object of the file against the model: its valid values and all its faults."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .config_problem import UNKNOWN_KEY, Fault, nearest, plain, shown
from .models import Service

FIELDS = Service.model_fields
REQUIRED = tuple(key for key, field in FIELDS.items() if field.is_required())
NOT_IN_DEFAULTS = frozenset({"name", "route_name", "local_port"})
# Valid values in place of faulty ones, so that the others can still be checked against each
# other. They never leave this package.
STAND_INS = {key: (FIELDS[key].examples or [None])[0] for key in REQUIRED}


@dataclass(frozen=True)
class Checked:
    """Valid values, faults, and the keys that were given, misspelt ones included."""

    good: dict[str, Any]
    faults: tuple[Fault, ...]
    meant: frozenset[str]


def check(given: dict[str, Any], allowed: Collection[str] = tuple(FIELDS)) -> Checked:
    """Check the keys and values that are given; `missing` finds those that are not."""
    unknown = tuple(
        _unknown(key, value, allowed) for key, value in given.items() if key not in allowed
    )
    known = {key: value for key, value in given.items() if key in allowed}
    errors = _errors(known)
    failed = {error["loc"][0] for error in errors}
    return Checked(
        good={key: value for key, value in known.items() if key not in failed},
        faults=(*unknown, *map(_fault, errors)),
        meant=frozenset(known) | {fault.suggestion for fault in unknown},
    )


def missing(meant: Collection[str]) -> tuple[Fault, ...]:
    return tuple(Fault(key, "", "must be given") for key in REQUIRED if key not in meant)


def service_of(good: dict[str, Any]) -> Service:
    """A service with these values, and stand-ins for the keys that are missing."""
    return Service.model_validate({**STAND_INS, **good})


def _unknown(key: str, value: Any, allowed: Collection[str]) -> Fault:
    if key in NOT_IN_DEFAULTS:
        return Fault(key, shown(value), "must be given per service, not in Defaults")
    # Without the value: it may be a secret whose key is misspelt.
    return Fault(plain(key), "", UNKNOWN_KEY, nearest(key, allowed))


def _errors(known: dict[str, Any]) -> list[ErrorDetails]:
    try:
        service_of(known)
    except ValidationError as error:
        return error.errors(include_url=False)
    return []


def _fault(error: ErrorDetails) -> Fault:
    context = error.get("ctx", {})
    rule, key = str(context.get("rule") or error["msg"]), _path(error["loc"])
    suggestion = str(context.get("suggestion", ""))
    if error["loc"][-1] == "[key]":
        return Fault(key, "", rule, suggestion)
    if error["loc"][0] == "env":  # its values are secrets; a suggestion would repeat them
        return Fault(key, "", rule)
    return Fault(key, shown(error["input"]), rule, suggestion)


def _path(location: tuple[int | str, ...]) -> str:
    key, *inner = (part for part in location if part != "[key]")
    steps = (f"[{part}]" if isinstance(part, int) else f".{plain(part)}" for part in inner)
    return str(key) + "".join(steps)
