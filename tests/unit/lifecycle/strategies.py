"""Random events and looks: mostly about the last job, now and then about one before it.

A strategy gives a *maker*: what it says depends on the number of the last job, and so
a history stays meaningful whatever was decided before. Job N is "jN" and has the id "N".
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as some

from service_management.lifecycle import events as ev
from service_management.lifecycle.activity import Seen
from service_management.lifecycle.findings import Finding, Saw
from service_management.lifecycle.job_views import JobEnd, JobPhase, JobView
from service_management.lifecycle.replica import Job
from service_management.lifecycle.states import Reason

Maker = Callable[[int], ev.Event | Seen]
History = list[tuple[float, Maker]]

OPERATORS = (
    ev.StartAsked(),
    ev.StopAsked(),
    ev.StopAsked(hurry=True),
    ev.RestartAsked(),
    ev.EnableAsked(),
    ev.DisableAsked(),
    ev.AbandonAsked(0),
    ev.AbandonAsked(1),
    ev.Removed(),
    ev.Restored(),
)
SLOTS = 8
NOTHING = Seen(dict.fromkeys(range(SLOTS), 0))  # is in flight, and nobody waits
ORPHAN = 1000  # an adopted job is one that no record has known


def always(what: ev.Event | Seen) -> Maker:
    return lambda _job: what


def about(age: int, make: Callable[[str, str], ev.Event]) -> Maker:
    """An event about the last job, or one `age` jobs older, by its name and its id."""
    return lambda job: make(f"j{job - age}", str(job - age))


def _view(phase: JobPhase, node: str) -> Callable[[str, str], ev.Event]:
    return lambda name, number: ev.JobSeen(JobView(number, name, phase.name, phase, node=node))


def _refusal(reason: Reason) -> Callable[[str, str], ev.Event]:
    return lambda name, _number: ev.SubmitFailed(name, reason, "no")


def _health(health: ev.Health) -> Callable[[str, str], ev.Event]:
    if health is ev.Health.SILENT:
        return lambda name, _number: ev.Probed(name, health, 60.0, Finding(Saw.SILENT, "/"))
    return lambda name, _number: ev.Probed(name, health)


def _end(state: str) -> Callable[[str, str], ev.Event]:
    return lambda _name, number: ev.JobOver(JobEnd(number, state))


def _adoption(job: int) -> ev.Event:
    orphan = Job(f"j{ORPHAN + job}", 1, 0.0, job_id=str(ORPHAN + job))
    return ev.Adopted(orphan, slot=job % SLOTS)


def _edit(name: str, _number: str) -> ev.Event:
    return ev.Changed(frozenset({name}))


def _look(inflight: list[int | None], held: int, last: float | None, watched: bool) -> Seen:
    return Seen(dict(enumerate(inflight)), held, last, watched)


ages = some.sampled_from([0, 0, 0, 0, 1, 2])
phases = some.sampled_from([JobPhase.RUNNING, JobPhase.RUNNING, *JobPhase])
nodes = some.sampled_from(["n1", "n1", "n1", "n2"])
healths = some.sampled_from([ev.Health.HEALTHY, ev.Health.HEALTHY, *ev.Health])
counts = some.sampled_from([0, 0, 0, 1, None])
looks = some.builds(
    _look,
    some.lists(counts, min_size=SLOTS, max_size=SLOTS) | some.just([0] * SLOTS),
    some.sampled_from([0, 0, 1]),
    some.sampled_from([0.0, 0.0, 0.0, None]),
    some.sampled_from([False, False, True]),
)
answers: some.SearchStrategy[Callable[[str, str], ev.Event]] = some.one_of(
    some.just(ev.Submitted),
    some.builds(_view, phases, nodes),
    some.builds(_view, phases, nodes),
    some.builds(_health, healths),
    some.builds(_refusal, some.sampled_from([Reason.SUBMIT_REJECTED, Reason.SUBMIT_LOST])),
    some.just(lambda name, _number: ev.JobAbsent(name)),
    some.builds(_end, some.sampled_from(["FAILED", "COMPLETED", "UNKNOWN"])),
)
makers: some.SearchStrategy[Maker] = some.one_of(
    some.just(always(ev.Demanded())),
    looks.map(always),
    looks.map(always),
    some.builds(about, ages, answers),
    some.builds(about, ages, answers),
    some.builds(about, ages, answers),
    some.sampled_from(OPERATORS).map(always),
    ages.map(lambda age: about(age, _edit)),
    some.just(_adoption),
    some.just(always(ev.Resumed(0.0))),
)
pauses = some.sampled_from([0.0, 0.1, 0.1, 1.0, 7.0, 70.0, 1000.0])
# Most histories begin with some way along the good path, so that later states are met often.
GOOD_PATH: History = [
    (1.0, always(ev.Demanded())),
    (0.1, about(0, ev.Submitted)),
    (1.0, about(0, _view(JobPhase.RUNNING, "n1"))),
    (5.0, about(0, _health(ev.Health.HEALTHY))),
    (70.0, always(NOTHING)),
    (0.1, always(NOTHING)),
]
beginnings = some.sampled_from([0, 3, 3, 4, 4, 4, 5, 6]).map(lambda length: GOOD_PATH[:length])
turns = some.lists(some.tuples(pauses, makers), min_size=10, max_size=40)
histories: some.SearchStrategy[History] = some.builds(list.__add__, beginnings, turns)
