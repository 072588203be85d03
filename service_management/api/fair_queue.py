"""The order in which waiting requests of one service are let through, and how many may wait.

1. A request that was let through and met a full service goes before all others: it had its turn.
   It is kept back for a moment, so that it does not use up its attempts.
2. The clients take turns, one request each, in the order in which they came.
3. The requests of one client are let through in the order in which they came.

Pure: no threads, no clock. Times are seconds on whatever clock the caller uses.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

REMEMBERED = 32  # of the latest turns, for the estimate


@dataclass(eq=False)
class Ticket:
    """One waiting request. `since`: when it began to wait, in earlier visits included."""

    client: str
    since: float
    returned: bool = False
    not_before: float = 0.0


AnyTicket = TypeVar("AnyTicket", bound=Ticket)


@dataclass(frozen=True)
class QueueBounds:
    """How many may wait: for the service, and of one client among them."""

    service: int
    client: int


class FairQueue(Generic[AnyTicket]):
    def __init__(self, bounds: QueueBounds) -> None:
        self._bounds = bounds
        self._lines: dict[str, deque[AnyTicket]] = {}  # in the order of the clients' next turns
        self._returned: list[AnyTicket] = []  # the longest wait first
        self._turns: deque[float] = deque(maxlen=REMEMBERED)

    def __len__(self) -> int:
        return len(self._returned) + sum(map(len, self._lines.values()))

    def __iter__(self) -> Iterator[AnyTicket]:
        yield from self._returned
        for line in self._lines.values():
            yield from line

    def join(self, ticket: AnyTicket) -> str | None:
        """The refusal, if a bound is reached. One that returns had a place already."""
        if ticket.returned:
            self._returned.append(ticket)
            self._returned.sort(key=lambda one: one.since)
            return None
        if len(self) >= self._bounds.service:
            return "The queue of this service is full."
        line = self._lines.get(ticket.client, ())
        if len(line) >= self._bounds.client:
            return "Too many requests of this client are already in the queue of this service."
        self._lines.setdefault(ticket.client, deque()).append(ticket)
        return None

    def leave(self, ticket: AnyTicket) -> None:
        """Its client has left, or its patience is over. One that is not in the queue has left."""
        if ticket in self._returned:
            self._returned.remove(ticket)
        elif ticket in (line := self._lines.get(ticket.client, deque())):
            line.remove(ticket)
            if not line:
                del self._lines[ticket.client]

    def grant(self, free: int, now: float) -> list[AnyTicket]:
        """The next requests, at most `free`. They are no longer in the queue."""
        granted = list(islice(self._next(now), max(0, free)))
        self._turns += [now] * len(granted)
        return granted

    def place(self, ticket: AnyTicket) -> int:
        """1 is the next. Assumes that no other request comes or leaves."""
        if ticket in self._returned:
            return self._returned.index(ticket) + 1
        before = self._lines[ticket.client].index(ticket)
        place, ahead = len(self._returned) + before + 1, 1
        for client, line in self._lines.items():
            if client == ticket.client:
                ahead = 0  # those that follow have had one turn less when it is this one's turn
            else:
                place += min(len(line), before + ahead)
        return place

    def wait_for(self, place: int, now: float) -> float | None:
        """Seconds, at the rate of the latest turns; None: there were too few to tell. Those of the
        first moment do not count: their places were free, for an unknown time."""
        later = sum(turn > self._turns[0] for turn in self._turns)
        return place * (now - self._turns[0]) / later if later else None

    def _next(self, now: float) -> Iterator[AnyTicket]:
        while True:
            rested = (ticket for ticket in self._returned if ticket.not_before <= now)
            if ticket := next(rested, None):
                self._returned.remove(ticket)
            elif self._lines:
                ticket = self._next_in_turn()
            else:
                return
            yield ticket

    def _next_in_turn(self) -> AnyTicket:
        client = next(iter(self._lines))
        line = self._lines.pop(client)
        ticket = line.popleft()
        if line:
            self._lines[client] = line  # at the end of the clients
        return ticket
