"""The frozen shape of services_config.json (see docs/configuration.md)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Service(BaseModel):
    """One entry of "Services", checked, with every default filled in."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str
    ssh_username: str
    ssh_key_file: str
    remote_host: str
    remote_port: int | Literal["auto"]
    bash_file: str
    check_health_path: str
    timeout: float
    route_name: str
    api_paths: tuple[str, ...]
    local_host: str | None = None
    local_port: int | None = None
    hold_timeout: float = 120
    startup_timeout: float = 1800
    queue_timeout: float = 3600
    min_replicas: int = 0
    max_replicas: int = 1
    target_inflight: int = 8
    sbatch_args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    ssh_port: int = 22
    proxy_jump: str | None = None
    known_hosts_file: str | None = None
    request_timeout: float = 600
    max_body: int = 100 * 1000 * 1000  # bytes
    quiet_paths: tuple[str, ...] | None = None
