"""Checks one object of the file against the model: its valid values and all its faults."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from . import unknown_keys
from .config_problem import UNKNOWN_KEY, Fault, shown
from .models import Service
from .positions import Path

FIELDS = Service.model_fields
REQUIRED = tuple(key for key, field in FIELDS.items() if field.is_required())
MISSING = "must be given"
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


def check(given: dict[str, Any], inherited: Iterable[str] = ()) -> Checked:
    """Check the keys and values of a service that are given; `missing` finds those that are not.
    `inherited` are the sbatch_args of Defaults."""
    return _checked(given, tuple(FIELDS), inherited)


def check_defaults(given: dict[str, Any]) -> Checked:
    of_services = {key: value for key, value in given.items() if key in NOT_IN_DEFAULTS}
    rest = {key: value for key, value in given.items() if key not in NOT_IN_DEFAULTS}
    allowed = tuple(key for key in FIELDS if key not in NOT_IN_DEFAULTS)
    checked = _checked(rest, allowed)
    faults = tuple(
        Fault((key,), shown(value), "must be given per service, not in Defaults")
        for key, value in of_services.items()
    )
    return replace(checked, faults=(*faults, *checked.faults))


def _checked(
    given: dict[str, Any], allowed: Collection[str], inherited: Iterable[str] = ()
) -> Checked:
    unknown = unknown_keys.explain(given, allowed, inherited)
    known = {key: value for key, value in given.items() if key in allowed}
    errors = _errors(known)
    failed = {error["loc"][0] for error in errors}
    return Checked(
        good={key: value for key, value in known.items() if key not in failed},
        faults=(*unknown.faults, *_faults(errors)),
        meant=frozenset(known) | unknown.meant,
    )


def missing(meant: Collection[str]) -> tuple[Fault, ...]:
    return tuple(Fault((key,), "", MISSING) for key in REQUIRED if key not in meant)


def service_of(good: dict[str, Any]) -> Service:
    """A service with these values, and stand-ins for the keys that are missing."""
    return Service.model_validate({**STAND_INS, **good})


def _errors(known: dict[str, Any]) -> list[ErrorDetails]:
    try:
        service_of(known)
    except ValidationError as error:
        return error.errors(include_url=False)
    return []


def _faults(errors: Iterable[ErrorDetails]) -> list[Fault]:
    """A key inside of a value that is only misspelt is not missing as well."""
    faults = [_fault(error) for error in errors]
    meant = {(*fault.path[:-1], fault.suggestion) for fault in faults if fault.rule == UNKNOWN_KEY}
    return [fault for fault in faults if fault.rule != MISSING or fault.path not in meant]


def _fault(error: ErrorDetails) -> Fault:
    context = error.get("ctx", {})
    rule = str(context.get("rule") or error["msg"])
    path: Path = tuple(part for part in error["loc"] if part != "[key]")
    if error["loc"][-1] == "[key]":
        return Fault(path, "", rule, str(context.get("suggestion", "")))
    if error["type"] == "missing":
        return Fault(path, "", MISSING)
    if error["type"] == "extra_forbidden":
        return Fault(path, "", UNKNOWN_KEY, unknown_keys.near_schedule_key(str(path[-1])))
    if path[0] == "env":  # its values are secrets; a suggestion would repeat them
        return Fault(path, "", rule)
    return Fault(path, shown(error["input"]), rule, str(context.get("suggestion", "")))
