"""A real Chromium, driven over the WebDriver protocol: JSON to chromedriver."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.stack.stack import free_port
from tests.stack.waiting import wait_for

SWITCHES = (
    "--headless=new",
    "--no-sandbox",  # the tests run as root
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1100,700",
)


class Browser:
    def __init__(self, driver: httpx.Client, session: str) -> None:
        self._driver, self._session = driver, session

    def open(self, url: str) -> None:
        self._post("url", url=url)

    def run(self, script: str) -> Any:
        """The script's return value, in the page that is open now."""
        return self._post("execute/sync", script=script, args=[])

    def click(self, selector: str) -> None:
        self.run(f"document.querySelector({selector!r}).click()")

    def run_async(self, script: str, *arguments: Any) -> Any:
        """What the script gives to its last argument, a function."""
        return self._post("execute/async", script=script, args=list(arguments))

    def devtools(self, command: str, **parameters: Any) -> Any:
        """A command of Chromium's own protocol, for what WebDriver lacks."""
        return self._post("goog/cdp/execute", cmd=command, params=parameters)

    def press(self, *keys: str) -> None:
        """On the keyboard, one after the other, where the focus is."""
        strokes = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._post("actions", actions=[{"type": "key", "id": "keyboard", "actions": strokes}])

    def text(self, selector: str = "body") -> str:
        return str(self.run(f"return document.querySelector({selector!r})?.innerText ?? ''"))

    def shows(self, selector: str) -> bool:
        """Whether there is such an element, and it is not hidden."""
        return bool(self.run(f"return document.querySelector({selector!r})?.offsetHeight"))

    def screenshot(self, file: Path) -> None:
        image = self._driver.get(f"/session/{self._session}/screenshot").json()["value"]
        file.write_bytes(base64.b64decode(image))

    def _post(self, command: str, **arguments: Any) -> Any:
        answer = self._driver.post(f"/session/{self._session}/{command}", json=arguments)
        assert answer.is_success, answer.text
        return answer.json()["value"]


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """A browser with an empty profile; it ends with the `with`."""
    port = free_port()
    abroad = {**os.environ, "TZ": "Asia/Tokyo"}  # not the gateway's time zone
    process = subprocess.Popen(
        ["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, env=abroad
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as driver:
            wait_for("chromedriver listens", lambda: _listens(driver))
            session = _new_session(driver, profile)
            try:
                yield Browser(driver, session)
            finally:
                driver.delete(f"/session/{session}")
    finally:
        process.terminate()
        process.wait(10)


def _listens(driver: httpx.Client) -> bool:
    try:
        return bool(driver.get("/status").json()["value"]["ready"])
    except httpx.TransportError:
        return False


def _new_session(driver: httpx.Client, profile: Path) -> str:
    options = {"args": [*SWITCHES, f"--user-data-dir={profile}"]}
    wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
    answer = driver.post("/session", json=wanted)
    assert answer.is_success, answer.text
    return str(answer.json()["value"]["sessionId"])
