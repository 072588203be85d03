"""A supervisord extension: programs start with it, not at its first tick, a second later."""

from __future__ import annotations

from typing import Any

from supervisor import events


def make(supervisord: Any, **_settings: str) -> object:
    """The factory that supervisord calls. It expects an object with remote calls; this has none."""

    def start(_event: object) -> None:
        for group in sorted(supervisord.process_groups.values()):
            group.transition()

    events.subscribe(events.SupervisorRunningEvent, start)
    return object()
