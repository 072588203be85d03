"""The two pages a person reads, in a real browser."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.browser import Browser, chromium
from tests.stack.stack import Stack
from tests.stack.waiting import wait_for, watch

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


def job_ids(stack: Stack, route: str) -> list[str]:
    return [job["id"] for job in stack.jobs(route)]


def test_waiting_page_leads_a_browser_to_the_service(
    stack: Stack, browser: Browser, route: str
) -> None:
    entry = stack.entry(route, name="Digits & <b>friends</b>", env={"START_DELAY": "10"})
    stack.configure(entry)
    url = f"{stack.url}/{route}/echo?page=1"

    browser.open(url)

    assert browser.text("h1") == "Digits & <b>friends</b>"
    assert browser.text("#state") in ("queued", "starting")
    request = browser.text("#request")
    assert request in stack.info(route)["events"][0]["text"]
    wait_for("it starts", lambda: browser.text("#state") == "starting", 20)
    [job] = stack.info(route)["replicas"]
    wait_for("its step", lambda: "so far" in browser.text("#steps .now"), 5)
    steps = browser.text("#steps")
    assert all(word in steps for word in (f"job {job['job_id']}", job["node"]))
    picture(browser, "waiting")
    began = browser.run("return began")
    browser.run("location.reload()")
    wait_for("the reloaded page", lambda: browser.text("#request") not in ("", request), 10)
    assert browser.run("return began") == began
    wait_for("the service's answer", lambda: '"request_line"' in browser.text(), 40)
    assert "GET /echo?page=1 HTTP/1.1" in browser.text()
    assert browser.run("return location.href") == url
    assert browser.run("return sessionStorage.length") == 0  # the next wait begins at 0
    assert stack.submissions(route) == 1

    stack.admin(route, "stop")
    stack.wait_for_state(route, "cold")
    browser.open(url)
    wait_for("it starts again", lambda: browser.text("#state") == "starting", 20)
    load = stack.info(route)["usual"]["load"]
    assert load >= 10
    wait_for("the usual time", lambda: "usually " in browser.text("#steps .now"), 5)
    wait_for("the bar moves", lambda: browser.run("return bar.ariaValueNow") not in (None, "0"), 5)
    picture(browser, "waiting-again")


def test_waiting_page_makes_one_attempt_of_a_broken_service(
    stack: Stack, browser: Browser, route: str
) -> None:
    """A forgotten tab must not hold a GPU again and again. Whether to try again is the reader's."""
    model = stack.cluster.home / f"browser-{route}"
    stack.configure(stack.entry(route, env={"CRASH_UNLESS_FILE": str(model)}))

    browser.open(f"{stack.url}/{route}/echo")

    wait_for("the failure", lambda: browser.text("#state") == "failed", 20)
    wait_for("its reason", lambda: "exit code 1" in browser.text(), 5)
    assert "cannot load" not in browser.text()  # its output is for operators
    wait_for("the back-off is over", lambda: browser.shows("#again"), 10)
    picture(browser, "failed")
    watch("nothing is started", lambda: stack.state(route) == "failed", 4)
    assert stack.submissions(route) == 1
    model.write_text("weights")
    browser.click("#again")
    wait_for("the service's answer", lambda: '"request_line"' in browser.text(), 60)
    assert stack.submissions(route) == 2


def test_waiting_page_keeps_the_place_in_the_queue(
    stack: Stack, browser: Browser, route: str
) -> None:
    """It is watched for longer than queue_timeout, also while the control plane restarts."""
    later = ["--begin=now+1hour"]
    stack.configure(stack.entry(route, queue_timeout=3, sbatch_args=later))
    browser.open(f"{stack.url}/{route}/echo")
    [first] = wait_for("the job", lambda: job_ids(stack, route))
    estimate = wait_for("its estimate", lambda: stack.info(route)["estimated_start"])
    moment = browser.run(f"return local({estimate})")
    wait_for("it in local time", lambda: moment in browser.text("#steps .now"), 5)
    assert " UTC" not in browser.text()
    picture(browser, "queued")
    watch("the same job", lambda: job_ids(stack, route) == [first], 7)

    stack.admin(route, "stop")
    wait_for("the button", lambda: browser.shows("#again"), 20)
    picture(browser, "stopped")
    watch("nothing is started", lambda: stack.state(route) == "cold", 3)
    browser.click("#again")
    [second] = wait_for("the next job", lambda: job_ids(stack, route))

    stack.kill_control_plane()
    stack.wait_until_alive()
    watch("the same job", lambda: job_ids(stack, route) == [second], 7)
    browser.open("about:blank")
    wait_for("the job is gone", lambda: not stack.jobs(route), 30)
    assert stack.submissions(route) == 2


def test_waiting_page_of_a_disabled_service_promises_nothing(
    stack: Stack, browser: Browser, service: Callable[..., str]
) -> None:
    route = service()
    stack.admin(route, "disable")
    browser.open(f"{stack.url}/{route}/echo")
    wait_for("the script has run", lambda: browser.run("return info !== null"))
    assert browser.text("#state") == "disabled"
    assert "disabled this service" in browser.text("#text")
    for part in ("#bar", "#steps", "#again", "#waited"):
        assert not browser.shows(part)
    assert "by itself" not in browser.text()
    picture(browser, "disabled")


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

    wait_for("both", lambda: browser.run("return services.children.length") == 2, 10)
    assert HOSTILE_NAME in browser.text()
    assert "Second service" in browser.text()
    assert browser.run("return document.title") == "Inference Orchestrator"
    stack.client.get(f"/{route}/echo")
    wait_for("ready is shown", lambda: "ready" in browser.text(f"#service-{route}"), 10)
    job = stack.jobs(route)[0]
    assert job["id"] in browser.text()
    picture(browser, "status")
    stack.write([first, {**first, "route_name": "info"}])
    wait_for("the error", lambda: "route_name" in browser.text("#config-error"), 10)
    picture(browser, "status-error")
    stack.write([first])
    wait_for("one service", lambda: browser.run("return services.children.length") == 1, 10)
    wait_for("no error", lambda: not browser.text("#config-error"), 5)
