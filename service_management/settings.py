"""The environment: every variable the product reads, with its default and its meaning.

`.env_template` and `docs/environment.md` are checked against `VARIABLES` by a test.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from dotenv import dotenv_values

SPOOL_BASE = Path("/var/tmp")  # noqa: S108 - not /run: that is memory on most machines
TOKEN_LENGTH = 16  # characters
RUN_DIR_MAX = 22  # bytes, see gateway/gateway_settings.py
ROOT = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """A variable that cannot be used. The text names it, its value and what is allowed."""


@dataclass(frozen=True)
class Variable:
    name: str
    default: str
    meaning: str


VARIABLES: tuple[Variable, ...] = (
    Variable("NGINX_PORT", "8090", "port at which clients reach the gateway"),
    Variable("NGINX_LISTEN_PORT", "80", "port nginx listens on inside the container"),
    Variable("NGINX_LISTEN_ADDRESS", "", "the one address nginx listens on; by default every one"),
    Variable("ML_SERVICE_FLASK_PORT", "5001", "loopback port for reading /info and /metrics"),
    Variable("ML_SERVICE_SSH_BIND_MOUNT", "./ssh_bind_mnt", "directory of the SSH keys"),
    Variable("TLS_CERT", "", "certificate with its chain, PEM; then the gateway speaks HTTPS"),
    Variable("TLS_KEY", "", "the certificate's private key, PEM"),
    Variable("ADMIN_TOKEN", "", "operators' bearer token; made at first start where unset"),
    Variable(
        "ORCHESTRATOR_ID",
        "",
        "first part of every job's name, unique per gateway; made at first start where unset",
    ),
    Variable("SERVICES_CONFIG", "./services_config.json", "the file of services"),
    Variable("STATE_DIR", "./var", "what must survive: store, known hosts, logs"),
    Variable("RUN_DIR", "", "sockets and nginx's files; a short path, by default below /run"),
    Variable("SPOOL_DIR", "", "large request bodies; on a disk, by default below /var/tmp"),
    Variable("DATABASE_URL", "", "the store; by default SQLite in STATE_DIR"),
    Variable("SSH_BACKEND", "openssh", "how logins are made: openssh or paramiko"),
    Variable("HOLD_THREADS", "2200", "requests that can be held at one time"),
    Variable("UPLOAD_TIMEOUT", "3600", "seconds for the whole of a large request body"),
    Variable("TRUSTED_PROXIES", "", "addresses or networks whose X-Forwarded-* are believed"),
    Variable("GATEWAY_USER", "", "user of the whole gateway when root starts it"),
    Variable("NGINX_USER", "www-data", "user of nginx's workers where the gateway runs as root"),
    Variable("ACCESS_LOG_MB", "64", "size at which nginx's logs are rotated; three old ones stay"),
    Variable("LOG_FORMAT", "text", "text or json"),
    Variable("LOG_LEVEL", "info", "debug, info, warning or error"),
)
DEFAULTS = {variable.name: variable.default for variable in VARIABLES}


@dataclass(frozen=True)
class Settings:
    nginx_port: int
    listen_port: int
    listen_address: str  # empty: every address
    flask_port: int
    key_dir: Path
    tls_cert: Path | None  # both or neither
    tls_key: Path | None
    admin_token: str
    identity: str
    config_file: Path
    state_dir: Path
    run_dir: Path
    spool_dir: Path
    database_url: str
    ssh_backend: str
    hold_threads: int
    upload_timeout: int  # seconds
    trusted_proxies: tuple[str, ...]
    gateway_user: str  # empty: the checkout's owner, or `orchestrator`
    nginx_user: str
    access_log_mb: int
    log_format: str
    log_level: str

    @property
    def gateway_url(self) -> str:
        """How this machine reaches its own gateway."""
        address = self.listen_address
        if not address or ipaddress.ip_address(address).is_unspecified:
            address = "::1" if ":" in address else "127.0.0.1"
        host = f"[{address}]" if ":" in address else address
        return f"{'https' if self.tls_cert else 'http'}://{host}:{self.nginx_port}"


def read(environment: Mapping[str, str] | None = None, root: Path = ROOT) -> Settings:
    """`.env` beside the configuration, overridden by the process's own environment."""
    given = os.environ if environment is None else environment
    try:
        from_file = {key: value for key, value in dotenv_values(root / ".env").items() if value}
    except UnicodeDecodeError as error:
        raise SettingsError(f"{root / '.env'} must be UTF-8 text: {error.reason}") from None
    return parse({**DEFAULTS, **from_file, **_named(given)}, root)


def _named(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: environment[name] for name in DEFAULTS if environment.get(name)}


