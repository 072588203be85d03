"""Links lead somewhere, and files that the text names exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, anchors, files, prose, section, ticked

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_PATH = re.compile(r"(?:service_management|nginx|demo|docs|tests)/[\w./-]*")
PAGES = [pytest.param(path, id=str(path.relative_to(ROOT))) for path in files()]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", PAGES)
def test_relative_links_and_their_anchors_resolve(path: Path) -> None:
    for link in _LINK.findall(prose(name(path))):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        there = (path.parent / target).resolve() if target else path
        assert there.exists(), link
        if anchor:
            assert anchor in anchors(name(there)), link


@pytest.mark.parametrize("path", PAGES)
def test_files_named_in_the_text_exist(path: Path) -> None:
    for word in ticked(prose(name(path))):
        if _PATH.fullmatch(word):
            assert (ROOT / word).exists(), word


def test_every_page_of_docs_is_in_its_index() -> None:
    for folder in (ROOT / "docs", ROOT / "docs/decisions"):
        index = folder / "README.md"
        linked = {link.partition("#")[0] for link in _LINK.findall(prose(name(index)))}
        assert {page.name for page in folder.glob("*.md")} - {"README.md"} <= linked


def test_the_readmes_figures_are_those_of_the_performance_page() -> None:
    shown = re.findall(r"\d[\d,.]*\d", section("README.md", "What it costs"))
    measured = re.findall(r"\d[\d,.]*\d", section("docs/performance.md", "Figures"))
    assert shown
    assert set(shown) <= set(measured)
