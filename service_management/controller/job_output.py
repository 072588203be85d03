"""What a service's job wrote: read on the cluster while it runs, the last lines stored once it has
failed.

A reader that follows it asks again and again with the position of the last answer, and gets what
was written since. In between it occupies neither a thread nor a session, and where it was cut off,
or meets another control plane, it goes on from its position.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from service_management.controller.job_spec import spec_of
from service_management.controller.workers import SlurmCalls, Workers
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Job
from service_management.slurm.outcomes import Unknown
from service_management.slurm.output_file import OutputPart
from service_management.ssh.errors import ClusterError

NOTHING = "No job is running, and no attempt has failed: there is no output.\n"
POSITION = re.compile(r"([0-9]{1,18}):([0-9]{1,18}(?:,[0-9]{1,18})?)?")


@dataclass(frozen=True)
class Written:
    text: str
    position: str = ""  # the job, and an offset in each of its files; empty without a job


class JobOutputs:
    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._read_last: dict[str, Job] = {}  # by route: it may end before all of it was read

    def last_lines(self, record: ServiceRecord, lines: int) -> Written:
        job, failure = _present(record), record.last_failure
        if job is not None:
            self._read_last[record.route] = job
            return _written(job, self._client(job).output(job.job_id, lines))
        if failure is not None:
            text = "".join(f"{line}\n" for line in failure.output[-lines:])
            return Written(text or f"{failure.text}\n")
        return Written(NOTHING)

    def after(self, record: ServiceRecord, position: str) -> Written:
        """The rest of the job that the position names, also if that has ended; then the service's
        present job from its beginning."""
        named = POSITION.fullmatch(position)
        job_id, offsets = named.groups("") if named else ("", "")
        present, before = _present(record, job_id), self._read_last.get(record.route)
        if before and before.job_id == job_id and (present is None or present.job_id != job_id):
            rest = self._after(before, offsets)
            if rest.text:
                return rest
        if present is None:
            return Written("")
        self._read_last[record.route] = present
        return self._after(present, offsets if present.job_id == job_id else "")

    def _after(self, job: Job, offsets: str) -> Written:
        begins = tuple(map(int, offsets.split(","))) if offsets else ()
        return _written(job, self._client(job).output_after(job.job_id, begins))

    def _client(self, job: Job) -> SlurmCalls:
        return self._workers.of(spec_of(job).login).client


def _present(record: ServiceRecord, job_id: str = "") -> Job | None:
    """This one, if it is still there; else that of the most advanced replica."""
    jobs = [one.job for one in record.replicas if job_id and one.job.job_id == job_id]
    job = jobs[0] if jobs else record.job
    return job if job and job.job_id else None


def _written(job: Job, part: OutputPart | Unknown) -> Written:
    if isinstance(part, Unknown):
        raise ClusterError(part.kind, part.message)
    return Written(part.text, f"{job.job_id}:{','.join(map(str, part.ends))}")
