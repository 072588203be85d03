"""Parses JSON; reports where it is broken, and keys that are given twice."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from .config_problem import FILE, Problem
from .positions import Path, Positions

MAX_DEPTH = 16  # the format needs four levels; deeper ones would exhaust the stack later


class JsonObject(dict[str, Any]):
    """An object that remembers which of its keys were given more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        names = [name for name, _ in pairs]
        self.repeated = tuple(name for name in self if names.count(name) > 1)


def decode(positions: Positions) -> Any | Problem:
    """The value, or where and why the text is not JSON."""
    try:
        value = json.loads(positions.text, object_pairs_hook=JsonObject)
    except json.JSONDecodeError as error:
        # Not what is there: after a missing quote it may be a secret.
        return _problem(f"is not JSON: {_why(error)}", (error.lineno, error.colno))
    except RecursionError:
        return _too_deep(positions)
    except ValueError:  # Python reads whole numbers of up to 4300 digits
        return _problem("has a number of too many digits", positions.too_long_number())
    if any(len(path) > MAX_DEPTH for path, _ in walk(value)):
        return _too_deep(positions)
    return value


def walk(value: Any) -> Iterator[tuple[Path, JsonObject]]:
    """Every object with its path. A loop, since a file may nest deeper than Python's stack."""
    waiting: list[tuple[Path, Any]] = [((), value)]
    while waiting:
        path, here = waiting.pop()
        if isinstance(here, JsonObject):
            yield path, here
        if len(path) > MAX_DEPTH:
            continue
        waiting.extend(((*path, key), item) for key, item in _inside(here))


def _inside(value: Any) -> Iterable[tuple[str | int, Any]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def _too_deep(positions: Positions) -> Problem:
    rule = f"must not be nested deeper than {MAX_DEPTH} levels"
    return _problem(rule, positions.too_deep(MAX_DEPTH))


def _problem(rule: str, place: tuple[int, int]) -> Problem:
    return Problem(FILE, "", "", rule, "", *place)


def _why(error: json.JSONDecodeError) -> str:
    before, after = error.doc[: error.pos].rstrip(), error.doc[error.pos :].lstrip()
    if before.endswith(",") and after[:1] in ("}", "]"):
        return f"a comma before the closing {after[0]}"
    if after[:1] in ("/", "#"):
        return "comments are not allowed"
    if after[:1] == "'":
        return "strings need double quotes"
    if not error.doc.strip():
        return "the file is empty"
    return error.msg[0].lower() + error.msg[1:]
