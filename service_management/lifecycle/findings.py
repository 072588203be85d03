"""What the last health check saw, and the sentence for it: the only place where it is worded.

A wrong port, 127.0.0.1, a wrong health path and a slow start look alike from outside. The sentence
asks the likely question; where the job's own sockets could be looked at, it says what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

EARLY = 30.0  # seconds of a start in which a port that nothing listens on is no reason to worry
FIRST_EPHEMERAL = 32768  # from here on the kernel hands out ports: srun, NCCL and the like use them


class Saw(StrEnum):
    ANSWER = "answer"  # with `status`
    NO_TOKEN = "no_token"  # 2xx without the job's token  # noqa: S105
    STRANGER = "stranger"  # 2xx, and another user listens on the port
    REFUSED = "refused"  # the node refused the login node's connection
    UNREACHED = "unreached"  # the login node got no answer from the node
    SILENT = "silent"  # connected, and no answer in time
    CLOSED = "closed"  # connected, and closed without an answer
    NOT_HTTP = "not_http"  # an answer that is not HTTP
    PORT_HELD = "port_held"  # not asked: another job of this gateway has the port


@dataclass(frozen=True)
class Listening:
    """A socket on which a process of the job accepts connections."""

    address: str
    port: int

    @property
    def loopback(self) -> bool:
        return self.address.startswith("127.") or self.address == "::1"

    def __str__(self) -> str:
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{address}:{self.port}"


@dataclass(frozen=True)
class Finding:
    saw: Saw
    path: str  # the health path that was asked for
    status: int = 0
    listening: tuple[Listening, ...] | None = None  # None: the job's sockets could not be seen
    holder: str = ""  # the service that has the port
    by_replica: bool = False  # and that is this service itself

    @property
    def expected(self) -> bool:
        """Every start begins like this, or one on a crowded node: not worth an event."""
        return self.by_replica or (self.saw is Saw.REFUSED and not self.listening)

    @property
    def unverified(self) -> bool:
        return self.saw in (Saw.NO_TOKEN, Saw.STRANGER)


def sentence(finding: Finding, node: str, port: int, age: float = EARLY) -> str:
    """A clause without capital and full stop. `age`: how long the job has been running."""
    # Its query may hold a secret, and this sentence is public.
    path = finding.path.partition("?")[0]
    place, ask = f"{node}:{port}", f"GET {path}"
    if finding.saw is Saw.REFUSED:
        return _refused(finding, place, port, age)
    return {
        Saw.ANSWER: f"{ask} answers {finding.status}{_about_status(finding.status)}",
        Saw.NO_TOKEN: f"{ask} answers {finding.status}, but without the job's IO_JOB_TOKEN",
        Saw.STRANGER: f"another user listens on {place}",
        Saw.UNREACHED: f"no connection to {place}: a firewall between the login node and {node}, "
        f"or is {node} down?",
        Saw.SILENT: f"{place} accepts connections, but does not answer {ask}",
        Saw.CLOSED: f"{place} accepts connections, but closes them without an answer to {ask}",
        Saw.NOT_HTTP: f"{place} answers {ask}, but not in HTTP: HTTPS, or another protocol?",
        Saw.PORT_HELD: _held(finding, place),
    }[finding.saw]


def _held(finding: Finding, place: str) -> str:
    if finding.by_replica:
        return (
            f"{place} is the port of another replica on the same node: "
            'set remote_port to "auto", or ask for fewer replicas'
        )
    return (
        f"{place} is the port of the service {finding.holder}, whose job is on the same node: "
        'give one of the two another remote_port, or "auto"'
    )


def _about_status(status: int) -> str:
    if 300 <= status < 400:
        return ", a redirect: is check_health_path right, with or without a slash at its end?"
    if status in (401, 403):
        return ": the health path must answer without a login"
    if 400 <= status < 500:
        return ": is check_health_path right?"
    return ": still loading?" if status == 503 else ": the job's output may say why"


def _refused(finding: Finding, place: str, port: int, age: float) -> str:
    listening = finding.listening
    if listening is None:
        more = " yet" if age < EARLY else ": another port, or only 127.0.0.1?"
        return f"nothing accepts connections at {place}{more}"
    here = [one for one in listening if one.port == port]
    if here and all(one.loopback for one in here):
        return (
            f"the service listens on {_joined(here)} only, "
            "where the login node cannot reach it: let it listen on 0.0.0.0"
        )
    if here:
        return (
            f"the service listens on {_joined(here)}, but the login node cannot connect to {place}"
            ": does a firewall refuse it, or does sshd forbid forwarding?"
        )
    others = sorted({one.port for one in listening if one.port < FIRST_EPHEMERAL})
    if not others:
        return f"no process of the job listens on port {port} yet: still loading, or another port?"
    ports = f"port{'s' * (len(others) > 1)} {_joined(others[:3])}"
    return f"the job listens on {ports}, not on {port}: does its script use the port in $1?"


def _joined(things: Iterable[object]) -> str:
    return " and ".join(map(str, things))
