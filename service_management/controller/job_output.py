"""The last lines that a service's job wrote: read on the cluster while it runs, stored once it has
failed."""

from __future__ import annotations

from service_management.controller.job_spec import spec_of
from service_management.controller.workers import Workers
from service_management.lifecycle.record import Record
from service_management.slurm.outcomes import Unknown
from service_management.ssh.errors import ClusterError

NOTHING = "No job is running, and no attempt has failed: there is no output.\n"


class JobOutputs:
    def __init__(self, workers: Workers) -> None:
        self._workers = workers

    def last_lines(self, record: Record, lines: int) -> str:
        job, failure = record.job, record.last_failure
        if job is not None and job.job_id:
            written = self._workers.of(spec_of(job).login).client.output(job.job_id, lines)
            if isinstance(written, Unknown):
                raise ClusterError(written.kind, written.message)
            return "".join(f"{line}\n" for line in written)
        if failure is not None:
            return "".join(f"{line}\n" for line in failure.output[-lines:]) or f"{failure.text}\n"
        return NOTHING
