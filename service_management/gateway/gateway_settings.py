"""Where the gateway lives on this machine: directories, addresses, the nginx program."""

from __future__ import annotations

import os
import resource
import socket
from dataclasses import dataclass, field
from pathlib import Path

from service_management.gateway import nginx_program
from service_management.gateway.quote import bare

TEMPLATE_DIR = Path(__file__).resolve().parents[2] / "nginx"

# A unix socket's path has at most 107 bytes. The longest one is
# <run_dir>/routes/<63 bytes of route>.<2 digits of position>.quiet.sock
SOCKET_PATH_MAX = 107
RUN_DIR_MAX = SOCKET_PATH_MAX - len("/routes/") - 63 - len(".00.quiet.sock")


def default_listen(port: int, address: str = "") -> tuple[str, ...]:
    """That address; without one every address of this machine, IPv6 too if the kernel has it."""
    if address:
        return (f"[{address}]:{port}" if ":" in address else f"{address}:{port}",)
    return (str(port), f"[::]:{port}") if _has_ipv6() else (str(port),)


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _root_stays_root() -> str | None:
    # Without the directive, workers started by root run as "nobody", who may not enter the run
    # directory: every service would look cold.
    return "root" if os.geteuid() == 0 else None


def _open_files() -> int:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)


@dataclass(frozen=True)
class GatewaySettings:
    """All that rendering and running nginx needs to know besides the catalogue."""

    run_dir: Path  # short; holds routes/, tunnels/, nginx/ and log/
    listen: tuple[str, ...] = ("8090",)
    flask: str = "127.0.0.1:5001"
    tls_cert: Path | None = None  # with tls_key: `listen` speaks HTTPS and HTTP/2
    tls_key: Path | None = None
    nginx_user: str | None = field(default_factory=_root_stays_root)
    template_dir: Path = TEMPLATE_DIR
    spool_dir: Path | None = None  # held request bodies; None: inside run_dir
    upload_timeout: int = 3600  # seconds for the whole of a large request body
    trusted_proxies: tuple[str, ...] = ()  # networks whose forwarding headers are believed
    open_files: int = field(default_factory=_open_files)

    def __post_init__(self) -> None:
        """Refuse what would only fail later, and less clearly."""
        if not self.run_dir.is_absolute():
            raise ValueError(f"run_dir {self.run_dir} must be an absolute path")
        length = len(os.fsencode(self.run_dir))
        if length > RUN_DIR_MAX:
            raise ValueError(
                f"run_dir {self.run_dir} has {length} bytes; at most {RUN_DIR_MAX} leave room for"
                f" the sockets below it, whose paths may have {SOCKET_PATH_MAX}"
            )
        for value in (self.run_dir, self.flask, *self.listen, *self.trusted_proxies):
            bare(value)  # these become parts of longer words in nginx's configuration
        if not self.listen:
            raise ValueError("listen is empty: the gateway needs an address")

    @property
    def nginx_dir(self) -> Path:
        """The generations of nginx's configuration, and its pid file."""
        return self.run_dir / "nginx"

    @property
    def current(self) -> Path:
        """The symlink to the generation in force."""
        return self.nginx_dir / "current"

    @property
    def pid_file(self) -> Path:
        """Written by nginx's master process."""
        return self.nginx_dir / "nginx.pid"

    @property
    def log_dir(self) -> Path:
        """nginx's logs."""
        return self.run_dir / "log"

    @property
    def access_log(self) -> Path:
        """For people: one JSON object per notable request."""
        return self.log_dir / "access.log"

    @property
    def counts_log(self) -> Path:
        """For the totals: one short line per request."""
        return self.log_dir / "counts.log"

    @property
    def error_log(self) -> Path:
        """Also where a refused reload is explained."""
        return self.log_dir / "error.log"

    @property
    def modules(self) -> tuple[Path, ...]:
        """In the order in which nginx must load them."""
        return tuple(nginx_program.modules_dir() / name for name in nginx_program.MODULES)

    @property
    def worker_connections(self) -> int:
        """A proxied request takes two."""
        return min(16384, self.open_files)

    def spool(self, name: str) -> Path:
        """One of nginx's directories for bodies that do not fit into memory."""
        return (self.spool_dir or self.nginx_dir / "spool") / name

    @property
    def spool_flag(self) -> Path:
        """There while the spool has no room for large bodies."""
        return self.nginx_dir / "spool_full"

    @property
    def freed_places(self) -> Path:
        """The socket to which nginx reports each end of a request to a service with a limit. Not
        called *.sock: in the access log that means a service."""
        return self.nginx_dir / "freed_places"

    @property
    def probe_address(self) -> tuple[str, int]:
        """Where this machine reaches its own nginx."""
        host, _, port = self.listen[0].rpartition(":")
        host = host.strip("[]")
        wildcard = {"": "127.0.0.1", "*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
        return wildcard.get(host, host), int(port)
