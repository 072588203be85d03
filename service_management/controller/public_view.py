"""What everybody may see of a service: the one place that decides it.

State, reason, Slurm's words and the exit code are public. What ssh says is not: it names the login,
its host, the key file and known_hosts, so one plain sentence per kind of problem takes its place.
The whole text is in control.log and below /admin.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from service_management.lifecycle.record import Failure, ServiceRecord
from service_management.lifecycle.states import TEXT, Reason
from service_management.ssh.errors import SshProblem
from service_management.store import LogEntry

# In Slurm's words, or in this project's own, which name no login.
_PUBLIC_KINDS = frozenset({"slurm", "late"})
_SENTENCES: dict[str, str] = {
    SshProblem.UNREACHABLE: "The login node cannot be reached.",
    SshProblem.REFUSED: "The login node refuses the connection.",
    SshProblem.AUTH: "The gateway's login is refused by the cluster.",
    SshProblem.HOST_KEY_CHANGED: "The login node's host key has changed.",
    SshProblem.HOST_KEY_UNKNOWN: "The login node's host key is not known.",
    SshProblem.TIMEOUT: "The login node did not answer in time.",
    SshProblem.MASTER_LOST: "The connection to the login node has ended.",
    SshProblem.BUSY: "All sessions on the login node are busy.",
    SshProblem.FORWARD_FAILED: "The tunnel to the service could not be opened.",
    SshProblem.COMMAND: "A command on the login node failed.",
    SshProblem.OUTPUT: "A command on the login node wrote too much output.",
}
# Also for failures stored before their kind was.
_ANY_OTHER = "The cluster's login node could not be used."


@dataclass(frozen=True)
class Trouble:
    """Why a login, or Slurm behind it, gave no answer."""

    kind: str  # an SshProblem, or a kind of slurm/outcomes.py
    text: str

    @property
    def public(self) -> str:
        return self.text if self.kind in _PUBLIC_KINDS else _SENTENCES.get(self.kind, _ANY_OTHER)


def public_record(record: ServiceRecord) -> ServiceRecord:
    failure = record.last_failure
    return record if failure is None else replace(record, last_failure=_public_failure(failure))


def _public_failure(failure: Failure) -> Failure:
    """Output, command and path may hold secrets."""
    text = failure.text
    if failure.reason is Reason.CLUSTER_UNREACHABLE:
        text = Trouble(failure.kind, text).public
    return replace(failure, text=text, output=(), output_file="", command="")


def public_event(entry: LogEntry) -> LogEntry:
    """After a failure the further lines are the command and the job's last output."""
    by_login = entry.reason == Reason.CLUSTER_UNREACHABLE
    return replace(entry, text=TEXT[Reason.CLUSTER_UNREACHABLE] if by_login else entry.summary)
