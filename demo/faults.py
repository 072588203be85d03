"""Queries and faults of a running cluster."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from demo import bringup, commands, daemons, files, links, machine, network, processes
from demo.processes import Process, Table
from demo.spec import DemoError, Spec


class Faults:
    """The queries and faults of a cluster. `login` and the node names are its hosts."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.home = spec.home
        self.ssh_host = spec.login.ssh_address
        self.ssh_port = spec.login.ssh_port
        self.ssh_user = spec.user
        self.key_file = spec.directory / "keys" / "id_ed25519"

    @property
    def _table(self) -> Table:
        """Read again each time: `up` in another process may have restarted a daemon."""
        return Table(self.spec.directory)

    @property
    def host_key(self) -> str:
        """The line for known_hosts."""
        public = (self.spec.directory / "keys" / "host_ed25519.pub").read_text().split()
        return f"{self.ssh_name} {public[0]} {public[1]}"

    @property
    def ssh_name(self) -> str:
        return self.ssh_host if self.ssh_port == 22 else f"[{self.ssh_host}]:{self.ssh_port}"

    # -- asking ---------------------------------------------------------------------------

    def run(self, command: str, timeout: float = 15) -> str:
        """A shell command as the login user on the login host, but not through ssh."""
        return commands.run_as_user(self.spec, self._table, command, timeout)

    def admin(self, *argv: str, timeout: float = 15) -> str:
        """A Slurm command as root on the login host."""
        return commands.run_as_root(self.spec, self._table, argv, timeout)

    def jobs(self) -> list[dict[str, str]]:
        # The name last: it is the submitter's own, and may have the separator in it.
        lines = self.admin("squeue", "--noheader", "--format=%i|%T|%N|%j").splitlines()
        return [
            dict(zip(("id", "state", "node", "name"), line.split("|", 3), strict=True))
            for line in lines
        ]

    def daemon_states(self) -> dict[str, bool]:
        table = self._table
        return {
            daemon.name: table.get(daemon.name) is not None for daemon in daemons.plan(self.spec)
        }

    def exec_on(self, host: str, *argv: str, timeout: float = 15) -> str:
        """A command as root in the namespaces of that host."""
        return machine.run(daemons.inside(self.spec, self._table, host, argv), timeout)

    def entering(self, host: str) -> list[str]:
        """The words before a command that make it use the network of that host."""
        return network.entering(network.holder(self._table, host))

    # -- the network (shape hosts) --------------------------------------------------------

    def cut(self, host: str) -> None:
        """The host is unreachable and silent. For the login: its link to the gateway."""
        links.set_link(self.spec, self._table, host, up=False)

    def heal(self, host: str) -> None:
        """Undo `cut` and `slow`."""
        links.undo_slow(self.spec, self._table, host)
        links.set_link(self.spec, self._table, host, up=True)

    def slow(self, host: str, delay_ms: float = 0, loss_pct: float = 0) -> None:
        """Delay and loss in each direction of the host's link."""
        links.undo_slow(self.spec, self._table, host)
        links.slow(self.spec, self._table, host, delay_ms, loss_pct)

    # -- whole hosts (shape hosts) --------------------------------------------------------

    def kill(self, host: str) -> None:
        """As if the power failed: silent first, so that no connection is closed in order."""
        self.cut(host)
        holder = network.holder(self._table, host)
        # Several rounds: a process forked during one is found in the next.
        while running := processes.in_network_of(holder):
            processes.end_now(running)

    def revive(self, host: str) -> None:
        self.heal(host)
        bringup.start_missing(self.spec, self._table, lambda _: None)
        processes.wait_until(lambda: commands.host_answers(self.spec, self._table, host), 20)

    # -- daemons --------------------------------------------------------------------------

    def freeze_slurmctld(self) -> None:
        processes.send([self._daemon("slurmctld")], signal.SIGSTOP)

    def thaw_slurmctld(self) -> None:
        processes.send([self._daemon("slurmctld")], signal.SIGCONT)

    def stop_slurmctld(self) -> None:
        # It saves its jobs when it ends, after it has waited for nodes that do not answer.
        processes.end([self._daemon("slurmctld")], grace=20)

    def start_slurmctld(self) -> None:
        """It answers when this returns; its nodes report to it within some seconds."""
        table = self._table
        daemons.start(self.spec, table, daemons.slurmctld(self.spec))
        if not processes.wait_until(lambda: commands.slurmctld_answers(self.spec, table), 20):
            raise DemoError("slurmctld does not answer: see slurmctld.log")

    def freeze_ssh(self) -> None:
        processes.send(self._ssh_processes(), signal.SIGSTOP)

    def thaw_ssh(self) -> None:
        processes.send(self._ssh_processes(), signal.SIGCONT)

    def hang_up_ssh(self) -> None:
        """Every session ends as if its process had crashed; listeners go on."""
        listeners = set(self._table.living("sshd.").values())
        processes.end_now(set(self._ssh_processes()) - listeners)

    def _daemon(self, name: str) -> Process:
        process = self._table.get(name)
        if process is None:
            raise DemoError(f"{name} is not running")
        return process

    def _ssh_processes(self) -> list[Process]:
        """Listeners and sessions; not what runs inside the sessions."""
        family = processes.descendants(self._table.living("sshd.").values())
        return [entry for entry in family if processes.command(entry.pid) == "sshd"]

    # -- jobs and nodes -------------------------------------------------------------------

    def drain_all(self) -> None:
        """New jobs stay pending."""
        self._set_nodes("State=DRAIN", "Reason=demo")

    def resume_all(self) -> None:
        self._set_nodes("State=RESUME")

    @contextmanager
    def drained(self, *nodes: str) -> Iterator[None]:
        """Running jobs go on there, and no new ones begin."""
        named = f"NodeName={','.join(nodes)}"
        self.admin("scontrol", "update", named, "State=DRAIN", "Reason=demo")
        try:
            yield
        finally:
            self.admin("scontrol", "update", named, "State=RESUME")

    def _set_nodes(self, *settings: str) -> None:
        for node in self.spec.nodes:
            self.admin("scontrol", "update", f"NodeName={node.name}", *settings)

    def cancel_all(self) -> None:
        self.admin("scancel", f"--user={self.spec.user}")

    def end_jobs(self) -> None:
        """Cancel all jobs and wait for their end; do not wait if slurmctld does not answer."""
        with suppress(DemoError):
            self.thaw_slurmctld()
            if self.jobs():
                self.cancel_all()
                processes.wait_until(lambda: not self.jobs(), 8)

    def set_login_noise(self, noisy: bool) -> None:
        files.set_login_noise(self.spec, noisy)

    def write_script(self, name: str, text: str) -> Path:
        """A batch script in the login user's home."""
        path = self.home / name
        path.write_text(text)
        path.chmod(0o755)
        return path
