"""States, reasons, scancel, nodes, job names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service_management.lifecycle.findings import Listening
from service_management.lifecycle.job_views import JobPhase
from service_management.slurm.job_names import JobName, job_name, parse_job_name
from service_management.slurm.job_states import phase_of
from service_management.slurm.outcomes import Unknown
from service_management.slurm.reasons import PENDING, explain_pending
from service_management.slurm.scancel import parse_cancel
from service_management.slurm.scontrol import parse_node
from service_management.slurm.srun import Listeners, PortOwners, parse_listeners, parse_sockets
from service_management.ssh.connection import Result

NODE = """\
LoginName=vm
LoginName=vm
LoginName=vm.example
NodeName=gpu1 Arch=x86_64 CoresPerSocket=1
   NodeAddr=10.0.0.7 NodeHostName={host} Port=17832 Version=22.05.8
"""


@pytest.mark.parametrize(
    ("word", "phase"),
    [
        ("PENDING", JobPhase.WAITING),
        ("CONFIGURING", JobPhase.WAITING),
        ("SUSPENDED", JobPhase.WAITING),
        ("REQUEUED", JobPhase.WAITING),
        ("SPECIAL_EXIT", JobPhase.WAITING),
        ("RUNNING", JobPhase.RUNNING),
        ("COMPLETING", JobPhase.ENDING),
        ("STAGE_OUT", JobPhase.ENDING),
        ("PREEMPTED", JobPhase.ENDED),
        ("NODE_FAIL", JobPhase.ENDED),
        ("BOOT_FAIL", JobPhase.ENDED),
        ("DEADLINE", JobPhase.ENDED),
        ("OUT_OF_MEMORY", JobPhase.ENDED),
        ("TIMEOUT", JobPhase.ENDED),
        ("CANCELLED by 1000", JobPhase.ENDED),
        ("CANCELLED+", JobPhase.ENDED),
        ("", JobPhase.UNKNOWN),
        ("BRAND_NEW", JobPhase.UNKNOWN),
    ],
)
def test_every_state_has_a_phase_and_a_new_one_is_unknown(word: str, phase: JobPhase) -> None:
    assert phase_of(word) is phase


def test_an_unknown_reason_is_its_own_explanation() -> None:
    assert explain_pending("Resources") == "not enough resources are free"
    assert explain_pending("BrandNewReason") == "BrandNewReason"
    assert explain_pending("") == ""


def test_reasons_written_as_clauses_are_known_by_their_beginning() -> None:
    sentence = PENDING["ReqNodeNotAvail"]
    assert explain_pending("ReqNodeNotAvail, UnavailableNodes:gpu1") == sentence
    assert "down" in explain_pending("Nodes required for job are DOWN, DRAINED or reserved")


GONE = "scancel: error: Kill job error on job id 9: Invalid job id specified"
OVER = "scancel: error: Kill job error on job id 9: Job/step already completing or completed"
DENIED = "scancel: error: Kill job error on job id 8: Access/permission denied"
SILENT = "scancel: error: slurm_kill_job2() failed: Unable to contact slurm controller"


@pytest.mark.parametrize(
    ("code", "said", "answer"),
    [(0, "", True), (1, GONE, True), (0, OVER, True), (1, f"{GONE}\n{OVER}", True)],
)
def test_a_job_that_is_gone_counts_as_cancelled(code: int, said: str, answer: bool) -> None:
    assert parse_cancel(Result(code, "", said)) is answer


def test_another_users_job_is_refused_and_silence_is_unknown() -> None:
    assert parse_cancel(Result(1, "", f"{GONE}\n{DENIED}")) is False
    assert isinstance(parse_cancel(Result(1, "", f"{GONE}\n{SILENT}")), Unknown)
    assert isinstance(parse_cancel(Result(124, "", "")), Unknown)
    assert isinstance(parse_cancel(Result(127, "", "sh: scancel: not found")), Unknown)


@pytest.mark.parametrize(
    ("host", "address"), [("vm", "127.0.0.1"), ("vm.example", "127.0.0.1"), ("gpu1", "10.0.0.7")]
)
def test_a_nodes_address(host: str, address: str) -> None:
    assert parse_node(Result(0, NODE.format(host=host), ""), "gpu1") == address


def test_a_node_without_an_address_goes_by_its_name() -> None:
    assert parse_node(Result(0, "LoginName=\nNodeName=gpu1\n", ""), "gpu1") == "gpu1"
    said = Result(1, "LoginName=vm\nNode nonode not found\n", "")
    answer = parse_node(said, "nonode")
    assert isinstance(answer, Unknown)
    assert "Node nonode not found" in answer.message


words = st.from_regex(r"\A[A-Za-z0-9_-]+\Z")
numbers = st.integers(0, 65535)
routes = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


@given(prefix=words, route=routes, slot=numbers, nonce=words)
def test_a_job_name_is_read_back_as_it_was(prefix, route, slot, nonce) -> None:
    name = job_name(prefix, route, slot, nonce)
    assert parse_job_name(name) == JobName(prefix, route, slot, nonce)


@given(prefix=words, route=routes, slot=numbers, port=numbers, nonce=words)
def test_a_name_of_an_earlier_version_is_read_too(prefix, route, slot, port, nonce) -> None:
    old = JobName(prefix, route, slot, nonce, port)
    assert parse_job_name(str(old)) == old


@pytest.mark.parametrize(
    "name",
    [
        "",
        "interactive",
        "a.b.c",
        "a.b.1.x.n",
        "a.1.2.n",
        ".r.s1.n",
        "a.r.s².n",
        "a..s1.n",
        "a.s1.n",
    ],
)
def test_other_peoples_jobs_have_no_such_name(name: str) -> None:
    assert parse_job_name(name) is None


def test_a_prefix_with_a_dot_is_refused() -> None:
    with pytest.raises(ValueError, match="prefix"):
        job_name("a.b", "r", 0, "n")


LISTENING = """\
1000
   0: 00000000:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 562 1 0
   3: 00000000000000000000000000000000:1F40 00000000000000000000000000000000:0000 0A 0:0 00:0 0 {} 0
