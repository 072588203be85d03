"""`--wait`: follow a service until it has reached the state that a command asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum
from typing import Any

from service_management.native.waiting import Say

POLL = 0.2


class Goal(Enum):
    """The states in which a command is done."""

    READY = ("ready",)
    STOPPED = ("cold", "disabled")

    def reached(self, state: object) -> bool:
        return state in self.value


_FINAL = ("ready", "cold", "failed", "disabled")


def watch(look: Callable[[], dict[str, Any]], goal: Goal, say: Say) -> str:
    """Print every change; return the first state that lasts without further requests."""
    said = ""
    while True:
        info = look()
        if info["state"] != said:
            said = info["state"]
            say(f"{said}: {info['text']}")
        if goal.reached(said) or (said in _FINAL and not _on_its_way(info)):
            return said
        time.sleep(POLL)


def _on_its_way(info: dict[str, Any]) -> bool:
    return bool(info["replicas"])
