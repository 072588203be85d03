"""One service of the file, with the defaults applied and the files that it names checked."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .across import CheckedEntry, within
from .checks import Checked, check, missing, service_of
from .config_problem import Fault, Problem, Section, shown
from .keyfiles import FileCheck, FileFault, resolve_key
from .models import Service
from .rules import FILE_RULE, is_plain_path

FILE_KEYS = ("ssh_key_file", "known_hosts_file")


@dataclass(frozen=True)
class Surroundings:
    """What else the file is checked against."""

    key_dir: Path
    gateway_ports: Collection[int]
    file_check: FileCheck | None  # None: do not look at the files


@dataclass(frozen=True)
class Defaults:
    section: Section
    checked: Checked


def read(
    section: Section, given: dict[str, Any], defaults: Defaults, around: Surroundings
) -> tuple[CheckedEntry, list[Problem]]:
    """The service and its problems. A faulty default is a problem of Defaults."""
    inherited = defaults.checked.good
    own = check(given, inherited.get("sbatch_args", ()))
    beneath = {key: value for key, value in inherited.items() if key not in own.meant}
    if not own.meant & {"local_port"}:
        beneath.pop("local_host", None)  # a default address serves those that have a port
    good = {**beneath, **own.good}
    meant = own.meant | defaults.checked.meant
    entry = CheckedEntry(section, service_of(good), frozenset(good), frozenset(meant - good.keys()))
    faults = [*own.faults, *missing(meant), *within(entry, around.gateway_ports)]
    problems = [section.problem(fault) for fault in faults]
    for fault in _file_faults(entry, around):
        owner = defaults.section if fault.path[0] in beneath else section
        problems.append(owner.problem(fault))
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
        found = _place_fault(key, resolve_key(given, around.key_dir), around)
        if found:
            folder = given.rpartition("/")[0]
            names = (f"{folder}/{name}" if folder else name for name in found.near)
            near = " or ".join(map(shown, names))
            yield Fault((key,), shown(given), found.rule, near, found.brief)


def _place_fault(key: str, place: Path, around: Surroundings) -> FileFault | None:
    """The whole path is checked: the service keeps it with the key directory's name in it."""
    if not is_plain_path(str(place)):
        return FileFault(f"{FILE_RULE}; here it is {place}", brief=FILE_RULE)
    return around.file_check(key, place) if around.file_check else None
