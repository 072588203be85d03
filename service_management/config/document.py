"""The outer shape of the file: its sections, labels for its services, keys given twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from . import jsontext
from .config_problem import DEFAULTS, FILE, UNKNOWN_KEY, Problem, nearest, plain, shown

SERVICES = "Services"
TOP_LEVEL = (SERVICES, DEFAULTS, "$schema")


@dataclass(frozen=True)
class Document:
    """The sections that have the right type, and the problems of the others."""

    defaults: dict[str, Any]
    services: tuple[tuple[str, dict[str, Any]], ...]  # label and keys
    problems: tuple[Problem, ...]


def read(value: Any) -> Document:
    if not isinstance(value, dict):
        rule = 'must be an object, as in {"Services": [ … ]}'
        return Document({}, (), (Problem(FILE, "", shown(value), rule),))
    misspelt = {key: _meant(key, value) for key in value if key not in TOP_LEVEL}
    # The value of a misspelt key is checked too, so that one run shows all problems.
    sections = {misspelt.get(key) or key: section for key, section in value.items()}
    defaults, services = sections.get(DEFAULTS, {}), sections.get(SERVICES, [])
    entries = services if isinstance(services, list) else []
    labels = _labels(entries)
    problems = [
        *(Problem(FILE, plain(key), "", UNKNOWN_KEY, near) for key, near in misspelt.items()),
        *_section_problems(sections),
        *(_not_an_object(label, given) for label, given in zip(labels, entries, strict=True)),
        *_repeated(value, misspelt, labels),
    ]
    return Document(
        defaults if isinstance(defaults, dict) else {},
        tuple(
            (label, given)
            for label, given in zip(labels, entries, strict=True)
            if isinstance(given, dict)
        ),
        tuple(problem for problem in problems if problem is not None),
    )


def _meant(key: str, value: dict[str, Any]) -> str:
    return nearest(key, [known for known in TOP_LEVEL if known not in value])


def _section_problems(sections: dict[str, Any]) -> list[Problem]:
    problems = []
    if SERVICES not in sections:
        problems.append(Problem(FILE, SERVICES, "", "must be given"))
    elif not isinstance(sections[SERVICES], list):
        value = shown(sections[SERVICES])
        problems.append(Problem(FILE, SERVICES, value, "must be a list of services"))
    if not isinstance(sections.get(DEFAULTS, {}), dict):
        value = shown(sections[DEFAULTS])
        problems.append(Problem(FILE, DEFAULTS, value, "must be an object of keys"))
    if not isinstance(sections.get("$schema", ""), str):
        problems.append(Problem(FILE, "$schema", shown(sections["$schema"]), "must be a string"))
    return problems


def _not_an_object(label: str, given: Any) -> Problem | None:
    if isinstance(given, dict):
        return None
    return Problem(label, "", shown(given), "must be an object of keys")


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


def _repeated(value: Any, misspelt: dict[str, str], labels: list[str]) -> list[Problem]:
    return [
        _repeated_problem(tuple(misspelt.get(str(part)) or part for part in path), key, labels)
        for path, here in jsontext.walk(value)
        for key in here.repeated
    ]


def _repeated_problem(path: tuple[str | int, ...], key: str, labels: list[str]) -> Problem:
    owner, inner = FILE, path
    if path[:1] == (DEFAULTS,):
        owner, inner = DEFAULTS, path[1:]
    elif path[:1] == (SERVICES,) and len(path) > 1 and isinstance(path[1], int):
        owner, inner = labels[path[1]], path[2:]
    name = ".".join(plain(str(part)) for part in (*inner, key))
    return Problem(owner, name, "", "is given more than once in one object")
