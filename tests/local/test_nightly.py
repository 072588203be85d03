"""The nightly run's own rules, with parts that do next to nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.nightly.__main__ import main
from tests.nightly.parts import Part
from tests.nightly.runner import Runner


def part(code: str, **environment: str) -> Part:
    return Part("a part", (sys.executable, "-c", code), environment)


def test_one_line_a_part_and_false_where_one_failed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fails = part("import sys; sys.exit('2 of 3 were wrong')")
    good = part("import os; print(os.environ['WORD'])", WORD="fine")
    assert not Runner(tmp_path, "c1").run({"first": fails, "second": good})
    *_, first, second = capfd.readouterr().out.splitlines()
    assert first.startswith("first        FAILED after")
    assert first.endswith("2 of 3 were wrong")
    assert second.startswith("second       passed after")
    assert (tmp_path / "second.log").read_text() == "fine\n"


def test_what_passed_is_left_out_only_at_the_same_commit(tmp_path: Path) -> None:
    for commit in ("c1", "c2-dirty"):
        assert Runner(tmp_path, commit).run({commit: part("")})
    assert Runner(tmp_path, "c1").has_passed("c1")
    assert not Runner(tmp_path, "c1").has_passed("another")
    assert not Runner(tmp_path, "c2").has_passed("c1")
    assert not Runner(tmp_path, "c2-dirty").has_passed("c2-dirty")


def test_an_unknown_part_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["chao"])
    assert "no part 'chao'; there are properties, paramiko, chaos" in capsys.readouterr().err
