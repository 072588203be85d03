"""The user that the gateway runs as when root starts it: nginx, gunicorn and ssh need no root.

Root prepares what only root can (the user, the owners of files, a port below 1024) and then starts
the same command again as that user, through setpriv. From there on it is an ordinary run of an
unprivileged user.

1. GATEWAY_USER, if it is set. `root` means: do not change the user.
2. The owner of the checkout: `sudo ./start.cmd` in a home directory runs as its owner.
3. `orchestrator`, which is created when missing.

If the user of 2 or 3 cannot read what the gateway needs, for example because the checkout is below
/root, the gateway runs as root and says so at every start. With GATEWAY_USER set, it is an error.
"""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from service_management.host import layout
from service_management.settings import ROOT, Settings, SettingsError

DEFAULT_USER = "orchestrator"
FIRST_OPEN_PORT = 1024  # below it, listening takes a capability
_CHECK = (
    "import os, sys\n"
    "for path in sys.argv[1:]:\n"
    "    mode = os.R_OK | (os.X_OK if os.path.isdir(path) else 0)\n"
    "    if not os.access(path, mode): print(path)\n"
)


@dataclass(frozen=True)
class Choice:
    """The user to run as; None: the present one, root. `warning` says why it has to be root."""

    user: pwd.struct_passwd | None
    warning: str = ""


def choose(chosen: Settings, needed: Iterable[Path]) -> Choice:
    """`needed`: files that the gateway reads, such as keys. Creates the default user."""
    if chosen.gateway_user == "root":
        return Choice(None)
    user = _named(chosen.gateway_user) if chosen.gateway_user else _default()
    if user.pw_uid == 0:
        return Choice(None)
    refused = _unreadable(chosen, user, needed)
    if not refused:
        return Choice(user)
    text = (
        f"user {user.pw_name} cannot read {', '.join(refused)}: change its owner or mode, move it "
        "to a place that this user may enter (such as /opt), or name another user in GATEWAY_USER"
    )
    if chosen.gateway_user:
        raise SettingsError(f"GATEWAY_USER={chosen.gateway_user!r}: {text}")
    return Choice(None, f"warning: nginx, the control plane and ssh run as root, because {text}")


def owner(chosen: Settings, supervisor: int | None) -> pwd.struct_passwd | None:
    """Whose gateway it is: the user of its supervisor, or else of its directories. None: root's, or
    there is none."""
    try:
        if supervisor is not None:
            uid = Path(f"/proc/{supervisor}").stat().st_uid
        else:
            (uid,) = {path.stat().st_uid for path in (chosen.run_dir, chosen.state_dir)}
        return pwd.getpwuid(uid) if uid else None
    except (FileNotFoundError, KeyError, ValueError):
        return None


def known_uids(chosen: Settings) -> set[int]:
    """Users that the gateway may run as, besides root: see above."""
    found = {ROOT.stat().st_uid}
    for name in (chosen.gateway_user, DEFAULT_USER):
        try:
            found.add(pwd.getpwnam(name).pw_uid)
        except KeyError:
            continue
    return found


def hand_over(chosen: Settings, user: pwd.struct_passwd | None, env_file: Path) -> None:
    """Change the owner of the gateway's own files, and of nothing else in those directories. An
    installation that root ran before has files of root's."""
    uid, gid = (user.pw_uid, user.pw_gid) if user else (0, 0)
    for directory, is_own in (
        (chosen.state_dir, layout.is_own_state),
        (chosen.run_dir, layout.is_own),
        (chosen.spool_dir, lambda path: path.name in layout.SPOOLS),
    ):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        _chown_entries(directory, [path for path in directory.iterdir() if is_own(path)], uid, gid)
    if user:
        _hand_over_keys(chosen.key_dir, uid, gid)
        _let_group_read(env_file, gid)


def command(
    user: pwd.struct_passwd, chosen: Settings, words: Sequence[str]
) -> tuple[list[str], dict[str, str]]:
    """argv and environment that run `orchestrator` as the user."""
    argv = [*_as_user(user, chosen.listen_port), sys.executable, "-m", "service_management.cli"]
    return [*argv, *words], {**_environment(user, os.environ), "RUN_DIR": str(chosen.run_dir)}


