"""Loaded by supervisord: its programs start with it, and not at its first look, a second later."""

from __future__ import annotations

from typing import Any

from supervisor import events


def make(supervisord: Any, **_settings: str) -> object:
    """Where supervisord takes in extensions; this one adds no remote calls."""

    def start(_event: object) -> None:
        for group in sorted(supervisord.process_groups.values()):
            group.transition()

    events.subscribe(events.SupervisorRunningEvent, start)
    return object()
