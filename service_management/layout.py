"""Who may enter which directory. The run directory holds sockets that lead into clusters:
only this user, and the user of nginx's workers, get through."""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path

from service_management.gateway.settings import GatewaySettings, default_listen
from service_management.settings import Settings, SettingsError

OWNER_ONLY, OWNER_AND_GROUP = 0o177, 0o117  # masks for sockets


def prepare(chosen: Settings) -> None:
    chosen.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    user = nginx_user(chosen)
    group = pwd.getpwnam(user).pw_gid if user else os.getegid()
    for directory in (chosen.run_dir, chosen.run_dir / "tunnels", chosen.run_dir / "routes"):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if user:
            os.chown(directory, os.geteuid(), group)
            # setgid: the sockets that ssh makes in there belong to nginx's group.
            directory.chmod(0o2750)


def nginx_user(chosen: Settings) -> str | None:
    """nginx's workers give up root where there is root to give up."""
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


def gateway_settings(chosen: Settings) -> GatewaySettings:
    return GatewaySettings(
        run_dir=chosen.run_dir,
        listen=default_listen(chosen.listen_port),
        flask=f"127.0.0.1:{chosen.flask_port}",
        nginx_user=nginx_user(chosen),
    )


def remove_run_dir(chosen: Settings) -> None:
    shutil.rmtree(chosen.run_dir, ignore_errors=True)


def pid_of(file: Path) -> int | None:
    """The process a pid file names, if it runs."""
    try:
        pid = int(file.read_text())
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    return pid
