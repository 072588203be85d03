"""Where a node is, seen from the login node. Script and parser, pure."""

from __future__ import annotations

from service_management.slurm.outcomes import Unknown
from service_management.slurm.scontrol import scontrol_fields
from service_management.slurm.shell import ask_slurm, quote
from service_management.slurm.squeue import slurm_unknown
from service_management.ssh.connection import Result

LOOPBACK = "127.0.0.1"


def node_script(node: str, seconds: float) -> str:
    return f"""{ask_slurm(seconds)}
for name in "$(hostname 2>/dev/null)" "$(hostname -s 2>/dev/null)" "$(hostname -f 2>/dev/null)"; do
    echo "LoginName=$name"
done
limited scontrol show node {quote(node)}"""


def parse_node(result: Result, node: str) -> str | Unknown:
    """A job on the login host itself is reached there over loopback, whatever it is bound to."""
    if result.exit_code != 0:
        return slurm_unknown(result, "scontrol")
    own = {
        line.removeprefix("LoginName=")
        for line in result.stdout.splitlines()
        if line.startswith("LoginName=")
    }
    fields = scontrol_fields(result.stdout)
    if fields.get("NodeHostName") in own - {""}:
        return LOOPBACK
    return fields.get("NodeAddr") or node
