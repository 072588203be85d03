"""The services as one immutable value."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from .config_problem import Problem
from .models import Service


@dataclass(frozen=True)
class Catalogue:
    """Every service by its route, in the order of the file."""

    services: Mapping[str, Service]
    version: str
    warnings: tuple[Problem, ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, services: Iterable[Service], warnings: Iterable[Problem] = ()) -> Catalogue:
        by_route = {service.route_name: service for service in services}
        return cls(MappingProxyType(by_route), _version(by_route.values()), tuple(warnings))


def _version(services: Iterable[Service]) -> str:
    content = json.dumps([service.model_dump(mode="json") for service in services], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]
