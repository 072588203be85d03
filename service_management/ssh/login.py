"""A login: user, host, port and key. Stored with each job."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from service_management.config import resolve_key
from service_management.ssh.errors import LoginError

if TYPE_CHECKING:
    from service_management.config.models import Service

# "DOMAIN\user" and "user@realm" are real login names; a leading "-" would be an option.
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@\\+-]*\$?")
_HOST = re.compile(r"[A-Za-z0-9_:][A-Za-z0-9_.:%-]*")


@dataclass(frozen=True)
class Login:
    """All that ssh needs, so that a job can be cancelled after its service was removed."""

    username: str
    host: str
    port: int
    key_file: str
    proxy_jump: str | None = None
    known_hosts_file: str | None = None

    def __post_init__(self) -> None:
        require_user(self.username)
        require_host(self.host)
        require_port(self.port)
        require_path("ssh_key_file", self.key_file)
        if self.known_hosts_file is not None:
            require_path("known_hosts_file", self.known_hosts_file)
        self.jumps  # noqa: B018  parsed for its errors: a bad proxy_jump is refused early

    def __str__(self) -> str:
        return f"{self.username}@{self.host}:{self.port}"

    @cached_property
    def id(self) -> str:
        """Short and stable: names this login's files and metrics. Cached: the controller reads it
        a thousand times in a pass."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    @property
    def jumps(self) -> tuple[Jump, ...]:
        hops = self.proxy_jump.split(",") if self.proxy_jump else []
        return tuple(_parse_jump(hop.strip(), self.username) for hop in hops)

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_service(cls, service: Service, key_dir: Path) -> Login:
        pinned = service.known_hosts_file
        return cls(
            username=service.ssh_username,
            host=service.remote_host,
            port=service.ssh_port,
            key_file=str(resolve_key(service.ssh_key_file, key_dir)),
            proxy_jump=service.proxy_jump,
            known_hosts_file=None if pinned is None else str(resolve_key(pinned, key_dir)),
        )


@dataclass(frozen=True)
class Jump:
    """A jump host on the way to the login node."""

    username: str
    host: str
    port: int


def require_user(value: str) -> None:
    if not _USER.fullmatch(value):
        raise LoginError(f"{value!r} is not a login name: use letters, digits and _ . - @ +.")


def require_host(value: str) -> None:
    if not _HOST.fullmatch(value):
        raise LoginError(f"{value!r} is neither a host name nor an address.")


def require_port(value: int) -> None:
    if not 1 <= value <= 65535:
        raise LoginError(f"{value!r} is not a port: 1 to 65535.")


def require_path(key: str, value: str) -> None:
    """Quotes protect everything in an ssh_config but these: ${NAME} is expanded inside them."""
    if not value.startswith("/"):
        raise LoginError(f"{key} {value!r} must be an absolute path.")
    if "${" in value or any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise LoginError(
            f"{key} {value!r} contains a control character, or '${{', which ssh expands."
        )


def _parse_jump(text: str, username: str) -> Jump:
    """`[user@]host[:port]`, an IPv6 address with a port in brackets."""
    user, at, place = text.removeprefix("ssh://").rpartition("@")
    match = re.fullmatch(r"\[([^\]]+)\](?::(\d{1,5}))?|([^:]+)(?::(\d{1,5}))?", place)
    if match is None:
        raise LoginError(f"proxy_jump {text!r} is not [user@]host[:port].")
    jump = Jump(
        username=user if at else username,
        host=match[1] or match[3],
        port=int(match[2] or match[4] or 22),
    )
    require_user(jump.username)
    require_host(jump.host)
    require_port(jump.port)
    return jump
