"""Record the pictures again: python -m tests.pages [NAME...]. Look at each of them afterwards."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.cluster.browser import chromium
from tests.pages.pictures import RECORDED, Camera, views
from tests.pages.site import served
from tests.pages.states import PAGES


def main(names: list[str]) -> None:
    RECORDED.mkdir(exist_ok=True)
    chosen = [page for page in PAGES if not names or page.name in names]
    with (
        tempfile.TemporaryDirectory() as profile,
        chromium(Path(profile)) as browser,
        served() as (site, address),
    ):
        camera = Camera(browser)
        for page in chosen:
            camera.open(page, site, address)
            for view in views(page.name):
                camera.look(view)
                view.file.write_bytes(camera.take())


if __name__ == "__main__":
    main(sys.argv[1:])
