"""What may be written into nginx's configuration, and how.

A value in a template is written bare if every character of it is inert to nginx; otherwise it
must be a whole token and say so (`{{ value|token }}`), and is then quoted. All else is refused:
nginx has no way to escape `$`, and control characters have no business in a configuration.
"""

from __future__ import annotations

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

# Inert anywhere in a token. Missing on purpose: blanks ; { } " ' \ $ #
_INERT = re.compile(r"[A-Za-z0-9._~/:@%+,=*!&()\[\]-]*")
_NEVER = re.compile(r"[\x00-\x1f\x7f$]")
_LONGEST = 2000  # bytes; nginx itself gives up at 4096
_LARGEST = 2**53


class UnquotableError(ValueError):
    """A value that cannot be written into nginx's configuration."""


class Token(str):
    """A whole nginx token, quoted already."""

    __slots__ = ()


def token(value: object) -> Token:
    """The value as one quoted token of its own."""
    text = _text(value)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return Token(f'"{escaped}"')


def bare(value: object) -> str:
    """The value as it is, or UnquotableError."""
    if isinstance(value, Token):
        return value
    text = _text(value)
    if not _INERT.fullmatch(text):
        raise UnquotableError(f"{text!r} has characters that nginx would interpret")
    return text


def _text(value: object) -> str:
    return _checked(str(value)) if isinstance(value, str | Path) else _number(value)


def _number(value: object) -> str:
    if not isinstance(value, int) or isinstance(value, bool):
        raise UnquotableError(f"{value!r} is neither text nor a whole number")
    if not 0 <= value <= _LARGEST:
        raise UnquotableError(f"{value!r} is beyond the numbers nginx can read")
    return str(value)


def _checked(text: str) -> str:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise UnquotableError(f"{text!r} is not valid unicode") from None
    if size > _LONGEST:
        raise UnquotableError(f"{text[:60]!r}... has {size} bytes; nginx reads {_LONGEST}")
    if _NEVER.search(text):
        raise UnquotableError(f"{text!r} has a control character or a dollar sign")
    return text


def environment(template_dir: Path) -> Environment:
    """A Jinja environment in which nothing reaches the output unquoted."""
    made = Environment(
        loader=FileSystemLoader(template_dir),
        autoescape=False,  # noqa: S701 - HTML's escapes are wrong here; finalize guards every value
        undefined=StrictUndefined,
        finalize=bare,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,  # or it would look at the disk for every include of every service
    )
    made.filters["token"] = token
    return made
