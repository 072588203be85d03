"""Pictures of the pages: taken in Chromium, and compared so that another font makes no difference.

Both pictures become a coarse grid of colours. A row of one may be found a little above or below in
the other, because text wraps elsewhere in another font; a column may not.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.browser import Browser
from tests.pages.site import NOW, Site
from tests.pages.states import Page
from tests.stack.waiting import wait_for

RECORDED = Path(__file__).parent / "recorded"
SCRIPT = (Path(__file__).parent / "compare.js").read_text()
WIDTHS = {"wide": 1280, "narrow": 390}
SCHEMES = ("light", "dark")
ASKED = (
    "return performance.getEntriesByType('resource').some((entry) => entry.name.includes('info'))"
)
SCALE = 0.3  # recorded pictures are smaller than the page, but a person can still read them
CELL = 16  # CSS pixels of the page in a cell of the grid
SHIFT = 1  # rows


@dataclass(frozen=True)
class View:
    """How a page is looked at."""

    page: str
    width: str
    scheme: str

    @property
    def file(self) -> Path:
        return RECORDED / f"{self.page}-{self.width}-{self.scheme}.png"

    @property
    def pixels(self) -> int:
        return WIDTHS[self.width]


def views(page: str) -> Iterator[View]:
    for width in WIDTHS:
        for scheme in SCHEMES:
            yield View(page, width, scheme)


@dataclass(frozen=True)
class Difference:
    share: float  # of what there is to see. Another font: up to 0.66, an empty page: 0.97
    height: float  # how much taller the new picture is

    @property
    def noticeable(self) -> bool:
        return self.share > 0.73 or not 0.85 < self.height < 1.18


# The pages' own scripts show the hour and how long something has lasted.
FIXED_CLOCK = f"""
Date = class extends Date {{
  constructor(...given) {{ super(...(given.length ? given : [{NOW * 1000}])); }}
  static now() {{ return {NOW * 1000}; }}
}};
"""


class Camera:
    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        browser.devtools("Emulation.setTimezoneOverride", timezoneId="UTC")
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", source=FIXED_CLOCK)

    def open(self, page: Page, site: Site, address: str) -> None:
        site.reset()
        page.prepare(site)
        self._browser.open(address + page.path)
        if page.asks:
            wait_for("it has asked", lambda: self._browser.run(ASKED))

    def look(self, view: View) -> None:
        size = {"width": view.pixels, "height": 700, "deviceScaleFactor": 1, "mobile": False}
        self._browser.devtools("Emulation.setDeviceMetricsOverride", **size)
        self._browser.devtools("Emulation.setScrollbarsHidden", hidden=True)
        # What moves is never the same twice.
        features = {"prefers-color-scheme": view.scheme, "prefers-reduced-motion": "reduce"}
        listed = [{"name": name, "value": value} for name, value in features.items()]
        self._browser.devtools("Emulation.setEmulatedMedia", features=listed)

    def take(self) -> bytes:
        """All of the page, also what has to be scrolled to."""
        size = "document.documentElement"
        width, height = self._browser.run(f"return [{size}.clientWidth, {size}.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": SCALE}
        taken = self._browser.devtools(
            "Page.captureScreenshot", clip=clip, captureBeyondViewport=True
        )
        return base64.b64decode(taken["data"])

    def compare(self, recorded: bytes, taken: bytes, view: View) -> Difference:
        sources = [base64.b64encode(picture).decode() for picture in (recorded, taken)]
        found = self._browser.run_async(SCRIPT, sources, view.pixels // CELL, SHIFT)
        assert "error" not in found, found
        return Difference(**found)
