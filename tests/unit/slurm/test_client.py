"""The client on connections that fail in one particular way each."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from service_management.lifecycle.job_views import JobEnd
from service_management.slurm.client import SlurmClient
from service_management.slurm.outcomes import Accepted, NotSubmitted, Unknown
from service_management.slurm.sbatch import SubmitSpec
from service_management.slurm.turns import Turns
from service_management.ssh.call_counts import CallCounts
from service_management.ssh.connection import Result
from service_management.ssh.errors import SshError, SshProblem
from service_management.ssh.login import Login

SPEC = SubmitSpec("orc.r.0.8000.n", "run.sh", 8000)
LOGIN = Login("alice", "login.example", 22, "/keys/id")
CLOCK = Result(0, "1000000\n", "")


@dataclass
class Scripted:
    """Answers in turn; an error is raised."""

    answers: list[Result | SshError]
    login: Login = LOGIN
    scripts: list[str] = field(default_factory=list)

    def run(self, script: str, timeout: float) -> Result:
        self.scripts.append(script)
        answer = self.answers.pop(0)
        if isinstance(answer, SshError):
            raise answer
        return answer

    def open_tunnel(self, socket: Path, host: str, port: int) -> None: ...

    def close_tunnel(self, socket: Path) -> None: ...

    def tunnel_alive(self, socket: Path) -> bool:
        return False

    def close(self) -> None: ...


def broken(problem: SshProblem, *, maybe_ran: bool) -> SshError:
    return SshError(problem, "it broke", maybe_ran=maybe_ran)


def test_the_login_nodes_own_clock_gives_the_deadline() -> None:
    connection = Scripted([CLOCK, Result(0, "7\n", ""), Result(0, "8\n", "")])
    client = SlurmClient(connection, timeout=20)
    assert client.submit(SPEC) == Accepted("7")
    assert client.submit(SPEC) == Accepted("8")
    assert len(connection.scripts) == 3
    for script in connection.scripts[1:]:
        assert deadline(script) in (1_000_019, 1_000_020)


LATE, OK = Result(75, "", ""), Result(0, "7\n", "")


def deadline(script: str) -> int:
    return int(script.split("-le ", maxsplit=1)[1].split(maxsplit=1)[0])


def test_a_clock_that_was_set_makes_one_submission_late() -> None:
    set_since = Result(0, "1000500\n", "")
    connection = Scripted([CLOCK, OK, LATE, set_since, OK])
    client = SlurmClient(connection, timeout=20)
    assert client.submit(SPEC) == Accepted("7")
    assert isinstance(client.submit(SPEC), NotSubmitted)
    assert client.submit(SPEC) == Accepted("7")
    assert deadline(connection.scripts[-1]) in (1000519, 1000520, 1000521)


def test_after_a_failed_connection_the_clock_is_asked_again() -> None:
    elsewhere = Result(0, "2000000\n", "")
    lost = broken(SshProblem.MASTER_LOST, maybe_ran=False)
    connection = Scripted([CLOCK, OK, lost, elsewhere, OK])
    client = SlurmClient(connection, timeout=20)
    client.submit(SPEC)
    client.queue()
    client.submit(SPEC)
    assert deadline(connection.scripts[-1]) in (2000019, 2000020, 2000021)


def test_our_own_clock_may_be_set_at_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Scripted([CLOCK, OK, OK])
    client = SlurmClient(connection, timeout=20)
    client.submit(SPEC)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600)
    client.submit(SPEC)
    assert deadline(connection.scripts[-1]) - deadline(connection.scripts[-2]) in (0, 1)


def test_a_slow_login_does_not_move_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A lost submission is settled by then: see policy.SUBMIT_SETTLED."""
    now = [1000.0]
    for name in ("time", "monotonic"):
        monkeypatch.setattr(time, name, lambda: now[0])

    class Slow(Scripted):
        def run(self, script: str, timeout: float) -> Result:
            now[0] += 30 if script.startswith("date") else 0
            return super().run(script, timeout)

    connection = Slow([Result(0, "1030\n", ""), LATE])  # the clocks agree
    SlurmClient(connection, timeout=25).submit(SPEC)
    assert deadline(connection.scripts[-1]) == 1025


def test_a_connection_lost_after_sending_leaves_it_unknown() -> None:
    lost = broken(SshProblem.MASTER_LOST, maybe_ran=True)
    outcome = SlurmClient(Scripted([CLOCK, lost])).submit(SPEC)
    assert outcome == Unknown("it broke", "master_lost")


@pytest.mark.parametrize("answers", [[], [CLOCK]])
def test_an_error_before_sending_certainly_submitted_nothing(answers: list[Result]) -> None:
    refused = broken(SshProblem.REFUSED, maybe_ran=False)
    outcome = SlurmClient(Scripted([*answers, refused])).submit(SPEC)
    assert outcome == NotSubmitted("it broke", "refused")


def test_no_question_raises_and_every_one_is_counted() -> None:
    lost = broken(SshProblem.TIMEOUT, maybe_ran=True)
    counts = CallCounts()
    client = SlurmClient(Scripted([lost] * 6), counts, squeue_interval=0)
    answers = [
        client.queue(),
        client.find(["n"]),
        client.cancel(["1"]),
        client.post_mortem("1"),
        client.output("1", 5),
        client.node_address("gpu1"),
    ]
    assert answers == [Unknown("it broke", "timeout")] * 6
    assert sum(counts.failures().values()) == 6


def test_an_empty_batch_asks_nothing() -> None:
    client = SlurmClient(Scripted([]))
    assert client.cancel([]) is True
    assert client.find([]) == {}


def test_a_batch_of_jobs_is_one_call_each() -> None:
    connection = Scripted([Result(0, "", ""), Result(0, "", "")])
    client = SlurmClient(connection)
    assert client.cancel(["1", "2"]) is True
    assert client.find(["a", "b"]) == {"a": None, "b": None}
    assert "scancel 1 2" in connection.scripts[0]
    assert "--name=a,b" in connection.scripts[1]


def test_turns_are_an_interval_apart_however_many_ask() -> None:
    now, pauses = [100.0], []
    turns = Turns(1.0, lambda: now[0], pauses.append)
    for _ in range(3):
        turns.wait()
    assert pauses == [1.0, 2.0]
    now[0] = 104.0
    turns.wait()
    assert pauses == [1.0, 2.0]


ENDED = JobEnd("5", "FAILED", output_file="/home/a/slurm-5.out")


def test_an_end_without_readable_output_is_an_end() -> None:
    client = SlurmClient(Scripted([Result(0, "", "")]))
    assert client.with_output(ENDED, "run.sh") == ENDED


def test_after_a_reader_that_hangs_none_is_started_for_a_while() -> None:
    connection = Scripted([Result(0, "", "")])
    client = SlurmClient(connection)
    for _ in range(5):
        client.with_output(ENDED, "run.sh")
    assert len(connection.scripts) == 1


def test_a_nodes_address_is_asked_once() -> None:
    node = Result(0, "LoginName=vm\nNodeName=gpu1\n   NodeAddr=10.0.0.7 NodeHostName=gpu1\n", "")
    connection = Scripted([node])
    client = SlurmClient(connection)
    assert client.node_address("gpu1") == "10.0.0.7"
    assert client.node_address("gpu1") == "10.0.0.7"
    assert len(connection.scripts) == 1
