"""srun: which users listen on a port of a job's node, and on which ports the job itself listens.

The nodes of most clusters are shared. Another user who listens on the service's port before the
job does would be sent its requests, and any of his answers would count as healthy.

A service that cannot be reached may listen on another port, or on 127.0.0.1 only: its sockets tell.
"""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from service_management.lifecycle.findings import Listening
from service_management.slurm.ask import Ask
from service_management.slurm.outcomes import Unknown
from service_management.slurm.shell import MISSING, ask_slurm, quote
from service_management.slurm.squeue import slurm_unknown
from service_management.ssh.connection import Result

STEP_SECONDS = 5.0
STRANGER_SECONDS = 5.0
UNAVAILABLE_SECONDS = 300.0
_SOCKET = re.compile(  # a line of /proc/net/tcp or tcp6
    r" *\d+: (?P<address>[0-9A-F]{8}|[0-9A-F]{32}):(?P<port>[0-9A-F]{4}) 0*:0000 0A"
    r" \S+ \S+ \S+ +(?P<user>\d+) +\d+ (?P<inode>\d+) "
)
_ENDED = re.compile(r"Invalid job id|already completing|job .*(expired|revoked|complet)", re.I)
ROOT = 0  # Docker publishes a container's port as root; and root can read everything anyway


@dataclass(frozen=True)
class Listeners:
    """The owners of all sockets that listen on one port of a node."""

    job_user: int
    users: frozenset[int]

    @property
    def strangers(self) -> frozenset[int]:
        return self.users - {self.job_user, ROOT}


def listeners_script(job_id: str, node: str, port: int, seconds: float) -> str:
    """A step inside the job, which shares the job's resources (--overlap, since Slurm 20.11)."""
    listening = f":{port:04X} 0*:0000 0A "
    look = f"id -u; cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep '{listening}'; true"
    return _step(job_id, node, look, seconds)


def sockets_script(job_id: str, node: str, seconds: float) -> str:
    """Processes are the job's if they have its id in their environment: that needs no cgroups."""
    own = quote(f"^SLURM_JOB_ID={job_id}$")
    look = f"""id -u
for process in $(grep -lsz {own} /proc/[0-9]*/environ); do
    ls -l "${{process%environ}}fd" 2>/dev/null
done | sed -n 's/.*socket:\\[\\([0-9]*\\)\\]$/own \\1/p'
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep ' 0*:0000 0A '
true"""
    return _step(job_id, node, look, seconds)


def _step(job_id: str, node: str, look: str, seconds: float) -> str:
    return f"""{ask_slurm(seconds)}
command -v srun >/dev/null || exit {MISSING}
limited srun --quiet --overlap --jobid={quote(job_id)} --nodelist={quote(node)} --nodes=1 \\
    --ntasks=1 /bin/sh -c {quote(look)}"""


def parse_listeners(result: Result) -> Listeners | Unknown:
    user, *sockets = result.stdout.splitlines() or [""]
    if result.exit_code != 0 or not user.isdigit():
        return slurm_unknown(result, "srun")
    owners = [line.split()[7] for line in sockets if len(line.split()) > 7]
    return Listeners(int(user), frozenset(int(owner) for owner in owners if owner.isdigit()))


def parse_sockets(result: Result, port: int) -> tuple[Listening, ...] | Unknown:
    """The sockets on which the job accepts connections: those of its processes, and any of its
    user's on its port, because containers may clear the environment."""
    user, *lines = result.stdout.splitlines() or [""]
    if result.exit_code != 0 or not user.isdigit():
        return slurm_unknown(result, "srun")
    own = {line.removeprefix("own ") for line in lines if line.startswith("own ")}
    found = set()
    for socket in filter(None, map(_SOCKET.match, lines)):
        one = Listening(_address(socket["address"]), int(socket["port"], 16))
        if socket["inode"] in own or (socket["user"], one.port) == (user, port):
            found.add(one)
    return tuple(sorted(found, key=lambda one: (one.port, one.address)))


def _address(hexadecimal: str) -> str:
    """The kernel prints each 32 bits as a number: with their bytes reversed, on a PC or ARM."""
    data = bytes.fromhex(hexadecimal)
    found = ip_address(b"".join(data[at : at + 4][::-1] for at in range(0, len(data), 4)))
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return str(mapped or found)


class PortOwners:
    """Remembers for a while that srun cannot tell, or that a stranger listens: a step is started
    on the cluster each time."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._unavailable: tuple[float, Unknown] | None = None
        self._strangers: dict[tuple[str, int], tuple[float, Listeners]] = {}

    def ask(self, job_id: str, node: str, port: int) -> Listeners | Unknown:
        if kept := self._kept(job_id, port):
            return kept
        script = listeners_script(job_id, node, port, STEP_SECONDS)
        answer = self._ask("listeners", script, parse_listeners)
        self._keep(job_id, port, answer)
        return answer

    def _kept(self, job_id: str, port: int) -> Listeners | Unknown | None:
        now = time.monotonic()
        with self._lock:
            self._strangers = {key: one for key, one in self._strangers.items() if now < one[0]}
            if self._unavailable and now < self._unavailable[0]:
                return self._unavailable[1]
            _, listeners = self._strangers.get((job_id, port), (0.0, None))
            return listeners

    def _keep(self, job_id: str, port: int, answer: Listeners | Unknown) -> None:
        now = time.monotonic()
        with self._lock:
            if isinstance(answer, Listeners) and answer.strangers:
                self._strangers[job_id, port] = (now + STRANGER_SECONDS, answer)
            elif isinstance(answer, Unknown) and _is_about_the_site(answer):
                self._unavailable = (now + UNAVAILABLE_SECONDS, answer)


def _is_about_the_site(answer: Unknown) -> bool:
    """And not about this one job, which may have ended meanwhile, or about the connection."""
    return answer.kind in ("slurm", "command") and not _ENDED.search(answer.message)
