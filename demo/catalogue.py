"""The example services of a cluster, as the content of a services_config.json."""

from __future__ import annotations

from typing import Any

from demo.faults import Faults

SERVICES: tuple[dict[str, Any], ...] = (
    {
        "name": "Digits classifier",
        "route_name": "classifier",
        "bash_file": "classifier.sh",
        "remote_port": 18081,
        "api_paths": ["/", "/predict", "/about", "/example"],
    },
    {
        "name": "Text generator",
        "route_name": "textgen",
        "bash_file": "textgen.sh",
        "remote_port": 18082,
        "api_paths": ["/v1/chat/completions", "/v1/models"],
    },
    {
        "name": "Test service",
        "route_name": "probe",
        "bash_file": "probe.sh",
        "remote_port": 18083,
        "api_paths": ["/"],
    },
)


def config(cluster: Faults, timeout: float = 60) -> dict[str, Any]:
    login = {
        "ssh_username": cluster.ssh_user,
        "ssh_key_file": str(cluster.key_file),
        "remote_host": cluster.ssh_host,
        "ssh_port": cluster.ssh_port,
        "check_health_path": "/health",
        "timeout": timeout,
    }
    return {"Services": [service | login for service in SERVICES]}