"""


@pytest.mark.parametrize(("other", "strangers"), [(1000, set()), (0, set()), (1001, {1001})])
def test_only_another_user_than_the_jobs_and_root_is_a_stranger(other, strangers) -> None:
    found = parse_listeners(Result(0, LISTENING.format(other), ""))
    assert isinstance(found, Listeners)
    assert found.strangers == strangers


@pytest.mark.parametrize(
    "result",
    [
        Result(1, "", "srun: unrecognized option '--overlap'"),
        Result(124, "1000\n", ""),
        Result(127, "", ""),
        Result(0, "", ""),
    ],
)
def test_without_a_usable_srun_nothing_is_known(result: Result) -> None:
    assert isinstance(parse_listeners(result), Unknown)
    assert isinstance(parse_sockets(result, 8000), Unknown)


SOCKETS = """\
1000
own 562
own 563
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 562 1 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 99 1 0
   2: 00000000:1F41 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 77 1 0
   0: 00000000000000000000000001000000:1F42 00000000000000000000000000000000:0000 0A \
00000000:00000000 00:00000000 00000000  1000        0 563 1 0
   1: 0000000000000000FFFF00000100007F:1F43 00000000000000000000000000000000:0000 0A \
00000000:00000000 00:00000000 00000000  1000        0 563 1 0
nonsense of a profile
"""


def test_the_sockets_of_a_job_are_those_of_its_processes() -> None:
    own = [Listening("127.0.0.1", 8000), Listening("::1", 8002), Listening("127.0.0.1", 8003)]
    assert parse_sockets(Result(0, SOCKETS, ""), 9000) == tuple(own)


def test_the_jobs_user_on_the_jobs_port_counts_as_the_job() -> None:
    """A container may have cleared the environment by which its processes are known."""
    found = parse_sockets(Result(0, SOCKETS, ""), 8001)
    assert isinstance(found, tuple)
    assert Listening("0.0.0.0", 8001) in found


def test_a_site_without_usable_srun_is_not_asked_at_every_start() -> None:
    asked: list[str] = []

    def ask(command: str, script: str, parse):
        asked.append(script)
        return Unknown("Slurm did not answer srun: unrecognized option", "slurm")

    owners = PortOwners(ask)
    for job in ("1", "2", "3"):
        assert isinstance(owners.ask(job, "n1", 8000), Unknown)
    assert len(asked) == 1
