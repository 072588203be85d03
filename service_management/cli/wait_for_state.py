"""`--wait`: follow a service until it is as a command asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum
from typing import Any

from service_management.native.waiting import Say

POLL = 0.2


class Goal(Enum):
    """When a command is done."""

    READY = "ready"
    REPLACED = "replaced"  # ready, with new jobs only
    STOPPED = "stopped"

    @property
    def states(self) -> tuple[str, ...]:
        return ("cold", "disabled") if self is Goal.STOPPED else ("ready",)

    def reached(self, info: dict[str, Any]) -> bool:
        return info["state"] in self.states and not (self is Goal.REPLACED and _retiring(info))


_FINAL = ("ready", "cold", "failed", "disabled")


def watch(look: Callable[[], dict[str, Any]], goal: Goal, say: Say) -> str:
    """Print every change; return the first state that lasts without further requests."""
    said, failures = "", None
    while True:
        info = look()
        state: str = info["state"]
        failures = info["failures"] if failures is None else min(failures, info["failures"])
        if state != said:
            say(f"{state}: {info['text']}")
            said = state
        if goal.reached(info) or (state in _FINAL and not info["replicas"]):
            return state
        if state == "ready" and info["failures"] > failures:  # the old job serves on
            say(f"failed: {info['last_error']['text']}")
            return "failed"
        time.sleep(POLL)


def _retiring(info: dict[str, Any]) -> bool:
    return any(replica.get("retiring") for replica in info["replicas"])
