"""One answer of squeue against the records: who was seen, who is missing, who is a stray."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from service_management.lifecycle.job_views import JobPhase, JobView
from service_management.lifecycle.record import Job, Record
from service_management.slurm.job_names import JobName, parse_job_name


@dataclass(frozen=True)
class Answer:
    """What squeue said of one login, and when it was asked."""

    login_id: str
    views: Sequence[JobView]
    asked_at: float


@dataclass(frozen=True)
class Stray:
    """A job that carries our prefix and stands in no record."""

    name: JobName
    view: JobView


@dataclass(frozen=True)
class Match:
    seen: tuple[tuple[str, JobView], ...]
    missing: tuple[tuple[str, Job], ...]
    strays: tuple[Stray, ...]


def match(
    answer: Answer, records: Iterable[Record], learned: Mapping[str, float], prefix: str
) -> Match:
    """`records` are those of this login. A job whose id was learned after squeue was asked
    cannot be missing from that answer."""
    by_name = {record.job.name: record for record in records if record.job}
    seen = tuple((by_name[v.name].route, v) for v in answer.views if v.name in by_name)
    ids = {view.job_id for view in answer.views}
    missing = tuple(
        (record.route, record.job)
        for record in by_name.values()
        if record.job
        and record.job.job_id
        and record.job.job_id not in ids
        and learned.get(record.job.name, 0.0) < answer.asked_at
    )
    return Match(seen, missing, tuple(_strays(answer.views, by_name, prefix)))


def _strays(
    views: Iterable[JobView], by_name: Mapping[str, Record], prefix: str
) -> Iterable[Stray]:
    for view in views:
        name = parse_job_name(view.name)
        ours = name is not None and name.prefix == prefix and view.name not in by_name
        if name is not None and ours and view.phase in (JobPhase.WAITING, JobPhase.RUNNING):
            yield Stray(name, view)
