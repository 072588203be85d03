"""When waiting requests are let through: which places count as free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from service_management.api import admission
from service_management.api.admission import Admission, Waiting
from service_management.controller.snapshot import Snapshot
from service_management.host.steady_clock import SteadyClock
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.states import Phase, State
from tests.unit.config.samples import service

from .samples import JOB, RECORDS, replica


class Site:
    """A service of two places, its records as the controller shows them, and a clock."""

    def __init__(self, most: int = 100) -> None:
        self.now = 100.0
        self.snapshot = Snapshot(SteadyClock.resume(None, 0.0))
        self.snapshot.services = {"digits": service(max_inflight=2)}
        self.flags: dict[str, bool] = {}
        self.queue = Admission(self.snapshot, most, self.flags.__setitem__, lambda: self.now)
        self.show(State.READY, inflight=2)

    def show(self, state: State, inflight: int | None = 0, **changes: float) -> None:
        self.show_record(replace(RECORDS[state], **changes), {JOB.name: inflight})

    def show_record(self, record: ServiceRecord, inflight: Mapping[str, int | None]) -> None:
        self.snapshot.inflight = inflight
        self.snapshot.replace({"digits": record}, set())
        self.snapshot.pass_completed(self.snapshot._clock.now())

    def join(self, client: str = "a", *, returned: bool = False) -> Waiting:
        ticket = Waiting(client, self.now, returned=returned)
        assert self.queue.join("digits", ticket) is None
        return ticket

    def look(self, after: float = 0.0) -> None:
        self.now += after
        self.snapshot.pass_completed(self.snapshot._clock.now())
        self.queue.look()


@pytest.fixture
def site() -> Site:
    return Site()


def granted(*tickets: Waiting) -> list[bool]:
    return [ticket.granted for ticket in tickets]


def test_a_full_service_lets_none_through(site: Site) -> None:
    ticket = site.join()
    site.look(after=10.0)
    assert (ticket.granted, ticket.decided.is_set()) == (False, False)


def test_each_report_lets_one_through(site: Site) -> None:
    tickets = [site.join() for _ in range(3)]
    site.queue.freed("digits")
    assert granted(*tickets) == [True, False, False]
    assert tickets[0].decided.is_set()
    site.queue.freed("digits")
    assert granted(*tickets) == [True, True, False]


def test_a_report_just_before_the_request_is_not_lost(site: Site) -> None:
    site.queue.freed("digits")
    site.now += admission.REPORT_KEPT / 2
    assert granted(site.join(), site.join()) == [True, False]


def test_without_reports_the_count_shows_what_is_free(site: Site) -> None:
    tickets = [site.join() for _ in range(4)]
    site.show(State.READY, inflight=0)
    site.look(after=1.0)
    assert granted(*tickets) == [True, True, False, False]


def test_a_refusal_of_nginx_is_newer_than_the_sample(site: Site) -> None:
    site.show(State.READY, inflight=0)
    ticket = site.join()
    site.look(after=admission.SAMPLE_AGE / 2)
    assert not ticket.granted
    site.look(after=admission.SAMPLE_AGE)
    assert ticket.granted
    site.join(returned=True)
    second = site.join()
    site.look(after=admission.SAMPLE_AGE / 2)
    assert not second.granted


def test_one_let_through_counts_until_it_is_in_the_sample(site: Site) -> None:
    site.show(State.STARTING)
    tickets = [site.join() for _ in range(5)]
    site.show(State.READY, inflight=0)
    site.look()
    assert granted(*tickets) == [True, True, False, False, False]
    site.look(after=admission.SAMPLE_AGE / 2)
    assert sum(granted(*tickets)) == 2
    site.look(after=admission.SAMPLE_AGE)  # they have ended, or never came
    assert sum(granted(*tickets)) == 4


def test_the_places_of_ready_replicas_add_up(site: Site) -> None:
    """One that is above the limit, or drains, takes none from the others."""
    phases = [Phase.READY, Phase.READY, Phase.STARTING, Phase.DRAINING]
    replicas = [replica(slot, phase) for slot, phase in enumerate(phases)]
    names = [one.job.name for one in replicas]
    tickets = [site.join() for _ in range(4)]
    record = replace(RECORDS[State.COLD], replicas=tuple(replicas))
    site.show_record(record, dict(zip(names, [3, 0, 0, 1], strict=True)))
    site.look(after=1.0)
    assert sum(granted(*tickets)) == 2


def test_an_unknown_count_lets_none_through(site: Site) -> None:
    site.show(State.READY, inflight=None)
    ticket = site.join()
    site.look(after=10.0)
    assert not ticket.granted


def test_what_waits_for_a_start_goes_by_places(site: Site) -> None:
    site.show(State.STARTING)
    tickets = [site.join() for _ in range(4)]
    site.look()
    assert sum(granted(*tickets)) == 0
    site.show(State.READY, inflight=0)
    site.look()
    assert sum(granted(*tickets)) == 2


@pytest.mark.parametrize("state", [State.FAILED, State.DISABLED])
def test_a_service_that_will_not_start_ends_the_wait(site: Site, state: State) -> None:
    site.show(State.STARTING)
    ticket = site.join()
    site.show(state, retry_at=1e12)
    site.look()
    assert (ticket.granted, ticket.decided.is_set()) == (False, True)


def test_a_limit_that_was_removed_lets_all_through(site: Site) -> None:
    tickets = [site.join() for _ in range(3)]
    site.snapshot.services = {"digits": service()}
    site.look()
    assert all(granted(*tickets))


def test_the_flag_is_up_while_requests_wait(site: Site) -> None:
    first, second = site.join(), site.join()
    assert site.flags == {"digits": True}
    site.queue.leave("digits", first)
    assert site.flags == {"digits": True}
    site.queue.freed("digits")
    assert second.granted
    assert site.flags == {"digits": False}


def test_one_that_leaves_learns_its_place(site: Site) -> None:
    site.join()
    position = site.queue.leave("digits", site.join("b"))
    assert position is not None
    assert (position.place, position.waiting, position.seconds) == (2, 2, None)


def test_one_that_was_let_through_has_no_place(site: Site) -> None:
    ticket = site.join()
    site.queue.freed("digits")
    assert site.queue.leave("digits", ticket) is None


def test_a_service_has_half_of_the_places_a_client_a_quarter() -> None:
    site = Site(most=8)
    for client in "aab":
        site.join(client)
    refusal = site.queue.join("digits", Waiting("a", site.now))
    assert "of this client" in (refusal or "")
    site.join("c")
    refusal = site.queue.join("digits", Waiting("d", site.now))
    assert "is full" in (refusal or "")
    assert site.queue.position("digits").place == 5


def test_a_new_replica_gets_its_requests_one_by_one() -> None:
    """nginx sends it one a second at first. A request may return three times."""
    site = Site(most=400)
    site.snapshot.services = {"digits": service(max_inflight=50)}
    site.show(State.READY, inflight=0)
    tickets = [site.join() for _ in range(50)]
    returns, taken_at = dict.fromkeys(range(50), 0), [0]
    while returns.keys() and site.now < 300:
        site.look(after=0.1)
        for number in [number for number in returns if tickets[number].granted]:
            if int(site.now) > taken_at[-1]:
                taken_at.append(int(site.now))
                assert returns.pop(number) <= 3
            else:
                returns[number] += 1
                tickets[number] = site.join(returned=True)
        site.show(State.READY, inflight=len(taken_at) - 1)
    assert (len(returns), site.now < 200) == (0, True)
