"""What Slurm's answers and operators decide: adoption, loss, failure, requeue, edits."""

from __future__ import annotations

import pytest

from service_management.lifecycle import events as ev
from service_management.lifecycle.actions import Cancel, Find, Submit
from service_management.lifecycle.job_views import JobPhase
from service_management.lifecycle.record import StartTimes
from service_management.lifecycle.states import Reason, State
from tests.unit.records import changed

from .samples import (
    COLD,
    DRAINING,
    FAILED,
    FRESH,
    NOW,
    OLD,
    QUEUED,
    READY,
    RECORDS,
    STARTING,
    SUBMITTING,
    actions,
    after,
    cancelled,
    decided,
    draining,
    look,
    over,
    probed,
    refused,
    routed,
    seen,
)

SERVED = changed(READY, ready_since=NOW - 100, failures=2)


# -- a submission and its answer


def test_the_id_from_sbatch_is_kept() -> None:
    known = after(SUBMITTING, ev.Submitted(OLD, "7"))
    assert (known.job.job_id, known.reason) == ("7", Reason.WAITING)


def test_an_answer_to_an_older_submission_changes_nothing() -> None:
    for event in (ev.Submitted("older", "6"), refused("older"), ev.JobAbsent("older")):
        assert after(SUBMITTING, event) == SUBMITTING


def test_a_refused_submission_quotes_slurm_and_the_command() -> None:
    failed = after(SUBMITTING, refused())
    assert (failed.state, failed.reason, failed.job) == (State.FAILED, Reason.SUBMIT_REJECTED, None)
    assert (failed.last_failure.text, failed.last_failure.command) == (
        "invalid partition",
        "sbatch x",
    )
    assert failed.retry_at > NOW


def test_an_unanswered_submission_is_looked_up_not_repeated() -> None:
    waiting = decided(SUBMITTING, look(0, held=3))
    assert actions(waiting) == (Find(SUBMITTING.job),)


def test_one_denial_of_a_job_proves_nothing() -> None:
    denied = after(SUBMITTING, ev.JobAbsent(OLD), now=NOW + 100)
    assert (denied.state, denied.job.absent_since) == (State.QUEUED, NOW + 100)


def test_a_job_not_found_twice_after_a_while_never_existed() -> None:
    denied = after(SUBMITTING, ev.JobAbsent(OLD), now=NOW + 100)
    lost = after(denied, ev.JobAbsent(OLD), now=NOW + 106)
    assert (lost.state, lost.reason, lost.job) == (State.FAILED, Reason.SUBMIT_LOST, None)


def test_a_job_found_after_a_denial_is_the_one() -> None:
    denied = after(SUBMITTING, ev.JobAbsent(OLD), now=NOW + 100)
    found = after(denied, ev.Submitted(OLD, "7"), now=NOW + 101)
    assert (found.job.job_id, found.job.absent_since) == ("7", None)


def test_a_stopped_submission_that_failed_is_simply_gone() -> None:
    assert after(draining(Reason.STOPPED, job=SUBMITTING.job), refused()).state is State.COLD


def test_a_stopped_submission_is_cancelled_once_its_id_is_known() -> None:
    unknown = cancelled(draining(Reason.STOPPED, job=SUBMITTING.job))
    assert {type(a) for a in actions(decided(unknown, look(0)))} == {Find}
    known = decided(unknown, ev.Submitted(OLD, "7"))
    assert {type(a) for a in actions(known)} == {Cancel}


# -- what squeue shows


def test_a_queued_jobs_reason_and_estimate_are_kept() -> None:
    shown = after(QUEUED, seen(JobPhase.WAITING, reason="Priority", estimated_start=NOW + 9))
    assert (shown.job.slurm_reason, shown.job.estimated_start) == ("Priority", NOW + 9)
    assert shown.state is State.QUEUED


def test_a_running_job_is_starting_and_not_yet_routed() -> None:
    running = after(QUEUED, seen(JobPhase.RUNNING))
    assert (running.state, running.job.node) == (State.STARTING, "n1")
    assert not routed(running)


@pytest.mark.parametrize("state", State)
def test_an_unknown_slurm_state_changes_nothing(state) -> None:
    assert after(RECORDS[state], seen(JobPhase.UNKNOWN)) == RECORDS[state]


