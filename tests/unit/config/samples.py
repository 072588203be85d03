"""A good service, and files made of variations of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from service_management.config import Catalogue, Problem, Service, parse

KEY_DIR = Path("/keys")

# Just the twelve keys name … api_paths.
DIGITS: dict[str, Any] = {
    "name": "Digits",
    "ssh_username": "jo",
    "ssh_key_file": "id_cluster",
    "remote_host": "login.cluster.example.org",
    "remote_port": 8080,
    "local_host": "127.0.0.1",
    "local_port": 9001,
    "bash_file": "/home/jo/digits/run_model.sh",
    "check_health_path": "/health",
    "timeout": 600,
    "route_name": "digits",
    "api_paths": ["/predict"],
}


def digits(**changes: Any) -> dict[str, Any]:
    """The good service with other values; `...` takes a key away."""
    return {key: value for key, value in {**DIGITS, **changes}.items() if value is not ...}


def other(**changes: Any) -> dict[str, Any]:
    """A second service that gets on with the first."""
    return digits(**{"name": "Text", "route_name": "text", "local_port": 9002, **changes})


def file_of(*services: Any, **sections: Any) -> str:
    return json.dumps({"Services": list(services), **sections})


def parsed(text: str, **options: Any) -> Catalogue | list[Problem]:
    return parse(text, **{"key_dir": KEY_DIR, "check_files": False, **options})


def found_in(text: str, **options: Any) -> list[Problem]:
    found = parsed(text, **options)
    assert isinstance(found, list), f"no problem found in {text}"
    return found


def problems(text: str, **options: Any) -> list[str]:
    """The messages without their places, for which there is test_positions.py."""
    return [str(replace(each, line=None, column=None)) for each in found_in(text, **options)]


def catalogue(text: str, **options: Any) -> Catalogue:
    found = parsed(text, **options)
    assert isinstance(found, Catalogue), [str(problem) for problem in found]
    return found


def service(**changes: Any) -> Service:
    return next(iter(catalogue(file_of(digits(**changes))).services.values()))
