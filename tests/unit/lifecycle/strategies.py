"""Random events, about the job at hand, about older jobs and about jobs never heard of."""

from __future__ import annotations

from hypothesis import strategies as some

from service_management.lifecycle import events as ev
from service_management.lifecycle.observations import JobEnd, JobPhase, JobView
from service_management.lifecycle.record import Job
from service_management.lifecycle.states import Reason

# Small numbers, so that names and ids meet: job N is called "jN" and has the id "N".
numbers = some.integers(1, 6)
names = numbers.map("j{}".format)
ids = numbers.map(str)
nodes = some.sampled_from(["n1", "n2"])


def _view(number: int, phase: JobPhase, node: str) -> JobView:
    return JobView(str(number), f"j{number}", phase.name, phase, node=node)


views = some.builds(_view, numbers, some.sampled_from(JobPhase), nodes)
ends = some.builds(JobEnd, ids, some.sampled_from(["FAILED", "COMPLETED", "UNKNOWN"]))
ticks = some.builds(ev.Ticked, some.sampled_from([None, 0, 0, 1]), some.sampled_from([0, 0, 1]))
reasons = some.sampled_from([Reason.SUBMIT_REJECTED, Reason.CLUSTER_UNREACHABLE])

# Job numbers from 90 on are strays: an adopted job is never one that a record has known.
adoptions = some.builds(
    lambda n: ev.Adopted(Job(f"j{n}", 1, 0.0, job_id=str(n))), some.integers(90, 99)
)
operators = some.sampled_from(
    [
        ev.StartAsked(),
        ev.StopAsked(),
        ev.StopAsked(hurry=True),
        ev.RestartAsked(),
        ev.EnableAsked(),
        ev.DisableAsked(),
        ev.Changed(),
        ev.Removed(),
        ev.Restored(),
    ]
)
answers = some.one_of(
    some.builds(lambda n: ev.Submitted(f"j{n}", str(n)), numbers),
    some.builds(ev.SubmitFailed, names, reasons, some.just("no")),
    some.builds(ev.JobAbsent, names),
    some.builds(ev.JobSeen, views),
    some.builds(ev.JobOver, ends),
    some.builds(ev.Probed, names, some.sampled_from(ev.Health)),
)
events = some.one_of(some.just(ev.Demanded()), ticks, ticks, answers, answers, operators, adoptions)
pauses = some.sampled_from([0.0, 0.1, 1.0, 7.0, 70.0, 1000.0])
histories = some.lists(some.tuples(pauses, events), max_size=60)