@pytest.mark.parametrize("phase", JobPhase)
def test_a_word_about_another_job_changes_nothing(phase) -> None:
    for record in (QUEUED, STARTING, READY, DRAINING):
        assert after(record, seen(phase, job_id="99")) == record
    assert after(READY, over(job_id="99")) == READY


def test_a_late_answer_about_an_older_job_sets_no_job_id() -> None:
    assert after(SUBMITTING, seen(JobPhase.RUNNING, name="older", job_id="6")) == SUBMITTING


def test_a_job_seen_by_its_name_is_known_before_sbatch_answered() -> None:
    assert after(SUBMITTING, seen(JobPhase.WAITING)).job.job_id == "7"


def test_an_ending_job_is_no_longer_routed_and_not_yet_over() -> None:
    ending = after(READY, seen(JobPhase.ENDING))
    assert (ending.state, ending.reason, ending.job.job_id) == (State.DRAINING, Reason.ENDED, "7")
    assert Cancel not in {type(a) for a in actions(decided(ending, look(0), now=NOW + 9))}


@pytest.mark.parametrize("record", [STARTING, READY])
def test_a_job_that_was_put_back_waits_again(record) -> None:
    queued = after(record, seen(JobPhase.WAITING))
    assert (queued.state, queued.reason, queued.job.node) == (State.QUEUED, Reason.REQUEUED, "")


def test_a_job_that_slurm_holds_back_is_replaced_by_another() -> None:
    """It would wait for two minutes."""
    held_back = seen(JobPhase.WAITING, reason="BeginTime", estimated_start=NOW + 120)
    for record in (STARTING, READY, after(READY, seen(JobPhase.WAITING))):
        withdrawn = after(record, held_back)
        assert (withdrawn.state, withdrawn.reason) == (State.DRAINING, Reason.REQUEUED)
        ended = decided(cancelled(withdrawn), over(state="CANCELLED"))
        assert ended.submission == Submit(FRESH)


def test_a_job_held_back_for_less_than_the_usual_queue_is_kept() -> None:
    held_back = seen(JobPhase.WAITING, reason="BeginTime", estimated_start=120.0)
    queued = after(changed(READY, starts=(StartTimes(queue=600.0, load=5.0),)), held_back)
    assert (queued.state, queued.reason) == (State.QUEUED, Reason.REQUEUED)
    own_wish = after(QUEUED, held_back)  # --begin
    assert own_wish.state is State.QUEUED


def test_a_job_requeued_after_its_end_can_be_cancelled_again() -> None:
    ending = after(after(READY, seen(JobPhase.ENDING)), ev.Demanded())
    queued = after(ending, seen(JobPhase.WAITING))
    assert (queued.state, queued.reason) == (State.QUEUED, Reason.REQUEUED)
    assert not queued.job.ending
    stopped = after(queued, ev.StopAsked(), now=NOW + 1)
    assert after(stopped, look(0), now=NOW + 2).leader.cancelled


def test_a_job_restarted_after_its_end_must_get_healthy_again() -> None:
    started = after(after(READY, seen(JobPhase.ENDING)), seen(JobPhase.RUNNING, node="n2"))
    assert (started.state, started.job.node) == (State.STARTING, "n2")


@pytest.mark.parametrize("record", [STARTING, READY])
def test_a_job_on_another_node_must_get_healthy_there(record) -> None:
    moved = after(record, seen(JobPhase.RUNNING, node="n2"))
    assert (moved.state, moved.since, moved.job.node) == (State.STARTING, NOW, "n2")


def test_a_cancelled_job_that_is_requeued_is_still_cancelled() -> None:
    requeued = decided(cancelled(), seen(JobPhase.WAITING))
    assert {type(a) for a in actions(requeued)} == {Cancel}


# -- the end


def test_a_script_that_could_not_be_launched_says_where_to_look() -> None:
    failure = after(
        STARTING, over(exit_code=None, signal=53, reason="JobLaunchFailure")
    ).last_failure
    assert "are the directories of --chdir and --output there" in failure.text
    assert "(job 7: Slurm says FAILED, killed by signal 53 (JobLaunchFailure))" in failure.text


