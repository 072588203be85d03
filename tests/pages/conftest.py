"""One browser and one site for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.browser import Browser, chromium
from tests.pages.site import Site, served


@pytest.fixture(scope="module")
def shown() -> Iterator[tuple[Site, str]]:
    """The site, and its address."""
    with served() as shown:
        yield shown


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser
