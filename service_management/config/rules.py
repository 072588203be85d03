"""Rules for single values: text, numbers, sizes, files. Pure; each says what is allowed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, ValidationError, ValidatorFunctionWrapHandler
from pydantic_core import CoreSchema, core_schema

from .config_problem import nearest, refusal
from .durations import NUMBER

# What a shell, ssh_config's quoting or ssh's own %-tokens would read as more than a path.
FILE_PATTERN = r"""^[^\x00-\x1f\x7f'"`$%\\;&|<>(){}\[\]*?!#]+$"""
FILE_RULE = (
    "must be a path without control characters, quotes "
    "or any of ` $ % \\ ; & | < > ( ) { } [ ] * ? ! #"
)
SIZE = re.compile(r"([0-9]{1,15}) ?([A-Za-z]{1,3})")
UNITS = {"b": 1} | {
    f"{prefix}{suffix}": base**power
    for power, prefix in enumerate("kmgt", start=1)
    for suffix, base in (("", 1000), ("b", 1000), ("ib", 1024))
}
MAX_BODY = 1024**4

SIZE_RULE = (
    "must be a whole number of bytes from 1 to 1 TiB, or one with a unit, as in 100MB or 1GiB"
)


def unquoted(value: Any) -> int | float | None:
    """The number that was put in quotes, the commonest mistake."""
    if not isinstance(value, str) or not NUMBER.fullmatch(value.strip()):
        return None
    return float(value) if "." in value else int(value)


@dataclass(frozen=True)
class Rule:
    """In an Annotated type: the sentence for everything that the checks before it refuse."""

    sentence: str
    suggest: Callable[[Any], Any] = unquoted

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(self._check, handler(source))

    def _check(self, value: Any, inner: ValidatorFunctionWrapHandler) -> Any:
        try:
            return inner(value)
        except ValidationError:
            raise refusal(self.sentence, self._nearest(value, inner)) from None

    def _nearest(self, value: Any, inner: ValidatorFunctionWrapHandler) -> Any:
        """A suggestion is only worth giving if it would pass."""
        suggestion = self.suggest(value)
        try:
            inner(suggestion)
        except ValidationError:
            return None
        return suggestion


def single_line(text: str) -> str:
    """For text that is quoted wherever it is used: any printable characters."""
    if not text or not text.isprintable():
        raise refusal("must be one line of printable characters, and not empty")
    return text


def script_path(text: str) -> str:
    if text.startswith("-"):
        raise refusal("must not begin with '-': sbatch would take it for an option", f"./{text}")
    return single_line(text)


def slug(value: Any) -> str:
    """A route name near to what was given: accents off, other characters to dashes."""
    text = unicodedata.normalize("NFKD", value) if isinstance(value, str) else ""
    text = "".join(char for char in text if not unicodedata.combining(char))
    text = re.sub(r"[^A-Za-z0-9._~-]+", "-", text)
    return text.lstrip("._~-")[:63].rstrip("-")


def whole_or_auto(most: int) -> Callable[[Any], Any]:
    rule = f'must be a whole number from 1 to {most}, or "auto"'

    def check(value: Any) -> Any:
        if value == "auto" or (type(value) is int and 1 <= value <= most):
            return value
        near = unquoted(value)
        if type(near) is int and 1 <= near <= most:
            raise refusal(rule, near)
        raise refusal(rule, nearest(value, ["auto"]) if isinstance(value, str) else "")

    return check


def size(value: Any) -> Any:
    """Bytes from 100MB (1000 * 1000) or 1GiB (1024 ** 3)."""
    amount = value
    if isinstance(value, str):
        match = SIZE.fullmatch(value)
        unit = UNITS.get(match[2].lower()) if match else None
        amount = int(match[1]) * unit if match and unit else None
    if type(amount) is not int or not 1 <= amount <= MAX_BODY:
        near = unquoted(value)
        raise refusal(SIZE_RULE, near if type(near) is int and 1 <= near <= MAX_BODY else None)
    return amount


def is_plain_path(text: str) -> bool:
    return text.isprintable() and re.fullmatch(FILE_PATTERN, text) is not None


def file_path(text: str) -> str:
    if not is_plain_path(text):
        raise refusal(FILE_RULE)
    if ".." in text.split("/"):
        raise refusal("must not have .. segments")
    if text.startswith("-"):
        raise refusal("must not begin with '-': ssh would take it for an option", f"./{text}")
    return text
