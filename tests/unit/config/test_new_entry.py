"""An entry is appended to services_config.json, and the rest of the file stays as it is."""

from __future__ import annotations

import json

import pytest

from service_management.config.new_entry import EMPTY_FILE, append_entry

ENTRY = {"name": "Zwei ü", "api_paths": ["/", "/b"], "timeout": 600}
INDENTED = """\
{
    "$schema": "x",
    "Defaults": {"timeout": 60, "env": {"Services": "[{]"}},
    "Services": [
        {
            "name": "one", "api_paths": [ "/" ],
            "timeout":   60
        }
    ]
}
"""


def test_the_new_entry_is_indented_as_its_neighbour() -> None:
    assert append_entry(INDENTED, ENTRY) == INDENTED.replace(
        "        }\n    ]",
        "        },\n"
        "        {\n"
        '            "name": "Zwei ü",\n'
        '            "api_paths": ["/", "/b"],\n'
        '            "timeout": 600\n'
        "        }\n    ]",
    )


@pytest.mark.parametrize(
    "text",
    [
        EMPTY_FILE,
        '{"Services":[]}',
        '{"Services": [\n], "Defaults": {}}',
        '{"Defaults": {"a": [1, {"b": 2}]}, "Services": [{"name": "one"}]}',
        '{"Services": [\n  {"name": "one"},\n  {"name": "]"}\n]}',
        "\ufeff" + INDENTED,
        INDENTED.replace("\n", "\r\n"),
        INDENTED.replace("    ", "\t"),
        json.dumps({"Services": [{"name": "one"}, {"name": "two"}]}, indent=1),
    ],
)
def test_the_entry_is_the_last_one_and_nothing_else_changes(text: str) -> None:
    made = append_entry(text, ENTRY)
    before, after = (json.loads(each.removeprefix("\ufeff")) for each in (text, made))
    assert after.pop("Services") == [*before.pop("Services"), ENTRY]
    assert after == before
    assert not set("\r\n") & set(made.replace("\r\n" if "\r\n" in text else "\n", ""))
    assert made.startswith(text[: text.index("[")])
