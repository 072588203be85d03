"""services_config.json as this installation reads it: its key directory, its own ports."""

from __future__ import annotations

from pathlib import Path

import structlog
from pydantic import ValidationError

from service_management.config import Catalogue, Problem, Service, load
from service_management.settings import Settings
from service_management.store import Store

_LOG = structlog.get_logger(__name__)


def read_catalogue(chosen: Settings, file: Path | None = None) -> Catalogue | list[Problem]:
    """The control plane and `orchestrator validate` see the same problems."""
    ports = frozenset({chosen.nginx_port, chosen.listen_port, chosen.flask_port})
    return load(file or chosen.config_file, key_dir=chosen.key_dir, gateway_ports=ports)


def last_catalogue(store: Store) -> Catalogue:
    """What was served last, until the file has been read."""
    texts: list[str] = store.noted("catalogue") or []
    return Catalogue.of(service for text in texts if (service := _stored(text)))


def _stored(text: str) -> Service | None:
    """A later version may know stricter rules: one service less is better than none at all."""
    try:
        return Service.model_validate_json(text)
    except ValidationError as error:
        _LOG.error("a stored service is no longer valid and is left out", problem=str(error))
        return None
