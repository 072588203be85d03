"""The questions of `orchestrator add`, and what each proposes as its answer. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from service_management.cli.new_service import (
    NO_GPUS,
    NO_PARTITION,
    Answers,
    Entry,
    SbatchOptions,
    login_text,
)


@dataclass(frozen=True)
class Question:
    name: str  # of the answer
    text: str
    default: Callable[[Entry, Answers], str]  # from the entry that is most like the new one
    decides: tuple[str, ...] = ()  # keys of the entry, where it is not the one of the same name

    @property
    def keys(self) -> tuple[str, ...]:
        return self.decides or (self.name,)


QUESTIONS = (
    Question("route_name", "Route, the first part of its URL", lambda _like, _own: ""),
    Question("name", "Name, shown to people", lambda _like, own: _title(own["route_name"])),
    Question(
        "login",
        "Login node, as user@host or user@host:port",
        lambda like, _own: login_text(like),
        ("ssh_username", "remote_host", "ssh_port", "proxy_jump", "known_hosts_file"),
    ),
    Question(
        "ssh_key_file",
        "Private key, a file in the key directory",
        lambda like, _own: str(like.get("ssh_key_file", "")),
    ),
    Question(
        "bash_file",
        "Batch script on the cluster; a relative path begins in the home directory there",
        lambda _like, _own: "",
    ),
    Question(
        "remote_port",
        'Port of the service; "auto": the script gets one as $1',
        lambda _like, _own: "auto",
    ),
    Question(
        "check_health_path",
        "Path that answers 2xx once the service is ready",
        lambda like, _own: str(like.get("check_health_path", "/health")),
    ),
    Question(
        "api_paths",
        'Paths for requests, separated by blanks; "/" is the whole service',
        lambda _like, _own: "/",
    ),
    Question(
        "timeout",
        "Seconds without a request after which its job is cancelled",
        lambda like, _own: json.dumps(like.get("timeout", 600)),
    ),
    Question(
        "partition",
        f'Partition; "{NO_PARTITION}" is the default of the cluster',
        lambda like, _own: SbatchOptions.of(like).partition or NO_PARTITION,
        ("sbatch_args",),
    ),
    Question(
        "gpus",
        'GPUs of its job, as "1" or "a100:2"',
        lambda like, _own: SbatchOptions.of(like).gpus or NO_GPUS,
        ("sbatch_args",),
    ),
)


def _title(route: str) -> str:
    words = re.sub(r"[-_.~]+", " ", route)
    return words[:1].upper() + words[1:]
