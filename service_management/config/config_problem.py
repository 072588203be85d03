"""Problem: one shape for everything that can be wrong with services_config.json."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pydantic_core import PydanticCustomError
from rapidfuzz import fuzz, process, utils

from .positions import Path, Positions

FILE = "(file)"  # in place of a service's name, where a problem belongs to none
UNKNOWN_KEY = "unknown key"
DEFAULTS = "Defaults"


@dataclass(frozen=True)
class Problem:
    """What is wrong, where, the rule that it breaks, and the nearest valid value."""

    service: str  # its name, else its route, else "Services[3]"; or FILE; or DEFAULTS
    key: str
    value: str  # as in the file, shortened; empty where nothing is given or it may be a secret
    rule: str
    suggestion: str = ""
    line: int | None = None  # where it is in the file, if it is about its text
    column: int | None = None
    brief: str = ""  # the rule for everybody, where `rule` has paths or commands in it

    def __str__(self) -> str:
        place = f"line {self.line}, column {self.column}" if self.line else ""
        service = "" if place and self.service == FILE else self.service
        subject = " = ".join(part for part in (self.key, self.value) if part)
        parts = [part for part in (place, service, subject, self.rule) if part]
        hint = f" (nearest valid: {self.suggestion})" if self.suggestion else ""
        return ": ".join(parts) + hint

    def without_values(self) -> Problem:
        """For the log: without what the file says. The spelling of a key is no secret."""
        suggestion = self.suggestion if self.rule == UNKNOWN_KEY else ""
        return replace(self, value="", suggestion=suggestion)

    def public(self) -> Problem:
        """For /info: also without paths of this machine, and commands with them."""
        return replace(self.without_values(), rule=self.brief or self.rule)

    def to_json(self) -> dict[str, Any]:
        found = asdict(self)
        del found["brief"]
        return found


@dataclass(frozen=True)
class Fault:
    """A problem of a section that is not known yet."""

    path: Path  # inside the section
    value: str
    rule: str
    suggestion: str = ""
    brief: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the file that has problems: the file as a whole, Defaults, or one service."""

    label: str
    positions: Positions = field(repr=False)
    path: Path = ()

    def problem(self, fault: Fault) -> Problem:
        place = self.positions.of((*self.path, *fault.path))
        key = _spelt(fault.path)
        return Problem(
            self.label, key, fault.value, fault.rule, fault.suggestion, *place, fault.brief
        )


def _spelt(path: Path) -> str:
    """As in `api_paths[0]`, `env.MODEL`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{plain(step)}" for step in path)
    return "".join(steps).removeprefix(".")


def refusal(rule: str, suggestion: Any = None) -> PydanticCustomError:
    """The error a field's check raises; the suggestion is a value, or nothing.

    Rule and suggestion travel as context: in the message itself pydantic would replace braces.
    """
    spelling = "" if suggestion in (None, "") else shown(suggestion, limit=1000)
    return PydanticCustomError("rule", "{rule}", {"rule": rule, "suggestion": spelling})


def nearest(word: str, choices: Iterable[str], cutoff: float = 65) -> str:
    """The choice that `word` was probably meant to be, or an empty string."""
    return next(iter(all_near(word, choices, cutoff)), "")


def all_near(word: str, choices: Iterable[str], cutoff: float = 65) -> list[str]:
    """The nearest one first."""
    found = process.extract(
        word, choices, scorer=fuzz.ratio, processor=utils.default_process, score_cutoff=cutoff
    )
    return [str(choice) for choice, *_ in found]


def shown(value: Any, limit: int = 60) -> str:
    """A value as the file spells it, on one printable line of bounded length."""
    return plain(json.dumps(value, ensure_ascii=False, default=str), limit)


def plain(text: str, limit: int = 60) -> str:
    """Text from the file that is safe to print, log and send."""
    text = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
    return text if len(text) <= limit else f"{text[: limit - 2]} …"
