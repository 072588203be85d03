"""Where the keys and values of a JSON text begin. Looked up only once there is a problem."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from functools import cached_property

Path = tuple[str | int, ...]  # the keys and list indices that lead to a value

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)


class Positions:
    """Lines and columns, counted from 1, in characters."""

    def __init__(self, text: str) -> None:
        self.text = text

    def of(self, path: Path) -> tuple[int, int]:
        """Of the key, or of the item of a list. What is not in the text is lacking in the object
        around it, so that is the place."""
        while path and path not in self._offsets:
            path = path[:-1]
        return self.at(self._offsets.get(path, 0))

    def at(self, offset: int) -> tuple[int, int]:
        return self.text.count("\n", 0, offset) + 1, offset - self.text.rfind("\n", 0, offset)

    def too_deep(self, most: int) -> tuple[int, int]:
        """Of the first bracket inside more than `most` others."""
        depth = 0
        for token in TOKEN.finditer(self.text):
            depth += (token[0] in "[{") - (token[0] in "]}")
            if depth > most:
                return self.at(token.start())
        return self.at(0)

    def too_long_number(self) -> tuple[int, int]:
        """Of the first whole number that Python does not read."""
        most = sys.get_int_max_str_digits()
        numbers = re.finditer(rf'"(?:[^"\\]|\\.)*"|([0-9]{{{most + 1},}})', self.text, re.DOTALL)
        return self.at(next((found.start() for found in numbers if found[1]), 0))

    @cached_property
    def _offsets(self) -> dict[Path, int]:
        """Of a key that is given twice the later one: its value is the one that counts."""
        return dict(_walk(self.text))


def _walk(text: str) -> Iterator[tuple[Path, int]]:
    """Of a valid JSON text: each path with its offset."""
    steps: list[str | int | None] = []  # into each open object or list; None: a key is due
    for token in TOKEN.finditer(text):
        word = token[0]
        if word == ",":
            steps[-1] = steps[-1] + 1 if isinstance(steps[-1], int) else None
        elif word in "]}":
            steps.pop()
        elif word != ":":
            is_key = bool(steps) and steps[-1] is None
            if is_key:
                steps[-1] = json.loads(word)
            if is_key or not steps or isinstance(steps[-1], int):
                yield tuple(step for step in steps if step is not None), token.start()
            if not is_key and word in "[{":
                steps.append(0 if word == "[" else None)
