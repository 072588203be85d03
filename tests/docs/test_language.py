"""Words of a private dialect that this project once had. Plain English has better ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

# Pattern → what to write instead. Add a word here when its last use is gone.
WORDS = {
    r"\banew\b": "again",
    r"\bbars no (?:further )?start\b|\bbar no further start\b": "no longer blocks a start",
    r"\bheard\b": "read, received, known",
    r"(?-i:(?<!there )\bis none\b)": "is not one, is not a login",
    r"\bknows no\b": "there is no such job, comments are not allowed",
    r"\b(?:makes?|made) a mistake\b": "internal error",
    r'(?<!")\bnobody\b': "no other user, no client; or a passive sentence",
    r"\bof nginx's own\b|\bof nginx's[,.]": "an error page of nginx, a 502 from nginx",
    r"\bsomebody\b": "another user, a process",
    r"\bstands?\b(?! for\b|-in)": "is, is in, follows",
    r"\b(?:is|are|was|were|be|been|has|have) told\b(?! apart)": "gets, receives, reads",
    r"\berrands?\b|\bduty\b|\bduties\b": "an action, a task, the executor",
    r"\bfrom in\b": "in 8 s at the earliest",
    r"\bof ours\b": "of this project, of the gateway; or nothing",
    r"\bsince (?:\d+|\{[^}]+\}) ?s\b": "has been … for 4 s",
    r"\bthere is room for\b": "too many requests are waiting (HOLD_THREADS)",
    r"\bwhoever\b": "anyone who, the process that",
}
PLACES = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    ".env_template",
    "Dockerfile",
    "benchmarks",
    "demo",
    "dev.cmd",
    "docker",
    "docs",
    "examples",
    "nginx",
    "service_management",
    "start.cmd",
    "systemd",
    "test.cmd",
    "tools",
)
SUFFIXES = {"", ".cmd", ".conf", ".html", ".j2", ".md", ".py", ".sh", ".template", ".yaml"}


def files() -> Iterator[Path]:
    for place in PLACES:
        path = ROOT / place
        found = path.rglob("*") if path.is_dir() else [path]
        yield from (f for f in found if f.is_file() and f.suffix in SUFFIXES)


TEXTS = {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in files()}


@pytest.mark.parametrize("pattern", WORDS)
def test_a_word_of_the_dialect_is_not_used(pattern: str) -> None:
    found = [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
        for name, text in TEXTS.items()
        for match in re.finditer(pattern, text, re.IGNORECASE)
    ]
    assert not found, f"write: {WORDS[pattern]}"
