"""An open page follows what happens, without disturbing who reads it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service_management.lifecycle.states import Reason, State
from tests.cluster.browser import Browser
from tests.pages.site import FAILURE, NOW, RECORDS, Site
from tests.stack.waiting import wait_for
from tests.unit.records import a_record

BACKSPACE, TAB, ENTER = "\ue003", "\ue004", "\ue007"
RECORD = {record.route: record for record in RECORDS}
FAILED = a_record("digits", State.FAILED, NOW, Reason.ENDED, last_failure=FAILURE)
FOCUSED = (
    "return document.activeElement.closest('[id]')?.id + ' ' + document.activeElement.innerText"
)
SELECT = """
window.kept = document.querySelector("#service-embed .soft code").firstChild;
getSelection().setBaseAndExtent(kept, 1, kept, 4);
"""


@pytest.fixture(autouse=True)
def _as_it_was(shown: tuple[Site, str]) -> None:
    shown[0].reset()


def first(browser: Browser) -> str:
    return str(browser.run("return document.querySelector('#services > li').id"))


def press_until(browser: Browser, key: str, focused: str) -> None:
    for _ in range(40):
        browser.press(key)
        if str(browser.run(FOCUSED)).startswith(focused):
            return
    raise AssertionError(f"{focused} cannot be reached with the keyboard")


def test_focus_and_selection_stay_while_cards_change_places(
    browser: Browser, shown: tuple[Site, str]
) -> None:
    site, address = shown
    browser.open(address)
    press_until(browser, TAB, "service-digits")
    browser.run(SELECT)
    assert first(browser) == "service-whisper"

    resting = a_record("whisper", last_failure=RECORD["whisper"].last_failure)
    site.show(replace(FAILED, retry_at=NOW + 30), resting)

    wait_for("it is first", lambda: first(browser) == "service-digits", 10)
    assert browser.run(FOCUSED) == "service-digits Digits"
    assert browser.run("return getSelection().toString()") == "emb"
    assert browser.run("return kept.isConnected")
    assert browser.text("#summary").startswith("1 failed")
    assert browser.run("return document.title").startswith("(1 failed)")


def test_a_filter_stays_while_the_page_is_updated(
    browser: Browser, shown: tuple[Site, str]
) -> None:
    site, address = shown
    browser.open(address)
    press_until(browser, TAB, "filter")
    browser.press(*"starting")
    visible = "return [...services.children].filter((card) => !card.hidden).map((card) => card.id)"
    assert browser.run(visible) == ["service-llama"]

    site.show(a_record("embed", State.STARTING, job=RECORD["llama"].job))

    both = ["service-llama", "service-embed"]
    wait_for("both", lambda: browser.run(visible) == both, 10)
    assert browser.run("return document.activeElement.value") == "starting"


def test_a_filter_that_matches_nothing_says_so(browser: Browser, shown: tuple[Site, str]) -> None:
    browser.open(shown[1])
    assert not browser.shows("#no-match")
    press_until(browser, TAB, "filter")
    browser.press(*"zzz")
    assert browser.text("#no-match") == "No service matches."
    browser.press(BACKSPACE, BACKSPACE, BACKSPACE)
    assert not browser.shows("#no-match")


def test_the_last_error_is_copied_with_the_keyboard(
    browser: Browser, shown: tuple[Site, str]
) -> None:
    browser.open(f"{shown[1]}/info/whisper")
    browser.run(
        "document.addEventListener('copy', () => { window.copied = String(getSelection()) })"
    )
    press_until(browser, TAB, "last-error")
    browser.press(ENTER)
    copied = wait_for("it is copied", lambda: browser.run("return window.copied"), 5)
    assert copied.startswith("whisper: the job ended before the service became healthy (job 4711")
    assert copied.rstrip().endswith("2026-11-26 08:57:50 UTC, ended_at_start, on gpu07")
    assert browser.text("#copying") == "Copied"


def test_the_snippets_have_the_address_of_the_gateway(
    browser: Browser, shown: tuple[Site, str]
) -> None:
    browser.open(f"{shown[1]}/info/llama")
    for place in (1, 2):
        assert f"{shown[1]}/llama/v1" in browser.text(f"#snippet-text-{place}")


def test_a_control_plane_that_is_away_is_noticed(browser: Browser, shown: tuple[Site, str]) -> None:
    browser.open(shown[1])
    browser.run("window.fetch = () => Promise.reject(new Error('away'))")
    wait_for("it is said", lambda: "does not answer" in browser.text("#seen"), 10)
    assert "Digits" in browser.text("#services")


@pytest.mark.parametrize("path", ["/", "/info/digits"])
def test_an_open_page_outlasts_a_restart(
    path: str, browser: Browser, shown: tuple[Site, str]
) -> None:
    site, address = shown
    browser.open(address + path)
    browser.run("window.kept = true")
    site.starting()
    wait_for("it is said", lambda: "trying again" in browser.text("#seen"), 10)
    assert "Digits" in browser.text("#page")
    site.reset()
    wait_for("it goes on", lambda: not browser.text("#seen"), 10)
    assert browser.run("return window.kept")


def test_a_page_of_a_starting_gateway_goes_on(browser: Browser, shown: tuple[Site, str]) -> None:
    site, address = shown
    site.starting()
    browser.open(f"{address}/info/digits")
    assert browser.text("h1") == "The gateway is starting"
    site.reset()
    wait_for("it is there", lambda: browser.text("h1") == "Digits", 10)


AWAY = "The gateway does not answer at the moment. This page keeps trying."


def test_a_waiting_page_says_that_nothing_answers(
    browser: Browser, shown: tuple[Site, str]
) -> None:
    site, address = shown
    browser.open(f"{address}/llama/asked")
    wait_for("it has asked", lambda: browser.run("return info !== null"), 10)
    site.starting()
    wait_for("it is said", lambda: browser.text("#next") == AWAY, 10)
    site.reset()
    wait_for("it goes on", lambda: "continues by itself" in browser.text("#next"), 10)


def test_a_waiting_page_names_an_operators_stop(browser: Browser, shown: tuple[Site, str]) -> None:
    site, address = shown
    browser.open(f"{address}/llama/asked")
    assert browser.shows("#closing")
    site.show(a_record("llama", State.COLD, NOW, Reason.STOPPED))
    wait_for("it is said", lambda: "An operator stopped it." in browser.text("#next"), 10)
    assert not browser.shows("#closing")
    assert browser.shows("#again")
