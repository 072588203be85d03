"""No content of the file makes the parser crash, or gets through unquoted."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service_management.config import KEYS, Catalogue, Problem
from tests.unit.config.samples import DIGITS, digits, file_of, parsed

# These are quoted wherever they go; every other string has to be harmless as it is.
QUOTED = {"name", "bash_file", "sbatch_args", "env"}
STRINGS = sorted(
    {key for key, known in KEYS.items() if isinstance(known.examples[0], (str, list, dict))}
    | {"remote_port"}
)
HARMLESS = re.compile(r"[A-Za-z0-9._~+@,=:!&?*/-]*")
FILES = {"ssh_key_file", "known_hosts_file"}  # ssh_config quotes these: spaces and letters are fine
NOT_IN_FILES = re.compile(r"""[\x00-\x1f\x7f'"`$%\\;&|<>(){}*?!#\[\]]""")
HOSTILE = [
    ";", "a;reboot", "'", '"', "a'b", 'a"b', "a\nb", "a\rb", "\n", "$(id)", "`id`", "$x", "${x}",
    "{", "}", "a{b}", "%h", "%C", "\\", "a\\", "../x", "/../x", "..", "-oProxyCommand=id", "a b",
    "a\tb", "ünï", "数", "\u202e", "\u2028", "\0", "\x7f", "#", "<x>", "|", "&&x", "*", "[x]",
    "\ud800",
]  # fmt: skip

# How long an example takes says more of the machine's load than of the parser.
unhurried = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
service_like = st.dictionaries(st.sampled_from(sorted(KEYS)) | st.text(), json_values, max_size=6)


def shape(key: str, text: str) -> Any:
    """The text as a value of the type that the key takes."""
    example = KEYS[key].examples[0]
    if isinstance(example, dict):
        return {"A": text}
    return [text] if isinstance(example, list) else text


def strings_of(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return list(value) if isinstance(value, tuple) else [str(value)]


def assert_harmless_or_refused(text: str, key: str) -> None:
    found = parsed(text)
    if isinstance(found, list):
        assert found
        assert all(str(problem).isprintable() for problem in found)
        return
    service = next(iter(found.services.values()))
    value = getattr(service, key)
    if key not in QUOTED and value is not None:
        assert all(is_harmless(key, part) for part in strings_of(value)), value


def is_harmless(key: str, part: str) -> bool:
    if part.startswith("-") or ".." in part.split("/"):
        return False
    if key in FILES:
        return not NOT_IN_FILES.search(part)
    return HARMLESS.fullmatch(part) is not None


@pytest.mark.parametrize("key", STRINGS)
def test_a_hostile_string_is_refused_or_stays_where_it_is_quoted(key: str) -> None:
    for text in HOSTILE:
        for joined in (text, f"a{text}", f"/a{text}", f"{text}/a"):
            assert_harmless_or_refused(file_of(digits(**{key: shape(key, joined)})), key)


@unhurried
@given(key=st.sampled_from(STRINGS), text=st.text())
def test_any_string_is_refused_or_harmless(key: str, text: str) -> None:
    assert_harmless_or_refused(file_of(digits(**{key: shape(key, text)})), key)


@unhurried
@given(text=st.text())
def test_any_text_is_parsed_without_an_exception(text: str) -> None:
    assert isinstance(parsed(text), (list, Catalogue))


@unhurried
@given(value=json_values)
def test_any_json_is_parsed_without_an_exception(value: Any) -> None:
    assert isinstance(parsed(json.dumps(value)), (list, Catalogue))


@unhurried
@given(service=service_like, defaults=service_like)
def test_problems_of_any_service_and_defaults_are_printable(
    service: dict[str, Any], defaults: dict[str, Any]
) -> None:
    found = parsed(file_of({**DIGITS, **service}, service, Defaults=defaults))
    assert isinstance(found, list)
    assert all(isinstance(problem, Problem) and str(problem).isprintable() for problem in found)


@unhurried
@given(name=st.text(min_size=1), value=st.text())
def test_env_and_options_are_taken_whole_or_refused(name: str, value: str) -> None:
    found = parsed(file_of(digits(env={name: value}, sbatch_args=["--comment=" + value])))
    if isinstance(found, Catalogue):
        service = found.services["digits"]
        assert service.env == {name: value}
        assert service.sbatch_args == ("--comment=" + value,)