def parse(values: Mapping[str, str], root: Path) -> Settings:
    state_dir = _path("STATE_DIR", values["STATE_DIR"], root)
    run_dir = (
        _path("RUN_DIR", values["RUN_DIR"], root) if values["RUN_DIR"] else default_run_dir(root)
    )
    spool_dir = values["SPOOL_DIR"] or str(SPOOL_BASE / run_dir.name)
    key_dir = _path("ML_SERVICE_SSH_BIND_MOUNT", values["ML_SERVICE_SSH_BIND_MOUNT"], root)
    tls_cert, tls_key = _tls(values, key_dir)
    return Settings(
        nginx_port=_number(values, "NGINX_PORT", 1, 65535),
        listen_port=_number(values, "NGINX_LISTEN_PORT", 1, 65535),
        listen_address=_address("NGINX_LISTEN_ADDRESS", values),
        flask_port=_number(values, "ML_SERVICE_FLASK_PORT", 1, 65535),
        key_dir=key_dir,
        tls_cert=tls_cert,
        tls_key=tls_key,
        admin_token=_token(values["ADMIN_TOKEN"]),
        identity=_identity(values["ORCHESTRATOR_ID"] or default_identity(root)),
        config_file=_path("SERVICES_CONFIG", values["SERVICES_CONFIG"], root),
        state_dir=state_dir,
        run_dir=run_dir,
        spool_dir=_path("SPOOL_DIR", spool_dir, root),
        database_url=values["DATABASE_URL"] or f"sqlite:///{state_dir / 'state.db'}",
        ssh_backend=_choice(values, "SSH_BACKEND", ("openssh", "paramiko")),
        hold_threads=_number(values, "HOLD_THREADS", 8, 20000),
        upload_timeout=_number(values, "UPLOAD_TIMEOUT", 1, 604800),
        trusted_proxies=_networks(values, "TRUSTED_PROXIES"),
        gateway_user=values["GATEWAY_USER"],
        nginx_user=values["NGINX_USER"],
        access_log_mb=_number(values, "ACCESS_LOG_MB", 1, 65536),
        log_format=_choice(values, "LOG_FORMAT", ("text", "json")),
        log_level=_choice(values, "LOG_LEVEL", ("debug", "info", "warning", "error")),
    )


def _networks(values: Mapping[str, str], name: str) -> tuple[str, ...]:
    words = values[name].replace(",", " ").split()
    try:
        return tuple(str(ip_network(word)) for word in words)
    except ValueError as error:
        rule = f"addresses or networks as 10.0.0.0/8; {error}"
        raise SettingsError(f"{name}={values[name]!r}: {rule}") from None


def default_identity(root: Path) -> str:
    """The same at every start of an installation, so that it finds its jobs again."""
    return "io-" + hashlib.sha256(f"{os.uname().nodename}:{root}".encode()).hexdigest()[:6]


def default_run_dir(root: Path) -> Path:
    """Short, because a unix socket's path has 107 bytes and carries a route's name."""
    mark = hashlib.sha256(str(root).encode()).hexdigest()[:6]
    own = os.environ.get("XDG_RUNTIME_DIR", "")
    # Four characters are what fits below /run/user/1000.
    places = (Path(f"/run/io-{mark}"), Path(own, f"io-{mark[:4]}"), Path(f"/tmp/io-{mark}"))  # noqa: S108 - last resort; the directory itself is made 0700
    fitting = (path for path in places if path.is_absolute() and len(str(path)) <= RUN_DIR_MAX)
    return next((path for path in fitting if os.access(path.parent, os.W_OK)), places[-1])


def _path(name: str, text: str, root: Path) -> Path:
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise SettingsError(
            f"{name}={text!r}: there is no such user; write the full path"
        ) from None
    return path if path.is_absolute() else (root / path).resolve()


def _tls(values: Mapping[str, str], key_dir: Path) -> tuple[Path | None, Path | None]:
    given = {name: values[name] for name in ("TLS_CERT", "TLS_KEY")}
    if any(given.values()) and not all(given.values()):
        lacking = next(name for name, text in given.items() if not text)
        raise SettingsError(f"{lacking}: must be given too: a certificate and its key, or neither")
    cert, key = (_path(*pair, key_dir) if pair[1] else None for pair in given.items())
    return cert, key


def _number(values: Mapping[str, str], name: str, low: int, high: int) -> int:
    text = values[name]
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise SettingsError(f"{name}={text!r}: must be a whole number from {low} to {high}")
    return int(text)


def _choice(values: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    text = values[name].lower()
    if text not in allowed:
        raise SettingsError(f"{name}={values[name]!r}: must be one of {', '.join(allowed)}")
    return text


def _address(name: str, values: Mapping[str, str]) -> str:
    text = values[name].strip("[]")
    try:
        return str(ipaddress.ip_address(text)) if text else ""
    except ValueError:
        raise SettingsError(
            f"{name}={values[name]!r}: must be an IPv4 or IPv6 address, such as 127.0.0.1"
        ) from None


def _token(text: str) -> str:
    """The value is a secret: no message repeats it."""
    if not all("!" <= char <= "~" for char in text):
        raise SettingsError("ADMIN_TOKEN: printable ASCII characters without blanks only")
    if text and (len(text) < TOKEN_LENGTH or len(set(text)) < TOKEN_LENGTH // 2):
        raise SettingsError(
            f"ADMIN_TOKEN: too easy to guess; it needs at least {TOKEN_LENGTH} characters, "
            f"{TOKEN_LENGTH // 2} of them different. Delete its line in .env, and the next start "
            "makes a good one"
        )
    return text


def _identity(text: str) -> str:
    if not text.replace("-", "").isalnum() or not text.isascii() or len(text) > 32:
        raise SettingsError(
            f"ORCHESTRATOR_ID={text!r}: at most 32 letters, digits and hyphens "
            "(it becomes the first part of every job's name)"
        )
    return text
