"""Every page in every state looks as recorded, and can be read: wide and narrow, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.browser import Browser
from tests.pages.pictures import RECORDED, Camera, views
from tests.pages.site import Site
from tests.pages.states import PAGES, Page

READABLE = (Path(__file__).parent / "readable.js").read_text()
AGAIN = "if this is as wanted: python -m tests.pages"
PICTURED = {page.name: page for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=PICTURED)
def test_a_page_looks_as_recorded_and_can_be_read(
    page: Page, browser: Browser, shown: tuple[Site, str], tmp_path: Path
) -> None:
    camera = Camera(browser)
    camera.open(page, *shown)
    for view in views(page.name):
        camera.look(view)
        assert browser.run(READABLE) == [], view
        taken = camera.take()
        found = camera.compare(view.file.read_bytes(), taken, view)
        if found.noticeable:
            (tmp_path / view.file.name).write_bytes(taken)
            pytest.fail(f"{found}: {view.file} was {tmp_path / view.file.name}; {AGAIN}")


STYLE = """
const first = document.querySelector("style"), more = document.createElement("style");
more.nonce = first.nonce;
more.textContent = "%s";
first.after(more);
"""
FONTS = (
    "body { font-family: 'DejaVu Serif' }",
    "body, pre, code { font-family: 'DejaVu Sans Condensed' }",
    "html { font-size: 15.5px }",
)
BROKEN = (
    "* { all: revert }",  # no style
    "* { color-scheme: light; --paper: #fff; --card: #fff; --ink: #000 }",  # one scheme for both
    "ul, .columns { display: block !important }",
    "p, dl { position: absolute }",
    ".card { width: 900px }",
    "main { padding-left: 80px !important }",
)


@pytest.mark.parametrize("style", FONTS)
def test_another_font_makes_no_difference(
    style: str, browser: Browser, shown: tuple[Site, str]
) -> None:
    assert not any(differences(style, browser, shown))


@pytest.mark.parametrize("style", BROKEN)
def test_a_broken_layout_is_noticed(style: str, browser: Browser, shown: tuple[Site, str]) -> None:
    assert any(differences(style, browser, shown))


def differences(style: str, browser: Browser, shown: tuple[Site, str]) -> Iterator[bool]:
    """With more style, whether anything can be noticed: in the two pages with the most in them."""
    camera = Camera(browser)
    for name in ("status", "service-failed"):
        camera.open(PICTURED[name], *shown)
        browser.run(STYLE % style)
        for view in views(name):
            camera.look(view)
            yield camera.compare(view.file.read_bytes(), camera.take(), view).noticeable


def test_the_pictures_are_those_of_the_pages_and_small() -> None:
    recorded = set(RECORDED.iterdir())
    assert recorded == {view.file for page in PAGES for view in views(page.name)}
    assert sum(file.stat().st_size for file in recorded) < 1_000_000


COLOUR = "return getComputedStyle(document.querySelector('%s')).color"


@pytest.mark.parametrize("route", ["old", "diffusion", "llama", "whisper", "segment"])
def test_a_state_has_one_colour_on_all_pages(
    route: str, browser: Browser, shown: tuple[Site, str]
) -> None:
    shown[0].reset()
    places = {
        "/": f"#service-{route} .state b",
        f"/info/{route}": ".row .state b",
        f"/{route}/asked": "#state",
    }
    colours = set()
    for path, place in places.items():
        browser.open(shown[1] + path)
        colours.add(browser.run(COLOUR % place))
    assert len(colours) == 1
