"""What commands print: results to standard output, errors to standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import NoReturn

from rich.console import Console
from rich.text import Text

out, err = Console(highlight=False), Console(stderr=True, highlight=False)


def silent(_text: str) -> None:
    """Instead of `say`, where only the result is printed."""


def show(text: str) -> None:
    out.print(Text(text), soft_wrap=True)


def say(text: str) -> None:
    out.print(Text("• ", style="cyan").append(text, style="default"), soft_wrap=True)


def note(text: str) -> None:
    """Beside a result, which stays free of it."""
    err.print(Text("• ", style="cyan").append(text, style="default"), soft_wrap=True)


def complain(lines: Iterable[str]) -> None:
    for line in lines:
        err.print(Text(line), soft_wrap=True)


def fail(text: str) -> NoReturn:
    err.print(Text("error: ", style="red").append(text, style="default"), soft_wrap=True)
    sys.exit(1)
