"""services_config.json as this installation reads it: its key directory, its own ports."""

from __future__ import annotations

from pathlib import Path

from service_management.config import Catalogue, Problem, load
from service_management.settings import Settings


def read_catalogue(chosen: Settings, file: Path | None = None) -> Catalogue | list[Problem]:
    """The control plane and `orchestrator validate` see the same problems."""
    ports = frozenset({chosen.nginx_port, chosen.listen_port, chosen.flask_port})
    return load(file or chosen.config_file, key_dir=chosen.key_dir, gateway_ports=ports)
