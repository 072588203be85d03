"""Commands on the pages are found, and their shown output is compared correctly."""

from __future__ import annotations

import pytest

from tests.docs.pages import ROOT, fences, files
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


@pytest.mark.parametrize("page", WALKED)
def test_what_is_not_run_says_why(page: str) -> None:
    assert len(list(typed(page))) > 1
    for info, text in fences(page):
        if info.split(" ")[0] in RUN_KINDS and text.startswith("# Not"):
            assert text.startswith(NOT_RUN)
            assert len(text.splitlines()[0]) > len(NOT_RUN) + 10


def test_a_pages_commands_are_walked_or_all_marked_not_run() -> None:
    for file in files():
        page = str(file.relative_to(ROOT))
        blocks = [text for info, text in fences(page) if info == "console"]
        assert page in WALKED or all(text.startswith(NOT_RUN) for text in blocks), page
