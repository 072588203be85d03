"""Which services get a new connection for each request, and for how long that is remembered."""

from __future__ import annotations

from pathlib import Path

from service_management.gateway.reuse import Reuse
from tests.gateway.services import service


def test_what_the_configuration_says_holds(tmp_path: Path) -> None:
    services = [service("a"), service("b", keepalive=False)]
    assert Reuse(tmp_path / "found.json").not_reused(services) == {"b"}


def test_what_was_found_outlives_a_restart_but_not_an_edit(tmp_path: Path) -> None:
    file, services = tmp_path / "found.json", [service("a"), service("b")]
    reuse = Reuse(file)
    reuse.lost_a_request("a")
    reuse.lost_a_request("removed")
    assert reuse.not_reused(services) == reuse.not_reused(services) == {"a"}
    assert Reuse(file).not_reused(services) == {"a"}
    assert Reuse(file).not_reused([service("a", timeout=7.0)]) == frozenset()


def test_a_file_that_cannot_be_read_is_no_file(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    for text in ("", "[1]", "{"):
        file.write_text(text)
        assert Reuse(file).not_reused([service("a")]) == frozenset()
