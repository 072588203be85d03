"""One service of the file, with the defaults applied and the files that it names checked."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .across import CheckedEntry, within
from .checks import Checked, check, missing, service_of
from .config_problem import DEFAULTS, Fault, Problem, shown
from .keyfiles import FileCheck, resolve_key
from .models import Service
from .rules import FILE_RULE, is_plain_path

FILE_KEYS = ("ssh_key_file", "known_hosts_file")


@dataclass(frozen=True)
class Surroundings:
    """What else the file is checked against."""

    key_dir: Path
    gateway_ports: Collection[int]
    file_check: FileCheck | None  # None: do not look at the files


def read(
    label: str, given: dict[str, Any], defaults: Checked, around: Surroundings
) -> tuple[CheckedEntry, list[Problem]]:
    """The service and its problems. A faulty default is a problem of Defaults."""
    own = check(given)
    beneath = {key: value for key, value in defaults.good.items() if key not in own.meant}
    if not own.meant & {"local_port"}:
        beneath.pop("local_host", None)  # a default address serves those that have a port
    good = {**beneath, **own.good}
    meant = own.meant | defaults.meant
    entry = CheckedEntry(label, service_of(good), frozenset(good), frozenset(meant - good.keys()))
    faults = [*own.faults, *missing(meant), *within(entry, around.gateway_ports)]
    problems = [fault.of(label) for fault in faults]
    for fault in _file_faults(entry, around):
        problems.append(fault.of(DEFAULTS if fault.key in beneath else label))
    return entry, problems


def resolved(service: Service, key_dir: Path) -> Service:
    """The service with the paths of its files on this machine."""
    places = {key: getattr(service, key) for key in FILE_KEYS}
    return service.model_copy(
        update={key: str(resolve_key(path, key_dir)) for key, path in places.items() if path}
    )


def _file_faults(entry: CheckedEntry, around: Surroundings) -> Iterator[Fault]:
    for key in FILE_KEYS:
        given = getattr(entry.service, key)
        if not given or not entry.has(key):
            continue
        rule = _place_rule(key, resolve_key(given, around.key_dir), around)
        if rule:
            near = shown(given.removesuffix(".pub")) if given.endswith(".pub") else ""
            yield Fault(key, shown(given), rule, near)


def _place_rule(key: str, place: Path, around: Surroundings) -> str | None:
    """The whole path is checked: the service keeps it with the key directory's name in it."""
    if not is_plain_path(str(place)):
        return f"{FILE_RULE}; here it is {place}"
    return around.file_check(key, place) if around.file_check else None
