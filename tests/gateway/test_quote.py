"""Nothing reaches nginx's configuration unquoted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from service_management.gateway.gateway_settings import TEMPLATE_DIR
from service_management.gateway.quote import UnquotableError, bare, environment, token

INERT = ["", "a", "/a/b.c", "127.0.0.1:80", "[::1]:80", "%20", 0, 17]
NEEDS_QUOTES = ["a b", "a;b", "{", "}", '"', "'", "\\", "#x", "é", "a\\"]
NEVER = ["$x", "${x}", "a\nb", "\r", "\t", "\0", "\x7f", "\ud800", "x" * 3000]
NOT_TEXT = [None, True, 1.5, -1, 2**60, b"x", ["a"], object()]


@pytest.mark.parametrize("value", INERT)
def test_harmless_values_are_left_unquoted(value: object) -> None:
    assert bare(value) == str(value)


@pytest.mark.parametrize("value", [*NEEDS_QUOTES, *NEVER, *NOT_TEXT])
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(UnquotableError):
        bare(value)


@pytest.mark.parametrize(
    ("value", "quoted"),
    [("a b", '"a b"'), ('"', '"\\""'), ("\\", '"\\\\"'), (Path("/x;"), '"/x;"')],
)
def test_a_token_is_quoted(value: object, quoted: str) -> None:
    assert bare(token(value)) == quoted


@pytest.mark.parametrize("value", [*NEVER, *NOT_TEXT])
def test_what_cannot_be_quoted_is_refused_as_a_token_too(value: object) -> None:
    with pytest.raises(UnquotableError):
        token(value)


def test_the_environment_refuses_what_is_not_quoted_or_not_there() -> None:
    template = environment(TEMPLATE_DIR).from_string("location {{ path }} {}")
    with pytest.raises(UnquotableError):
        template.render(path="/x { return 200; }")
    with pytest.raises(UnquotableError):
        template.render()


def test_template_variables_are_whole_tokens() -> None:
    """Inside another token, quotes would be letters and a blank would end it."""
    for template in TEMPLATE_DIR.glob("*.j2"):
        text = template.read_text()
        alone = re.findall(r"\s\{\{[^}]*\|token \}\}(?=[\s;)])", text)
        assert text.count("|token") == len(alone), template.name