def test_a_crash_at_start_says_everything_a_person_can_act_on() -> None:
    failure = after(STARTING, over(reason="NonZeroExitCode")).last_failure
    assert (failure.job_id, failure.exit_code, failure.node) == ("7", 3, "n1")
    assert failure.output == ("Traceback", "no such model")
    assert failure.command == "sbatch run_model.sh 8080"
    assert failure.text == (
        "the job ended before the service became healthy (job 7: Slurm says FAILED, exit code 3)"
    )


def test_a_signal_is_named() -> None:
    assert "killed by signal 9" in after(STARTING, over(signal=9)).last_failure.text


def test_a_service_that_served_is_cold_when_its_job_ends() -> None:
    gone = after(SERVED, over(state="TIMEOUT"))
    assert (gone.state, gone.failures) == (State.COLD, 0)
    assert gone.last_failure.slurm_state == "TIMEOUT"


def test_a_service_that_ends_soon_after_being_ready_has_failed() -> None:
    assert after(READY, over()).state is State.FAILED


def test_a_crash_loop_backs_off_further_each_time() -> None:
    once = after(STARTING, over())
    twice = after(changed(STARTING, failures=once.failures), over())
    assert twice.retry_at - NOW > once.retry_at - NOW > 0


def test_a_service_that_has_become_stable_is_forgiven() -> None:
    assert after(SERVED, probed()).failures == 0


@pytest.mark.parametrize("reason", [Reason.IDLE, Reason.STOPPED, Reason.RESTARTED, Reason.CHANGED])
def test_a_short_life_that_served_and_ended_well_forgives(reason: Reason) -> None:
    """Four crashes, then starts that served: the next crash is the first one again."""
    ended = after(draining(reason, failures=4, retry_at=NOW - 1), over(state="CANCELLED"))
    assert (ended.failures, ended.retry_at) == (0, 0.0)


def test_a_job_cancelled_before_it_was_ready_forgives_nothing() -> None:
    never_ready = draining(Reason.STOPPED, failures=4, ready_since=None)
    assert after(never_ready, over(state="CANCELLED")).failures == 4


# -- health


def test_one_refused_health_check_is_not_an_illness_three_are() -> None:
    sick = READY
    for strike in (1, 2):
        sick = after(sick, probed(ev.Health.UNHEALTHY))
        assert (sick.state, sick.leader.strikes) == (State.READY, strike)
    sick = after(sick, probed(ev.Health.UNHEALTHY))
    assert (sick.state, sick.reason) == (State.STARTING, Reason.UNHEALTHY)


def test_a_healthy_answer_forgets_the_strikes() -> None:
    assert after(changed(READY, strikes=2), probed()).leader.strikes == 0


def test_a_service_too_busy_for_its_health_check_stays_routed() -> None:
    assert after(changed(READY, strikes=2), probed(ev.Health.SILENT)).state is State.READY


def test_an_answer_that_is_not_provably_the_jobs_is_not_routed() -> None:
    unproven = probed(ev.Health.UNVERIFIED, watched=4.0)
    waiting = after(STARTING, unproven)
    assert (waiting.state, waiting.reason) == (State.STARTING, Reason.UNVERIFIED)
    assert waiting.leader.startup_used == STARTING.leader.startup_used + 4.0
    assert after(waiting, probed()).state is State.READY


def test_a_stranger_on_the_port_is_unpublished_at_once() -> None:
    left = after(READY, probed(ev.Health.UNVERIFIED))
    assert (left.state, left.reason) == (State.STARTING, Reason.UNVERIFIED)


def test_the_health_of_an_older_job_routes_nothing() -> None:
    assert after(STARTING, probed(job_name="older")) == STARTING
    assert after(READY, probed(ev.Health.UNHEALTHY, "older")) == READY


# -- operators and their edits


def test_a_start_does_not_wait_for_the_backoff() -> None:
    started = decided(FAILED, ev.StartAsked())
    assert Submit(FRESH) == started.submission
    assert started.record is not None
    assert started.record.failures == 0


