"""services_config.json → a Catalogue, or every problem in it. Nothing half-applied."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from . import document, entries, jsontext
from .across import between, warnings
from .catalogue import Catalogue
from .checks import check_defaults
from .config_problem import FILE, Problem
from .entries import Defaults, Surroundings
from .keyfiles import FileCheck, file_fault, unreadable
from .positions import Positions


def load(
    path: Path,
    *,
    key_dir: Path,
    gateway_ports: frozenset[int] = frozenset(),
    check_files: bool = True,
    readable: FileCheck = file_fault,
) -> Catalogue | list[Problem]:
    """The file at `path`, parsed."""
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        rule = f"must be UTF-8, which its byte {error.start + 1} is not"
        good = error.object[: error.start].decode()
        return [Problem(FILE, "", str(path), rule, "", *Positions(good).at(len(good)))]
    except PermissionError:
        fault = unreadable(path)
        return [Problem(FILE, "", str(path), fault.rule, brief=fault.brief)]
    except OSError as error:
        return [Problem(FILE, "", str(path), f"cannot be read: {error.strerror}")]
    return parse(
        text,
        key_dir=key_dir,
        gateway_ports=gateway_ports,
        check_files=check_files,
        readable=readable,
    )


def parse(
    text: str,
    *,
    key_dir: Path,
    gateway_ports: frozenset[int] = frozenset(),
    check_files: bool = True,
    readable: FileCheck = file_fault,
) -> Catalogue | list[Problem]:
    """Every service of `text`, or every problem. `readable` is the only look at the disk."""
    positions = Positions(text.removeprefix("\ufeff"))
    value = jsontext.decode(positions)
    if isinstance(value, Problem):
        return [value]
    # Many services share a key: each file is looked at once.
    file_check = cache(readable) if check_files else None
    around = Surroundings(key_dir, gateway_ports, file_check)
    return _catalogue(document.read(value, positions), around)


def _catalogue(found: document.Document, around: Surroundings) -> Catalogue | list[Problem]:
    section, given = found.defaults
    defaults = Defaults(section, check_defaults(given))
    read = [entries.read(section, given, defaults, around) for section, given in found.services]
    checked = [entry for entry, _ in read]
    problems = [
        *found.problems,
        *map(section.problem, defaults.checked.faults),
        *(problem for _, own in read for problem in own),
        *between(checked),
    ]
    if problems:
        # A faulty default is one problem, not one per service.
        return sorted(dict.fromkeys(problems), key=lambda each: (each.line or 0, each.column or 0))
    services = (entries.resolved(entry.service, around.key_dir) for entry in checked)
    return Catalogue.of(services, warnings(checked))
