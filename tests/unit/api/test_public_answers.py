"""Without the admin token no answer names a login, its host, its key or known_hosts."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from service_management.api.flask_app import Parts, create_app
from service_management.config import Problem
from service_management.config.keyfiles import file_fault
from service_management.controller.public_view import Trouble
from service_management.controller.snapshot import Snapshot
from service_management.lifecycle.findings import Finding, Saw
from service_management.lifecycle.record import Failure, ServiceRecord
from service_management.lifecycle.states import Reason, State
from service_management.ssh.errors import SshProblem
from service_management.store import LogEntry, Store
from tests.unit.config.samples import service
from tests.unit.records import a_record, with_job

from .samples import RECORDS

WITH_VALUES = ("/admin/config", "/admin/services")
Get = Callable[..., str]

SAID = "jo@secret.example:2222 does not accept the key /secret/key. Add its public key there."
REASON = Reason.CLUSTER_UNREACHABLE
FAILURE = Failure(
    *(1.0, REASON, SAID),
    output=("secret output",),
    output_file="/secret/slurm-6.out",
    command="sbatch secret",
    kind="auth",
)
FAILED = a_record("digits", State.FAILED, 1.0, REASON, last_failure=FAILURE, retry_at=1e12)
REFUSED = "The gateway's login is refused by the cluster."


class FakeController:
    def ask(self, _route: str, _event: object) -> bool:
        return True


@pytest.fixture
def snapshot() -> Snapshot:
    shown = Snapshot()
    shown.services = {"digits": service()}
    return shown


@pytest.fixture
def get(snapshot: Snapshot) -> Iterator[Get]:
    store, nothing = Store("sqlite://"), cast(Any, None)
    event = f"{SAID}\nCommand: sbatch secret\nsecret output"
    store.save([], entries=[LogEntry("digits", 1.0, "failed", REASON.value, event)])
    parts = Parts(snapshot, cast(Any, FakeController()), store, nothing, nothing, "token", 4)
    client = create_app(parts).test_client()
    mine, other = socket.socketpair()

    def ask(path: str, **headers: str) -> str:
        over = {"gunicorn.socket": mine}
        return client.get(
            path, headers={"Prefer": "wait=0", **headers}, environ_overrides=over
        ).text

    yield ask
    mine.close()
    other.close()
    store.close()


def public(get: Get) -> list[str]:
    pages = [get(path, Accept="text/html") for path in ("/", "/info/digits", "/_hold/digits")]
    return pages + [get(p) for p in ("/info", "/info/digits", "/_hold/digits", "/_quiet/digits")]


def in_full(get: Get) -> list[str]:
    paths = ("/admin/services", "/admin/services/digits")
    return [get(path, Authorization="Bearer token") for path in paths]


@pytest.mark.parametrize(
    "record",
    [
        FAILED,
        *(replace(RECORDS[state], last_failure=FAILURE, failures=1) for state in State),
    ],
    ids=lambda record: record.state,
)
@pytest.mark.parametrize("trouble", [None, Trouble("auth", SAID)])
def test_what_ssh_says_needs_the_admin_token(
    snapshot: Snapshot, get: Get, record: ServiceRecord, trouble: Trouble | None
) -> None:
    snapshot.replace({"digits": record}, set())
    snapshot.trouble = {"digits": trouble} if trouble else {}
    assert [text for text in public(get) if "secret" in text] == []
    assert all(SAID in text for text in in_full(get))


@pytest.mark.parametrize("found", [None, Finding(Saw.ANSWER, "/status?code=404&key=secret", 404)])
def test_the_query_of_the_health_path_is_not_shown(
    snapshot: Snapshot, get: Get, found: Finding | None
) -> None:
    snapshot.services = {"digits": service(check_health_path="/status?code=404&key=secret")}
    starting = with_job(RECORDS[State.STARTING], finding=found)
    snapshot.replace({"digits": starting}, set())
    shown = public(get)
    assert any("/status" in text for text in shown)
    assert not any("secret" in text for text in shown)


def test_everybody_reads_one_plain_sentence(snapshot: Snapshot, get: Get) -> None:
    snapshot.replace({"digits": FAILED}, set())
    snapshot.trouble = {"digits": Trouble("auth", SAID)}
    assert all(REFUSED.replace("'", "&#39;") in text or REFUSED in text for text in public(get))


@pytest.mark.parametrize("problem", SshProblem)
def test_each_problem_of_ssh_has_a_public_sentence(problem: SshProblem) -> None:
    shown = Trouble(problem.value, SAID).public
    assert shown != Trouble("", SAID).public
    assert "secret" not in shown


def test_a_failure_stored_without_its_kind_names_no_login(snapshot: Snapshot, get: Get) -> None:
    """By an earlier version."""
    stored = replace(FAILED, last_failure=replace(FAILURE, kind=""))
    snapshot.replace({"digits": stored}, set())
    assert not any("secret" in text for text in public(get))


def test_a_refused_key_file_is_named_to_operators_only(
    snapshot: Snapshot, get: Get, tmp_path: Path
) -> None:
    key = tmp_path / "secret key"
    fault = file_fault("ssh_key_file", key)
    assert fault is not None
    problem = Problem("Digits", "ssh_key_file", '"secret"', fault.rule, brief=fault.brief)
    snapshot.config_error = (problem,)
    assert not any("secret" in text for text in public(get))
    assert "Digits: ssh_key_file: must exist" in get("/")
    assert all(str(key) in get(path, Authorization="Bearer token") for path in WITH_VALUES)


def test_slurms_own_words_are_public() -> None:
    said = "Slurm did not answer squeue: Socket timed out on send/recv operation"
    assert Trouble("slurm", said).public == said
