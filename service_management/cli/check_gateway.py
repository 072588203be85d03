"""A start through the running gateway: it submits the job, so that there is never a second one, and
requests that come meanwhile are answered by it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from service_management.cli.check_report import START, Report
from service_management.cli.gateway_client import Gateway
from service_management.native.waiting import wait

POLL, TAKEN_UP, STOPPED = 0.2, 5.0, 60.0  # seconds
_ON_ITS_WAY = ("queued", "starting", "draining")


@dataclass
class GatewayStart:
    gateway: Gateway
    route: str
    report: Report
    started: bool = False  # by this check
    wanted: bool = False  # by requests, since then

    def is_served(self, version: str) -> bool:
        """The gateway has taken up the file as it is."""
        info = wait(lambda: self._info_of(version), TAKEN_UP, "", lambda _text: None, POLL)
        if info:
            return True
        found = self.gateway.info()
        error = found["config_error"]
        why = f": {error['text']}" if error else f", but version {found['config_version']}"
        self.report.fail(
            START,
            f"the gateway does not serve this file{why}",
            "see `orchestrator status`; SERVICES_CONFIG of the gateway may name another file",
        )
        return False

    def start(self) -> dict[str, Any] | None:
        """What /info says of the service once it is ready; None where it does not become so."""
        info = self.gateway.info(self.route)
        if info["state"] == "disabled":
            self.report.fail(
                START, "an operator has disabled it", f"orchestrator enable {self.route}"
            )
            return None
        if info["state"] in ("ready", "queued", "starting"):
            self.report.progress(f"it runs already ({info['state']}): no job is started")
        else:
            self.gateway.change(self.route, "start")
            self.started = True
        info = self._follow()
        if info["state"] == "ready":
            job = info["replicas"][0]
            self.report.ok(START, f"job {job['job_id']} on {job['node']} is ready")
            return info
        self._report_failure(info)
        return None

    def stop(self) -> None:
        """Not under the feet of requests that came meanwhile."""
        if not self.started:
            return
        info = self.gateway.info(self.route)
        if not info["replicas"]:
            return
        if self.wanted or _is_used(info):
            self.report.progress("requests have come meanwhile: it is left running")
            return
        self.gateway.change(self.route, "stop")
        gone = wait(self._is_stopped, STOPPED, "its job to end", self.report.progress, POLL)
        self.report.progress("its job is cancelled" if gone else "its job has not ended yet")

    def _info_of(self, version: str) -> dict[str, Any] | None:
        info = self.gateway.info()
        return info if info["config_version"] == version else None

    def _follow(self) -> dict[str, Any]:
        """Say every change, until it lasts without requests."""
        said = ""
        while True:
            info = self.gateway.info(self.route)
            self.wanted |= bool(info["held"])
            text = _sentence(info)
            if text != said and info["state"] in _ON_ITS_WAY:
                self.report.progress(text)
            said = text
            if info["state"] not in _ON_ITS_WAY:
                return info
            time.sleep(POLL)

    def _report_failure(self, info: dict[str, Any]) -> None:
        error = info["last_error"] if info["state"] == "failed" else None
        text, output = (error["text"], tuple(error["output"])) if error else (info["text"], ())
        self.report.fail(START, text, f"more in: orchestrator status {self.route}", output)

    def _is_stopped(self) -> bool:
        return not self.gateway.info(self.route)["replicas"]


def _sentence(info: dict[str, Any]) -> str:
    seen = info["probe"] if info["state"] == "starting" else None
    return f"{info['state']}: {seen['text'] if seen else info['text']}"


def _is_used(info: dict[str, Any]) -> bool:
    """Requests are under way, or have been since it became ready."""
    if info["held"] or info["inflight"]:
        return True
    idle = info["idle_seconds"]
    return idle is not None and idle < time.time() - info["since"] - 1.0
