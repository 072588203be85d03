"""The gateway's directories and who may enter them. RUN_DIR has sockets that lead into clusters:
only the gateway's user and the user of nginx's workers can open them."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from service_management.settings import Settings, SettingsError

if TYPE_CHECKING:
    from service_management.gateway.gateway_settings import GatewaySettings

OWNER_ONLY, OWNER_AND_GROUP = 0o177, 0o117  # masks for sockets
SPOOLS = ("body", "proxy", "fastcgi", "uwsgi", "scgi")  # nginx's names
# Temporary files that a killed process leaves: a draft, and supervisord's lock.
OWN_LEFTOVERS = (".supervisord.conf.", "supervisord.sock.")
OWN_STATE = ("state.db", "controller.lock", "known_hosts", "log", "started", "spool", ".env")
OWN_ENTRIES = frozenset(
    {"tunnels", "routes", "nginx", "log", "ssh"}
    | {f"supervisord.{kind}" for kind in ("conf", "pid", "sock")}
)


def prepare(chosen: Settings) -> None:
    _refuse_foreign(chosen.run_dir)
    close_state_dir(chosen.state_dir)
    user = nginx_user(chosen)
    group = pwd.getpwnam(user).pw_gid if user else os.getegid()
    _refuse_stranger("RUN_DIR", chosen.run_dir)
    _refuse_stranger("SPOOL_DIR", chosen.spool_dir)
    inside = (chosen.run_dir / name for name in ("tunnels", "routes", "log"))
    for directory in (chosen.run_dir, *inside, chosen.spool_dir):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if user:
            os.chown(directory, os.geteuid(), group)
            # setgid: the sockets that ssh makes in there belong to nginx's group. Its workers
            # must get at their logs again when these are rotated, whatever the umask.
            directory.chmod(0o2750)


def close_state_dir(state_dir: Path) -> None:
    """Only its owner may enter: the store may contain secrets of services (`env`). What is in use
    for other things too is left as it is, and refused."""
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = state_dir.stat()
    if not found.st_mode & 0o077:
        return
    if found.st_uid != os.geteuid() or not all(map(is_own_state, state_dir.iterdir())):
        raise SettingsError(
            f"STATE_DIR={str(state_dir)!r}: other users may enter it "
            f"(mode {stat.S_IMODE(found.st_mode):o}); name a directory of the gateway's own, or "
            f"close it: chmod 700 {state_dir}"
        )
    state_dir.chmod(0o700)


def nginx_user(chosen: Settings) -> str | None:
    """The user of nginx's workers if its master runs as root; None otherwise."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(chosen.nginx_user)
    except KeyError:
        raise SettingsError(
            f"NGINX_USER={chosen.nginx_user!r}: there is no such user on this machine; "
            "name one that nginx's workers may run as"
        ) from None
    return chosen.nginx_user


def socket_mask(chosen: Settings) -> int:
    return OWNER_AND_GROUP if nginx_user(chosen) else OWNER_ONLY


def control_socket(chosen: Settings) -> Path:
    """Where nginx and the command line reach the control plane: in a directory that only this user
    can write, so that no other user can take its place while it restarts.

    Inside nginx/, because an older version refuses a RUN_DIR with a name that it does not know. Not
    called *.sock: in the access log that means a service.
    """
    return chosen.run_dir / "nginx" / "control_plane"


def gateway_settings(chosen: Settings) -> GatewaySettings:
    # It loads Jinja, and a command that only needs `control_socket` does not wait for that.
    from service_management.gateway.gateway_settings import (  # noqa: PLC0415
        GatewaySettings,
        default_listen,
    )

    try:
        return GatewaySettings(
            run_dir=chosen.run_dir,
            listen=default_listen(chosen.listen_port, chosen.listen_address),
            flask=f"unix:{control_socket(chosen)}",
            tls_cert=chosen.tls_cert,
            tls_key=chosen.tls_key,
            nginx_user=nginx_user(chosen),
            upload_timeout=chosen.upload_timeout,
            trusted_proxies=chosen.trusted_proxies,
            spool_dir=chosen.spool_dir,
        )
    except ValueError as error:
        raise SettingsError(f"RUN_DIR: {error}") from None


def remove_run_dir(chosen: Settings) -> None:
    """Only the gateway's entries: RUN_DIR may by mistake be a directory with other things in it."""
    for path in filter(is_own, [*chosen.run_dir.glob("*")]):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        chosen.run_dir.rmdir()
    for name in SPOOLS:
        shutil.rmtree(chosen.spool_dir / name, ignore_errors=True)
    with contextlib.suppress(OSError):
        chosen.spool_dir.rmdir()


def _refuse_foreign(run_dir: Path) -> None:
    foreign = {path.name for path in run_dir.glob("*") if not is_own(path)}
    if foreign:
        raise SettingsError(
            f"RUN_DIR={str(run_dir)!r}: it contains something else ({min(foreign)}); "
            "name a directory that only the gateway uses"
        )


def is_own_state(path: Path) -> bool:
    return path.name.startswith(OWN_STATE)


def is_own(path: Path) -> bool:
    return path.name in OWN_ENTRIES or path.name.startswith(OWN_LEFTOVERS)


def _refuse_stranger(name: str, directory: Path) -> None:
    """Below /tmp another user can create the directory first, and read what is written there."""
    with contextlib.suppress(FileNotFoundError):
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise SettingsError(
                f"{name}={str(directory)!r}: it belongs to another user; remove it, or name "
                "another directory"
            )
