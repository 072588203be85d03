"""A word n-gram model: the next word is drawn from what followed the last words in the text."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator

ORDER = 2


class Model:
    def __init__(self, text: str) -> None:
        words = text.split()
        self._starts = [0] + [i + 1 for i, word in enumerate(words[:-1]) if word[-1] in ".?!"]
        self._words = words
        self._next: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for size in range(1, ORDER + 1):
            for i in range(len(words) - size):
                self._next[tuple(words[i : i + size])].append(words[i + size])

    def generate(self, prompt: str, count: int, seed: int | None) -> Iterator[str]:
        """Words after the prompt; the same for the same prompt and seed."""
        chance = random.Random(None if seed is None else f"{seed} {prompt}")
        context = tuple(prompt.split()[-ORDER:])
        for _ in range(count):
            word = self._draw(context, chance)
            yield word
            context = (*context, word)[-ORDER:]

    def _draw(self, context: tuple[str, ...], chance: random.Random) -> str:
        for size in range(len(context), 0, -1):
            if choices := self._next.get(context[-size:]):
                return chance.choice(choices)
        return self._words[chance.choice(self._starts)]
