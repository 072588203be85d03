"""The services as one immutable value, and what differs between two of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .models import Service


@dataclass(frozen=True)
class Catalogue:
    """Every service by its route, in the order of the file."""

    services: Mapping[str, Service]
    version: str

    @classmethod
    def of(cls, services: Iterable[Service]) -> Catalogue:
        by_route = {service.route_name: service for service in services}
        return cls(MappingProxyType(by_route), _version(by_route.values()))


@dataclass(frozen=True)
class Changes:
    """Route names. What a live reload has to do; everything else takes effect by itself."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    job_changed: tuple[str, ...] = ()  # the running job has to be drained and replaced
    route_changed: tuple[str, ...] = ()  # nginx's configuration has to be rendered anew
    settings_changed: tuple[str, ...] = ()  # only numbers that are read where they are used

    def __bool__(self) -> bool:
        return any(
            (self.added, self.removed, self.job_changed, self.route_changed, self.settings_changed)
        )


def diff(old: Catalogue, new: Catalogue) -> Changes:
    """A service may be in both job_changed and route_changed; an unchanged one is in none."""
    kept = [
        (old.services[route], new.services[route])
        for route in new.services
        if route in old.services
    ]
    return Changes(
        added=tuple(route for route in new.services if route not in old.services),
        removed=tuple(route for route in old.services if route not in new.services),
        job_changed=tuple(b.route_name for a, b in kept if _job_differs(a, b)),
        route_changed=tuple(b.route_name for a, b in kept if _route_differs(a, b)),
        settings_changed=tuple(
            b.route_name
            for a, b in kept
            if a != b and not _job_differs(a, b) and not _route_differs(a, b)
        ),
    )


def _job_differs(old: Service, new: Service) -> bool:
    return old.job_fields() != new.job_fields()


def _route_differs(old: Service, new: Service) -> bool:
    return old.route_fields() != new.route_fields()


def _version(services: Iterable[Service]) -> str:
    content = json.dumps([service.model_dump(mode="json") for service in services], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]
