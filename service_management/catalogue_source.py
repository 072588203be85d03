"""Reads services_config.json with the key directory and the ports of this installation."""

from __future__ import annotations

from pathlib import Path

import structlog
from pydantic import ValidationError

from service_management.config import Catalogue, Problem, Service, load, parse
from service_management.settings import Settings
from service_management.store import Store

_LOG = structlog.get_logger(__name__)


def read_catalogue(chosen: Settings, file: Path | None = None) -> Catalogue | list[Problem]:
    """The control plane and `orchestrator validate` see the same problems."""
    path, ports = file or chosen.config_file, _ports(chosen)
    return load(path, key_dir=chosen.key_dir, gateway_ports=ports)


def parse_catalogue(chosen: Settings, text: str) -> Catalogue | list[Problem]:
    """The same for a text that is not in the file yet."""
    return parse(text, key_dir=chosen.key_dir, gateway_ports=_ports(chosen))


def _ports(chosen: Settings) -> frozenset[int]:
    return frozenset({chosen.nginx_port, chosen.listen_port, chosen.flask_port})


def last_catalogue(store: Store) -> Catalogue:
    """The last valid configuration: served until the file has been read."""
    texts: list[str] = store.noted("catalogue") or []
    return Catalogue.of(service for text in texts if (service := _stored(text)))


def _stored(text: str) -> Service | None:
    """A later version may have stricter rules: better to lose one service than all."""
    try:
        return Service.model_validate_json(text)
    except ValidationError as error:
        _LOG.error("a stored service is no longer valid and is left out", problem=str(error))
        return None