@pytest.mark.parametrize("event", [ev.StartAsked(), ev.RestartAsked()])
def test_an_operators_start_while_failing_starts_after_the_end(event) -> None:
    failing = draining(Reason.STARTUP_TIMEOUT, failures=2, retry_at=NOW + 9)
    asked = after(failing, event)
    assert (asked.state, asked.job) == (State.DRAINING, failing.job)
    started = decided(cancelled(asked), over())
    assert Submit(FRESH) == started.submission
    assert started.record is not None
    assert started.record.failures == 0


def test_a_restart_waits_for_the_old_jobs_end() -> None:
    restarting = after(READY, ev.RestartAsked())
    assert restarting.job == READY.job
    assert Submit(FRESH) in actions(decided(cancelled(restarting), over()))


def test_a_restart_while_draining_is_not_undone_by_a_request() -> None:
    restarting = after(after(DRAINING, ev.RestartAsked()), ev.Demanded())
    assert (restarting.state, restarting.demand) == (State.DRAINING, True)


def test_a_request_in_flight_does_not_undo_a_stop() -> None:
    stopped = after(DRAINING, ev.StopAsked())
    assert after(stopped, look(1)).state is State.DRAINING
    assert not after(after(stopped, ev.Demanded()), ev.StopAsked()).demand


def test_disabling_drains_first_and_enabling_is_cold() -> None:
    disabling = after(READY, ev.DisableAsked())
    disabled = after(cancelled(disabling), over())
    assert (disabled.state, disabled.job) == (State.DISABLED, None)
    assert after(disabled, ev.EnableAsked()).state is State.COLD


def test_enabling_while_it_drains_leads_to_cold() -> None:
    enabled = after(after(READY, ev.DisableAsked()), ev.EnableAsked())
    assert after(cancelled(enabled), over()).state is State.COLD


def test_an_edit_of_a_service_in_use_starts_the_new_entry() -> None:
    changing = after(READY, ev.Changed(frozenset({OLD})))
    assert (changing.state, changing.reason) == (State.DRAINING, Reason.CHANGED)
    assert decided(cancelled(changing), over()).submission == Submit(FRESH)


def test_an_edit_of_a_service_without_demand_submits_nothing() -> None:
    for record in (COLD, DRAINING):
        assert not decided(record, ev.Changed(frozenset({OLD}))).submissions
    ended = decided(cancelled(after(DRAINING, ev.Changed(frozenset({OLD})))), over())
    assert (ended.record.state, ended.submission) == (State.COLD, None)


def test_after_an_edit_demand_submits_the_new_entry() -> None:
    changing = after(DRAINING, ev.Changed(frozenset({OLD})))
    asked = cancelled(after(changing, ev.Demanded()))
    assert decided(asked, over()).submission == Submit(FRESH)
    ended = after(cancelled(changing), over())
    assert decided(ended, look(0, held=1)).submission == Submit(FRESH)


def test_an_edit_of_a_failed_service_may_be_its_repair() -> None:
    assert after(FAILED, ev.Changed(frozenset({OLD}))).retry_at == 0.0
    failing = draining(Reason.STARTUP_TIMEOUT)
    repaired = after(failing, ev.Changed(frozenset({OLD})))
    assert after(cancelled(repaired), over()).state is State.COLD


def test_a_removed_service_is_forgotten_once_its_job_is_gone() -> None:
    removing = after(READY, ev.Removed())
    assert removing.job == READY.job
    assert decided(cancelled(removing), over()).record is None


@pytest.mark.parametrize("event", [ev.Demanded(), ev.StartAsked(), ev.RestartAsked()])
def test_nothing_starts_a_removed_service(event) -> None:
    removing = after(READY, ev.Removed())
    assert not after(removing, event).demand
    assert decided(cancelled(after(removing, event)), over()).record is None


def test_a_removed_service_that_comes_back_in_time_is_kept() -> None:
    back = after(after(READY, ev.Removed()), ev.Restored())
    assert after(cancelled(back), over()).state is State.COLD


def test_an_adopted_job_is_treated_as_one_of_our_own() -> None:
    job = changed(READY.job, name="lost")
    adopted = after(COLD, ev.Adopted(job))
    assert (adopted.state, adopted.job) == (State.QUEUED, job)
    started = after(adopted, seen(JobPhase.RUNNING, name="lost"))
    assert started.state is State.STARTING
