"""The outer shape of the file: its sections, labels for its services, keys given twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from . import jsontext
from .config_problem import (
    DEFAULTS,
    FILE,
    UNKNOWN_KEY,
    Fault,
    Problem,
    Section,
    nearest,
    plain,
    shown,
)
from .positions import Path, Positions

SERVICES = "Services"
TOP_LEVEL = (SERVICES, DEFAULTS, "$schema")


@dataclass(frozen=True)
class Document:
    """The sections that have the right type, and the problems of the others."""

    defaults: tuple[Section, dict[str, Any]]
    services: tuple[tuple[Section, dict[str, Any]], ...]
    problems: tuple[Problem, ...]


def read(value: Any, positions: Positions) -> Document:
    file = Section(FILE, positions)
    if not isinstance(value, dict):
        fault = Fault((), shown(value), 'must be an object, as in {"Services": [ … ]}')
        return Document((file, {}), (), (file.problem(fault),))
    spelt = {_meant(key, value) or key: key for key in value}
    given = {meant: value[key] for meant, key in spelt.items()}
    entries = given[SERVICES] if isinstance(given.get(SERVICES), list) else []
    services = [
        (Section(label, positions, (spelt[SERVICES], index)), entry)
        for index, (label, entry) in enumerate(zip(_labels(entries), entries, strict=True))
    ]
    defaults = Section(DEFAULTS, positions, (spelt.get(DEFAULTS, DEFAULTS),))
    sections = [*(section for section, _ in services), defaults, file]
    return Document(
        (defaults, _object_or_empty(given.get(DEFAULTS))),
        tuple((section, entry) for section, entry in services if isinstance(entry, dict)),
        (
            *map(file.problem, (*_unknown(value), *_wrong_types(given, spelt))),
            *_not_objects(services),
            *_repeated(value, sections),
        ),
    )


def _unknown(value: dict[str, Any]) -> Iterator[Fault]:
    for key in value:
        if key not in TOP_LEVEL:
            yield Fault((key,), "", UNKNOWN_KEY, _meant(key, value))


def _meant(key: str, value: dict[str, Any]) -> str:
    """The value of a misspelt key is checked too, so that one run shows all problems."""
    if key in TOP_LEVEL:
        return key
    return nearest(key, [known for known in TOP_LEVEL if known not in value])


def _object_or_empty(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _wrong_types(given: dict[str, Any], spelt: dict[str, str]) -> Iterator[Fault]:
    types: dict[str, tuple[type, str]] = {
        SERVICES: (list, "must be a list of services"),
        DEFAULTS: (dict, "must be an object of keys"),
        "$schema": (str, "must be a string"),
    }
    if SERVICES not in given:
        yield Fault((SERVICES,), "", "must be given")
    for key, (right, rule) in types.items():
        if key in given and not isinstance(given[key], right):
            yield Fault((spelt[key],), shown(given[key]), rule)


def _not_objects(entries: Iterable[tuple[Section, Any]]) -> Iterator[Problem]:
    for section, entry in entries:
        if not isinstance(entry, dict):
            yield section.problem(Fault((), shown(entry), "must be an object of keys"))


def _labels(entries: list[Any]) -> list[str]:
    """By name, else by route, else by position; services of one name also have their position."""
    words = [_word(given) for given in entries]
    times = Counter(words)
    return [_label(word, index, times[word]) for index, word in enumerate(words)]


def _word(given: Any) -> str:
    keys = ("name", "route_name") if isinstance(given, dict) else ()
    words = [given.get(key) for key in keys]
    return next((plain(word, 100) for word in words if word and isinstance(word, str)), "")


def _label(word: str, index: int, times: int) -> str:
    place = f"{SERVICES}[{index}]"
    if not word:
        return place
    return word if times == 1 else f"{word} ({place})"


def _repeated(value: Any, sections: list[Section]) -> Iterator[Problem]:
    """`sections` with the inner ones first."""
    for path, here in jsontext.walk(value):
        for key in here.repeated:
            whole = (*path, key)
            section = next(each for each in sections if _is_inside(whole, each.path))
            fault = Fault(whole[len(section.path) :], "", "is given more than once in one object")
            yield section.problem(fault)


def _is_inside(path: Path, around: Path) -> bool:
    return len(path) > len(around) and path[: len(around)] == around
