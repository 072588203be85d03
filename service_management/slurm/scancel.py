"""scancel: the script, and what its answer means. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from service_management.slurm.outcomes import Unknown
from service_management.slurm.shell import ask_slurm, quote
from service_management.slurm.squeue import slurm_unknown
from service_management.ssh.connection import Result

_GONE = re.compile(r"Invalid job id|already completing or completed", re.IGNORECASE)
_DENIED = re.compile(r"permission denied", re.IGNORECASE)


def cancel_script(job_ids: Sequence[str], seconds: float) -> str:
    """All jobs in one call: scancel continues after one that it cannot cancel."""
    return f"{ask_slurm(seconds)}\nlimited scancel {' '.join(map(quote, job_ids))}"


def parse_cancel(result: Result) -> bool | Unknown:
    """True: Slurm accepted the request, or the jobs had ended before. False: they belong to
    another user."""
    errors = [line for line in result.stderr.splitlines() if "error:" in line]
    others = [line for line in errors if not _GONE.search(line)]
    if not others and (errors or result.exit_code == 0):
        return True
    if others and all(_DENIED.search(line) for line in others):
        return False
    return slurm_unknown(result, "scancel")
