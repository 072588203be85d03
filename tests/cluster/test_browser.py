"""The two pages a person reads, in a real browser."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.browser import Browser, chromium
from tests.stack.stack import Stack
from tests.stack.waiting import wait_for

HOSTILE_NAME = """<script>document.title='pwned'</script>"><img src=x onerror=alert(1)> & 'é'"""


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """A new one each: what another test's has connected ahead may be an old worker's."""
    with chromium(tmp_path / "profile") as browser:
        yield browser


def picture(browser: Browser, name: str) -> None:
    """For a person who works on the pages: SCREENSHOTS names a directory."""
    if directory := os.environ.get("SCREENSHOTS"):
        browser.screenshot(Path(directory) / f"{name}.png")


def test_waiting_page_leads_a_browser_to_the_service(
    stack: Stack, browser: Browser, route: str
) -> None:
    entry = stack.entry(route, name="Digits & <b>friends</b>", env={"START_DELAY": "10"})
    stack.configure(entry)

    browser.open(f"{stack.url}/{route}/echo?page=1")

    assert browser.text("h1") == "Digits & <b>friends</b>"
    assert browser.text("#state") in ("queued", "starting")
    wait_for("Slurm's word", lambda: "Job " in browser.text("#text"), 5)
    wait_for("it starts", lambda: browser.text("#state") == "starting", 10)
    picture(browser, "waiting")
    wait_for("the service's answer", lambda: '"request_line"' in browser.text(), 40)
    assert "GET /echo?page=1 HTTP/1.1" in browser.text()
    assert browser.run("return location.href") == f"{stack.url}/{route}/echo?page=1"
    assert stack.submissions(route) == 1


def test_waiting_page_shows_a_failure_and_goes_on_after_repair(
    stack: Stack, browser: Browser, route: str
) -> None:
    model = stack.cluster.home / f"browser-{route}"
    stack.configure(stack.entry(route, env={"CRASH_UNLESS_FILE": str(model)}))

    browser.open(f"{stack.url}/{route}/echo")

    wait_for("the failure", lambda: browser.text("#state") == "failed", 20)
    wait_for("its reason", lambda: "exit code 1" in browser.text(), 5)
    assert "cannot load" not in browser.text()  # its output is for operators
    picture(browser, "failed")
    model.write_text("weights")
    wait_for("the service's answer", lambda: '"request_line"' in browser.text(), 60)


def test_browser_asking_with_post_or_prefer_gets_no_page(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service(env={"START_DELAY": "2"})
    accept = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    page = stack.client.get(f"/{route}/echo", headers=accept)
    assert page.status_code == 503
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Cache-Control"] == "no-store"
    assert int(page.headers["Retry-After"]) > 0

    answer = stack.client.post(f"/{route}/echo", headers=accept, content=b"form")
    assert answer.status_code == 200
    assert answer.json()["length"] == 4


def test_status_page_shows_every_service_and_updates_itself(
    stack: Stack, browser: Browser, route: str
) -> None:
    first = stack.entry(route, name=HOSTILE_NAME)
    stack.configure(first, stack.entry(f"{route}b", name="Second service"))

    browser.open(stack.url)

    wait_for("both", lambda: browser.run("return services.rows.length") == 2, 10)
    assert HOSTILE_NAME in browser.text()
    assert "Second service" in browser.text()
    assert browser.run("return document.title") == "Inference Orchestrator"
    stack.client.get(f"/{route}/echo")
    wait_for("ready is shown", lambda: browser.text(".state").startswith("ready"), 10)
    job = stack.jobs(route)[0]
    assert job["id"] in browser.text()
    picture(browser, "status")
    stack.write([first, {**first, "route_name": "info"}])
    wait_for("the error", lambda: "route_name" in browser.text("#error"), 10)
    picture(browser, "status-error")
    stack.write([first])
    wait_for("one service", lambda: browser.run("return services.rows.length") == 1, 10)
    wait_for("no error", lambda: browser.run("return error.hidden"), 5)
