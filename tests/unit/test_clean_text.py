"""What is left of text from the cluster before people, logs and the store see it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service_management.clean_text import (
    LONGEST_LINE,
    LONGEST_SENTENCE,
    one_line,
    output_line,
    prose,
)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\x1b[31mred\x1b[0m\ta\rb\x07\x9b", "red\tab"),
        ("\x1b]0;new title\x07text", "text"),
        ("user\u202eexe.cod\u202c \u2066x\u2069\u200b", "userexe.cod x"),
        ("  日本 ü 🚀", "  日本 ü 🚀"),
    ],
)
def test_a_line_of_output_steers_no_terminal_and_no_page(text: str, line: str) -> None:
    assert output_line(text) == line


def test_a_message_is_one_line() -> None:
    assert one_line(" a\r\n\x00b\t\u2028c\u202e ") == "a b c"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Your job asks for more GPUs\n than this\r\naccount may use.\nAsk the admin", ""),
        ("invalid partition: x\n\nBatch job submission failed", "invalid partition: x; Batch job"),
        ("kex error\nssh: connect to n1 port 22: refused", "kex error; ssh: connect"),
    ],
)
def test_wrapped_lines_of_a_message_are_joined_as_prose(text: str, sentence: str) -> None:
    joined = "Your job asks for more GPUs than this account may use. Ask the admin"
    assert prose(text).startswith(sentence or joined)


@given(st.text(max_size=50) | st.just("x" * 10**6))
def test_nothing_invisible_is_left_and_nothing_long(text: str) -> None:
    for clean, longest in ((one_line(text), LONGEST_SENTENCE), (output_line(text), LONGEST_LINE)):
        assert len(clean) <= longest
        assert not {unicodedata.category(char) for char in clean if char != "\t"} & {"Cc", "Cf"}


def test_what_was_cut_says_so() -> None:
    assert output_line("x" * 2000) == "x" * 999 + "…"