def _named(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise SettingsError(
            f"GATEWAY_USER={name!r}: there is no such user on this machine"
        ) from None


def _default() -> pwd.struct_passwd:
    owner = ROOT.stat().st_uid
    if owner:
        try:
            return pwd.getpwuid(owner)
        except KeyError:
            pass  # a number without a name: ssh runs for known users only
    try:
        return pwd.getpwnam(DEFAULT_USER)
    except KeyError:
        return _created(DEFAULT_USER)


def _created(name: str) -> pwd.struct_passwd:
    # With a shell, and not nologin: ssh runs ProxyJump's commands through it.
    argv = ("useradd", "--system", "--user-group", "--home-dir", "/nonexistent")
    done = subprocess.run(
        [*argv, "--no-create-home", "--shell", "/bin/sh", name],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"},
    )
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise SettingsError(
            f"GATEWAY_USER: user {name} could not be created ({done.stderr.strip()}); name an "
            "existing one"
        ) from None


def _unreadable(chosen: Settings, user: pwd.struct_passwd, needed: Iterable[Path]) -> list[str]:
    """Checked by a process of that user, so that it is the kernel's answer."""
    # The interpreter too: this process may read what the user may not, as below /root/.pyenv.
    paths = [Path(sys.executable), Path(sys.base_prefix), Path(sys.prefix)]
    paths += [ROOT / "service_management" / "app.py", ROOT / "nginx" / "nginx.conf.j2"]
    paths += [_entered(path) for path in (chosen.state_dir, chosen.spool_dir, chosen.run_dir)]
    paths += [path for path in (chosen.config_file, *needed) if path.exists()]
    # What `hand_over` will give to the user needs no more than a way there.
    keys = set(_keys(chosen.key_dir))
    paths = [chosen.key_dir.parent if path in keys else path for path in paths]
    argv = [*_as_user(user, 0), sys.executable, "-c", _CHECK, *map(str, dict.fromkeys(paths))]
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, cwd="/", env=_environment(user, {})
    )
    return done.stdout.split("\n")[:-1] if done.returncode == 0 else [sys.executable]


def _entered(directory: Path) -> Path:
    """The nearest directory above that exists: what is missing will be made there, by root."""
    return next(path for path in directory.parents if path.exists())


def _as_user(user: pwd.struct_passwd, port: int) -> list[str]:
    bind = "+net_bind_service" if 0 < port < FIRST_OPEN_PORT else "-all"
    return [
        *("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups"),
        *("--no-new-privs", f"--inh-caps={bind}", f"--ambient-caps={bind}"),
    ]


def _environment(user: pwd.struct_passwd, inherited: Mapping[str, str]) -> dict[str, str]:
    kept = {name: text for name, text in inherited.items() if not name.startswith("XDG_")}
    own = {"HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name, "SHELL": "/bin/sh"}
    path = kept.get("PATH") or "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {**kept, **own, "PATH": path}


def _keys(key_dir: Path) -> list[Path]:
    """Root's own files in the gateway's directory of keys; no links, which lead elsewhere."""
    try:
        return [path for path in key_dir.iterdir() if _is_plain_file_of_root(path.lstat())]
    except OSError:
        return []


def _is_plain_file_of_root(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and status.st_uid == 0 and status.st_nlink == 1


def _hand_over_keys(key_dir: Path, uid: int, gid: int) -> None:
    for path in _keys(key_dir):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            # Looked at again: the directory may belong to a user who has replaced the file.
            if _is_plain_file_of_root(os.fstat(descriptor)):
                os.fchown(descriptor, uid, gid)
        finally:
            os.close(descriptor)
    _chown_entries(key_dir, [], uid, gid)


def _chown_entries(directory: Path, entries: Iterable[Path], uid: int, gid: int) -> None:
    """The directory itself comes last. Until then the new owner cannot enter it, and so cannot put
    a link in the way of what root does here."""
    if directory.is_symlink() or not directory.is_dir():
        return
    if directory.stat().st_uid == uid or 0 not in (uid, directory.stat().st_uid):
        return  # nothing to do, or another user's
    for entry in entries:
        for path in _tree(entry):
            os.chown(path, uid, gid, follow_symlinks=False)
    os.chown(directory, uid, gid)


def _tree(top: Path) -> Iterator[Path]:
    if top.is_dir() and not top.is_symlink():
        for directory, names, files in os.walk(top):
            yield from (Path(directory, name) for name in (*names, *files))
    yield top


def _let_group_read(file: Path, gid: int) -> None:
    """`.env` has the token: its owner stays the same, and the gateway's user may read it."""
    if file.is_file() and not file.is_symlink():
        os.chown(file, -1, gid)
        file.chmod(0o640)
