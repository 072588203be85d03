"""Commands on the pages are found, and their shown output is compared correctly."""

from __future__ import annotations

import pytest

from tests.docs.pages import ROOT, blocks, files
from tests.docs.typed import NOT_RUN, RUN_KINDS, WALKED, Command, commands, missing, typed

BLOCK = """\
$ cat <<END
> one
> END
one
$ true   # a remark
"""


def test_commands_have_their_further_lines_and_their_output() -> None:
    assert commands(BLOCK) == [
        Command("cat <<END\none\nEND", ["one"]),
        Command("true   # a remark"),
    ]


@pytest.mark.parametrize(
    ("shown", "said", "lost"),
    [
        (["job 7 runs"], "hm\njob  4711 runs\n", []),
        (["job 7 runs"], "job x runs", ["job 7 runs"]),
        (["a", "...", "c"], "a\nb\nc", []),
        (["c", "a"], "a\nb\nc", ["a"]),
        (['{"id": "...", "n": 1}'], '{"id": "x y", "n": 22}', []),
        (["a (b)"], "a b", ["a (b)"]),
    ],
)
def test_shown_output_is_looked_for_in_its_order(
    shown: list[str], said: str, lost: list[str]
) -> None:
    assert missing(shown, said) == lost


def test_a_note_for_the_tests_is_not_seen_by_the_reader() -> None:
    for file in files():
        for block in blocks(str(file.relative_to(ROOT))):
            assert NOT_RUN not in block.text, f"{file}: write it as a comment before the block"


@pytest.mark.parametrize("page", WALKED)
def test_what_is_not_run_says_why(page: str) -> None:
    assert len(list(typed(page))) > 1
    for block in blocks(page):
        if block.info.split(" ")[0] in RUN_KINDS and block.note.startswith("Not"):
            assert block.note.startswith(NOT_RUN)
            assert len(block.note) > len(NOT_RUN) + 10


def test_a_pages_commands_are_walked_or_all_marked_not_run() -> None:
    for file in files():
        page = str(file.relative_to(ROOT))
        notes = [block.note for block in blocks(page) if block.info in ("console", "shell")]
        assert page in WALKED or all(note.startswith(NOT_RUN) for note in notes), page
