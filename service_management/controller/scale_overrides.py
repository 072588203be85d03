"""Numbers of replicas that an operator asked for. They take the place of those in the file until
the service's entry is edited, also over restarts."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from typing import Any

from service_management.config import Catalogue, Problem, Service

Note = Callable[[str, Any], None]
NOTE = "scale"


class ScaleOverrides:
    """Asked for by the controller; applied by the thread that reads the file."""

    def __init__(self, stored: Any, note: Note) -> None:
        self._asked: dict[str, dict[str, Any]] = dict(stored) if isinstance(stored, dict) else {}
        self._note, self._lock = note, threading.Lock()
        self._in_file: Mapping[str, Service] = {}

    def ask(self, route: str, numbers: Mapping[str, int]) -> bool:
        """`numbers`: min_replicas, max_replicas; what is missing is as in the file. False: the file
        has no such service, or could not be read yet."""
        with self._lock:
            entry = self._in_file.get(route)
            if entry is None:
                return False
            asked = {other: one for other, one in self._asked.items() if other != route}
            if numbers:
                asked[route] = {"entry": _digest(entry), **_complete(numbers, entry)}
            self._keep(asked)
        return True

    def applied(self, outcome: Catalogue | list[Problem]) -> Catalogue | list[Problem]:
        """The catalogue as operators want it. What was asked for before an edit is forgotten."""
        if not isinstance(outcome, Catalogue):
            return outcome
        with self._lock:
            self._in_file = outcome.services
            asked = {route: one for route, one in self._asked.items() if self._is_current(route)}
            if asked != self._asked:
                self._keep(asked)
        services = (_scaled(one, asked.get(route)) for route, one in outcome.services.items())
        return Catalogue.of(services, outcome.warnings)

    def _is_current(self, route: str) -> bool:
        entry = self._in_file.get(route)
        return entry is not None and self._asked[route].get("entry") == _digest(entry)

    def _keep(self, asked: dict[str, dict[str, Any]]) -> None:
        self._note(NOTE, asked)
        self._asked = asked


def _complete(numbers: Mapping[str, int], entry: Service) -> dict[str, int]:
    """The one that is missing gives way."""
    most = numbers.get("max_replicas", max(entry.max_replicas, numbers.get("min_replicas", 0)))
    least = numbers.get("min_replicas", min(entry.min_replicas, most))
    return {"min_replicas": least, "max_replicas": most}


def _scaled(service: Service, asked: dict[str, Any] | None) -> Service:
    if asked is None:
        return service
    return service.model_copy(update={key: asked[key] for key in ("min_replicas", "max_replicas")})


def _digest(service: Service) -> str:
    """Without defaults: a new key in a new version is no edit."""
    entry = service.model_dump_json(exclude_defaults=True)
    return hashlib.sha256(entry.encode()).hexdigest()[:16]
