"""Services as the configuration would give them."""

from __future__ import annotations

from typing import Any

from service_management.config import Service


def service(route: str, *api_paths: str, **changes: Any) -> Service:
    values: dict[str, Any] = {
        "name": f"Service {route}",
        "ssh_username": "jo",
        "ssh_key_file": "/keys/id",
        "remote_host": "login",
        "remote_port": 8080,
        "bash_file": "/home/jo/run.sh",
        "check_health_path": "/health",
        "timeout": 60.0,
        "route_name": route,
        "api_paths": api_paths or ("/",),
    }
    return Service(**{**values, **changes})
