"""Who is let through next, who is refused, and what a waiting request is told."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as some

from service_management.api.fair_queue import FairQueue, QueueBounds, Ticket

WIDE = QueueBounds(1000, 1000)


def queue(*clients: str, bounds: QueueBounds = WIDE) -> tuple[FairQueue, dict[str, Ticket]]:
    """One request of each client in this order, named "a1", "a2" … by client and number."""
    made, tickets, numbers = FairQueue(bounds), {}, Counter[str]()
    for since, client in enumerate(clients):
        numbers[client] += 1
        ticket = tickets[f"{client}{numbers[client]}"] = Ticket(client, float(since))
        assert made.join(ticket) is None
    return made, tickets


def granted(made: FairQueue, tickets: dict[str, Ticket], free: int, now: float = 0.0) -> str:
    names = {ticket: name for name, ticket in tickets.items()}
    return " ".join(names[ticket] for ticket in made.grant(free, now))


@pytest.mark.parametrize(
    ("clients", "free", "order"),
    [
        ("", 3, ""),
        ("aaa", 0, ""),
        ("aaa", -2, ""),
        ("aaa", 2, "a1 a2"),
        ("aaab", 9, "a1 b1 a2 a3"),
        ("abab", 9, "a1 b1 a2 b2"),
        ("aaabbc", 9, "a1 b1 c1 a2 b2 a3"),
        ("baab", 3, "b1 a1 b2"),
    ],
)
def test_clients_take_turns_in_the_order_they_came(clients: str, free: int, order: str) -> None:
    assert granted(*queue(*clients), free) == order


def test_a_client_that_comes_later_waits_for_one_turn_only() -> None:
    made, tickets = queue(*"aaa")
    assert granted(made, tickets, 1) == "a1"
    made.join(tickets.setdefault("b1", Ticket("b", 9.0)))
    assert granted(made, tickets, 9) == "a2 b1 a3"


def test_who_met_a_full_service_goes_first() -> None:
    made, tickets = queue(*"ab")
    for name, since in (("later", 0.5), ("sooner", 0.1)):
        made.join(tickets.setdefault(name, Ticket("a", since, returned=True)))
    assert granted(made, tickets, 9) == "sooner later a1 b1"


def test_who_met_a_full_service_is_kept_back_a_moment() -> None:
    made, tickets = queue(*"ab")
    made.join(tickets.setdefault("back", Ticket("a", 0.0, returned=True, not_before=5.0)))
    assert granted(made, tickets, 1, now=4.9) == "a1"
    assert granted(made, tickets, 1, now=5.0) == "back"


@pytest.mark.parametrize(
    ("waiting", "client", "words"),
    [
        ("aab", "c", "queue of this service is full"),
        ("aa", "a", "of this client"),
        ("aa", "b", None),
    ],
)
def test_a_bound_refuses_the_next(waiting: str, client: str, words: str | None) -> None:
    made, _ = queue(*waiting, bounds=QueueBounds(3, 2))
    refusal = made.join(Ticket(client, 9.0))
    assert (refusal is None) if words is None else (words in (refusal or ""))
    assert len(made) == len(waiting) + (words is None)


def test_no_bound_refuses_who_returns() -> None:
    made, _ = queue(*"aa", bounds=QueueBounds(2, 1000))
    assert made.join(Ticket("a", 0.0, returned=True)) is None


def test_who_leaves_gives_up_the_place() -> None:
    made, tickets = queue(*"aab")
    for name in ("a1", "b1", "b1"):
        made.leave(tickets[name])
    assert granted(made, tickets, 9) == "a2"


@pytest.mark.parametrize(
    ("turns", "place", "now", "seconds"),
    [
        ([], 1, 100.0, None),
        ([10.0], 1, 100.0, None),
        ([10.0, 10.0, 10.0], 1, 11.0, None),
        ([10.0, 12.0, 14.0], 3, 14.0, 6.0),
        ([10.0, 12.0, 14.0], 1, 30.0, 10.0),
    ],
    ids=["no turn", "one", "free places", "one every 2 s", "none since"],
)
def test_the_wait_follows_the_rate_of_turns(turns, place, now, seconds) -> None:
    made, _ = queue(*"a" * 10)
    for turn in turns:
        made.grant(1, turn)
    assert made.wait_for(place, now) == seconds


STEPS = some.lists(
    some.one_of(
        some.tuples(some.just("join"), some.sampled_from("abc")),
        some.tuples(some.just("return"), some.sampled_from("abc")),
        some.tuples(some.just("leave"), some.integers(0, 50)),
        some.tuples(some.just("grant"), some.integers(0, 3)),
    ),
    max_size=60,
)


@given(STEPS)
def test_nobody_is_lost_doubled_or_let_through_too_soon(steps) -> None:
    made, waiting, now = FairQueue(WIDE), [], 0.0
    for step, value in steps:
        now += 1.0
        if step in ("join", "return"):
            waiting.append(Ticket(value, now, returned=step == "return"))
            assert made.join(waiting[-1]) is None
        elif step == "leave" and waiting:
            made.leave(waiting.pop(value % len(waiting)))
        elif step == "grant":
            let = made.grant(value, now)
            assert len(let) == min(value, len(waiting))
            for ticket in let:
                waiting.remove(ticket)
                own = [one for one in waiting if one.client == ticket.client]
                assert all(one.since > ticket.since for one in own if not one.returned) or (
                    ticket.returned
                )
        assert sorted(map(id, made)) == sorted(map(id, waiting))
        assert len(made) == len(waiting)


@given(STEPS)
def test_the_place_is_the_number_of_turns_to_wait(steps) -> None:
    made, now = FairQueue(WIDE), 0.0
    for step, value in steps:
        now += 1.0
        if step in ("join", "return"):
            made.join(Ticket(value, now, returned=step == "return"))
        elif step == "grant":
            made.grant(value, now)
    places = {ticket: made.place(ticket) for ticket in made}
    for turn, ticket in enumerate(made.grant(len(made), now), start=1):
        assert places[ticket] == turn


@given(some.lists(some.sampled_from("abc"), min_size=1, max_size=40), some.integers(0, 40))
def test_no_client_starves(clients: list[str], newcomers: int) -> None:
    """However many requests of "a" keep coming, each other client has every third turn or more."""
    made, tickets = queue(*clients)
    mine = [ticket for name, ticket in tickets.items() if not name.startswith("a")]
    turns = 0
    while any(ticket in set(made) for ticket in mine):
        for _ in range(newcomers):
            made.join(Ticket("a", 100.0))
        made.grant(1, 0.0)
        turns += 1
    assert turns <= 3 * len(clients)
