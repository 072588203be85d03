"""Start a demo cluster, use it as an object, take it down."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo import bringup, files, machine, mounts, network, processes
from demo.faults import Faults
from demo.processes import Table
from demo.spec import DEFAULT_DIRECTORIES, DemoError, Login, Node, Shape, Spec, load, save, tag

Progress = Callable[[str], None]
DEFAULT_USER = "iodemo"
DEFAULT_SSH_PORT = 2222
# What an `up` that was killed early leaves before there is a cluster.json.
OWN_FIRST_ENTRIES = {"home", "python", "cluster.json.new"}


@dataclass(frozen=True)
class Options:
    """What the person running `up` may choose; None: chosen from the directory."""

    ssh_port: int | None = None
    user: str | None = None
    keys: Path | None = None  # where the client and the host key outlive the cluster
    listen: str = "127.0.0.1"  # sshd's address in the shape host


class Cluster(Faults):
    """Everything tests and tools ask of a running demo cluster."""

    @classmethod
    def up(
        cls,
        shape: Shape = "host",
        directory: Path | None = None,
        progress: Progress = lambda _: None,
        options: Options = Options(),
    ) -> Cluster:
        return up(shape, directory, progress, options)

    @classmethod
    def load(cls, directory: Path) -> Cluster:
        return cls(load(directory.resolve()))

    def down(self, progress: Progress = lambda _: None) -> None:
        down(self.spec.directory, progress)


def up(
    shape: Shape = "host",
    directory: Path | None = None,
    progress: Progress = lambda _: None,
    options: Options = Options(),
) -> Cluster:
    """Start what is missing of the cluster; interrupted or failing, take that down again."""
    machine.check(shape)
    place = (directory or DEFAULT_DIRECTORIES[shape]).resolve()
    machine.check_directory(place)
    fresh = not (place / "cluster.json").exists()
    os.umask(0o022)  # the login user reads most of what follows; secrets have modes of their own
    place.mkdir(mode=0o755, parents=True, exist_ok=True)
    if fresh and not {entry.name for entry in place.iterdir()} <= OWN_FIRST_ENTRIES:
        # `down` removes the directory with everything in it.
        raise DemoError(f"{place} contains something else: choose an empty or new --dir")
    with _locked(place):
        before = set(Table(place).living())
        try:
            return Cluster(_up(shape, place, progress, options))
        except BaseException:
            if fresh:
                _remove(place, progress)
            else:
                _stop_new(place, before)
            raise


def _up(shape: Shape, place: Path, progress: Progress, options: Options) -> Spec:
    spec = _known_or_chosen(shape, place, options)
    table = Table(place)
    for source, target in spec.python.mounts:
        mounts.mount(source, Path(target))
    files.write_all(spec, options.keys)
    if spec.shape == "hosts" and network.build(spec, table):
        progress(f"network: gateway {spec.login.gateway} to login {spec.login.ssh_address}")
    if bringup.start_missing(spec, table, progress):
        bringup.await_ready(spec, table)
    progress(f"ready: {len(spec.nodes)} nodes, ssh {spec.user}@{spec.login.ssh_address}")
    return spec


def _known_or_chosen(shape: Shape, place: Path, options: Options) -> Spec:
    if not (place / "cluster.json").exists():
        return _choose(shape, place, options)
    spec = load(place)
    wanted = (shape, options.ssh_port or spec.login.ssh_port, options.user or spec.user)
    if wanted != (spec.shape, spec.login.ssh_port, spec.user):
        raise DemoError(f"another cluster is up in {place}: take it down first, or choose a --dir")
    machine.add_user(spec.user, spec.home)
    return spec


def _choose(shape: Shape, place: Path, options: Options) -> Spec:
    default = place == DEFAULT_DIRECTORIES["host"]
    user = options.user or (DEFAULT_USER if default else f"{DEFAULT_USER}-{tag(place)}")
    if shape == "hosts":
        login, nodes = network.choose(tag(place), options.ssh_port or 22)
    else:
        wanted = options.ssh_port or (DEFAULT_SSH_PORT if default else None)
        login, nodes = _choose_ports(tag(place), wanted, options.listen)
    home = place / "home"
    home.mkdir(mode=0o700, exist_ok=True)
    uid = machine.add_user(user, home)
    python = mounts.choose_python(user, place)
    spec = Spec(shape, place, user, uid, login, nodes, python)
    save(spec)
    return spec


def _choose_ports(tag_: str, ssh_port: int | None, listen: str) -> tuple[Login, tuple[Node, ...]]:
    if ssh_port and not machine.port_is_free(ssh_port):
        raise DemoError(f"port {ssh_port} for ssh is taken: choose another with --ssh-port")
    control, first, second, spare = machine.free_ports(tag_, 4)
    hostname = socket.gethostname().split(".")[0]
    login = Login(hostname, "127.0.0.1", control, listen, ssh_port or spare)
    nodes = (Node("demo1", "127.0.0.1", first), Node("demo2", "127.0.0.1", second))
    return login, nodes


def down(directory: Path | None = None, progress: Progress = lambda _: None) -> None:
    """Remove all of the cluster: jobs, processes, namespaces, mounts, user and files."""
    place = (directory or DEFAULT_DIRECTORIES["host"]).resolve()
    if not (place / "cluster.json").exists():
        raise DemoError(f"there is no demo cluster in {place}")
    if os.geteuid() != 0:
        raise DemoError("taking the demo cluster down needs root: use sudo")
    with _locked(place):
        _remove(place, progress)


def _remove(place: Path, progress: Progress) -> None:
    table = Table(place)
    spec = load(place) if (place / "cluster.json").exists() else None
    if spec is not None:
        progress("cancelling jobs")
        Cluster(spec).end_jobs()
    progress("stopping daemons")
    _end_everything(place, spec, table)
    mounts.unmount_below(place)
    for name in {spec.user} if spec else machine.users_of(place / "home"):
        machine.remove_user(name, place / "home")
    machine.remove_privsep_directory()
    shutil.rmtree(place)
    progress("gone")


def _end_everything(place: Path, spec: Spec | None, table: Table) -> None:
    holders = table.living("holder.")
    running = [entry for name, entry in table.living().items() if name not in holders]
    sessions = processes.descendants(running)
    for holder in holders.values():
        sessions += processes.in_network_of(holder)
    processes.end({*running, *sessions}, grace=3)
    orphans = processes.daemons_of(place / "etc" / "slurm.conf")
    orphans += processes.of_user(spec.uid) if spec else []
    processes.end(orphans, grace=1)
    processes.end(holders.values(), grace=1)
    if spec and spec.shape == "hosts":
        network.unlink(spec)


def _stop_new(place: Path, before: set[str]) -> None:
    table = Table(place)
    processes.end([table.living()[name] for name in table.living().keys() - before], grace=3)


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    """One `up` or `down` of a directory at a time; the lock is the directory itself."""
    descriptor = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
