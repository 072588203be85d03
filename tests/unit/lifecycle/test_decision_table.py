"""Every state × event, of a service with one replica: the resulting state and reason, and the
actions.

A changed decision shows here first. `.` is "stays exactly as it is".
"""

from __future__ import annotations

import pytest

from service_management.lifecycle import events as ev
from service_management.lifecycle.states import Phase, State
from service_management.lifecycle.transitions import REPLICA_TABLE, SERVICE_TABLE

from .samples import EXAMPLES, RECORDS, actions, decided

C, Q, S, R, D, F, X = State  # cold, queued, starting, ready, draining, failed, disabled

# One line per event; the samples are those of samples.py: nothing is in flight, no budget
# is over, draining is an idle one, the back-off of the failed one lasts three seconds more.
EXPECTED: dict[type, dict[State, str]] = {
    ev.Demanded: {
        C: "queued submitting Submit Find",
        Q: "queued waiting_for_resources",
        S: "starting loading Tunnel Probe",
        R: "ready healthy Tunnel Probe",
        D: "ready healthy Tunnel Probe",
        F: ".",
        X: ".",
    },
    ev.Resumed: {
        C: ".",
        Q: "queued waiting_for_resources",
        S: ". Tunnel Probe",
        R: "ready healthy Tunnel Probe",
        D: ". Tunnel",
        F: ".",
        X: ".",
    },
    ev.Probed: {
        C: ".",
        Q: ".",
        S: "ready healthy Tunnel Probe",
        R: ". Tunnel Probe",
        D: ". Tunnel",
        F: ".",
        X: ".",
    },
    ev.Submitted: {
        C: ".",
        Q: ".",
        S: ". Tunnel Probe",
        R: ". Tunnel Probe",
        D: ". Tunnel",
        F: ".",
        X: ".",
    },
    # Its id is known: that its submission failed, or that it is absent, cannot be true.
    ev.SubmitFailed: {
        C: ".",
        Q: ".",
        S: ". Tunnel Probe",
        R: ". Tunnel Probe",
        D: ". Tunnel",
        F: ".",
        X: ".",
    },
    ev.JobAbsent: {
        C: ".",
        Q: ".",
        S: ". Tunnel Probe",
        R: ". Tunnel Probe",
        D: ". Tunnel",
        F: ".",
        X: ".",
    },
    ev.JobSeen: {
        C: ".",
        Q: "starting loading Tunnel Probe",
        S: ". Tunnel Probe",
        R: ". Tunnel Probe",
        D: ". Tunnel",
        F: ".",
        X: ".",
    },
    ev.JobOver: {
        C: ".",
        Q: "failed ended_at_start",
        S: "failed ended_at_start",
        R: "failed job_ended",
        D: "cold idle",
        F: ".",
        X: ".",
    },
    ev.Adopted: {
        C: "queued adopted",
        Q: ".",
        S: ". Tunnel Probe",
        R: ". Tunnel Probe",
        D: ". Tunnel",
        F: "queued adopted",
        X: ".",
    },
    ev.StartAsked: {
        C: "queued submitting Submit Find",
        Q: ".",
        S: ". Tunnel Probe",
        R: ". Tunnel Probe",
        D: "ready healthy Tunnel Probe",
        F: "queued submitting Submit Find",
        X: ".",
    },
    ev.StopAsked: {
        C: ".",
        Q: "draining stopped Tunnel",
        S: "draining stopped Tunnel",
        R: "draining stopped Tunnel",
        D: "draining stopped Tunnel",
        F: "cold stopped",
        X: ".",
    },
    ev.RestartAsked: {
        C: "queued submitting Submit Find",
        Q: "draining restarted Tunnel",
        S: "draining restarted Tunnel",
        R: "draining restarted Tunnel",
        D: "draining restarted Tunnel",
        F: "queued submitting Submit Find",
        X: ".",
    },
    ev.EnableAsked: {
        C: ".",
        Q: ".",
        S: ". Tunnel Probe",
        R: ". Tunnel Probe",
        D: ". Tunnel",
        F: ".",
        X: "cold ",
    },
    ev.DisableAsked: {
        C: "disabled disabled_by_operator",
        Q: "draining disabled_by_operator Tunnel",
        S: "draining disabled_by_operator Tunnel",
        R: "draining disabled_by_operator Tunnel",
        D: "draining disabled_by_operator Tunnel",
        F: "disabled disabled_by_operator",
        X: ".",
    },
    ev.AbandonAsked: {
        C: ".",
        Q: ".",
        S: ". Tunnel Probe",
        R: ". Tunnel Probe",
        D: "cold abandoned",
        F: ".",
        X: ".",
    },
    ev.Changed: {
        C: ".",
        Q: "draining config_changed Tunnel",
        S: "draining config_changed Tunnel",
        R: "draining config_changed Tunnel",
        D: "draining config_changed Tunnel",
        F: "cold config_changed",
        X: ".",
    },
    ev.Removed: {
        C: "forgotten",
        Q: "draining removed_from_config Tunnel",
        S: "draining removed_from_config Tunnel",
        R: "draining removed_from_config Tunnel",
        D: "draining removed_from_config Tunnel",
        F: "forgotten",
        X: "forgotten",
    },
    ev.Restored: {
        C: ".",
        Q: ".",
        S: ". Tunnel Probe",
        R: ". Tunnel Probe",
        D: ". Tunnel",
        F: ".",
        X: ".",
    },
}

CASES = [(state, event, EXPECTED[event][state]) for event in ev.EVENTS for state in State]


def outcome(state: State, event: type) -> str:
    before = RECORDS[state]
    decision = decided(before, EXAMPLES[event])
    record = decision.record
    if record is None:
        return "forgotten"
    what = "." if record == before else f"{record.state} {record.reason}"
    return " ".join([what, *(type(action).__name__ for action in actions(decision))])


def test_every_event_has_an_entry_for_every_phase() -> None:
    of_jobs = {(phase, event) for phase in Phase for event in ev.JobEvent.__args__}
    assert set(REPLICA_TABLE) == of_jobs
    assert set(SERVICE_TABLE) == set(ev.ServiceEvent.__args__)


def test_the_expectations_cover_every_event() -> None:
    assert set(EXPECTED) == set(ev.EVENTS)
    assert all(set(row) == set(State) for row in EXPECTED.values())


@pytest.mark.parametrize(
    ("state", "event", "expected"), CASES, ids=[f"{s}-{e.__name__}" for s, e, _ in CASES]
)
def test_the_decision_is(state: State, event: type, expected: str) -> None:
    assert outcome(state, event) == expected


@pytest.mark.parametrize("state", State)
def test_the_samples_are_what_they_say(state: State) -> None:
    assert RECORDS[state].state is state
