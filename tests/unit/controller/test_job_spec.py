"""How a job was submitted: stored with it, and read back as it was."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as some

from service_management.controller.executor import submission
from service_management.controller.job_spec import (
    AUTO_PORTS,
    FIRST_AUTO_PORT,
    JobSpec,
    spec_of,
)
from service_management.lifecycle.replica import Job

from .samples import KEY_DIR, configured

SPEC = JobSpec.of(
    configured(
        ssh_port=2222,
        proxy_jump="jo@gate.example.org:2200",
        known_hosts_file="pinned",
        sbatch_args=["--partition=gpu", "--gres=gpu:1"],
        env={"B": "2", "A": "$(touch x); 'ü'\n"},
    ),
    KEY_DIR,
)
words = some.text(some.characters(exclude_categories=["Cs"]))


def test_a_spec_has_all_that_cancelling_the_job_needs() -> None:
    login = SPEC.login
    assert (login.username, login.port, login.key_file) == ("jo", 2222, "/keys/id_cluster")
    assert (login.proxy_jump, login.known_hosts_file) == (
        "jo@gate.example.org:2200",
        "/keys/pinned",
    )


def test_a_spec_is_read_back_as_it_was() -> None:
    assert JobSpec.load(SPEC.dump()) == SPEC
    assert spec_of(Job("n", 1, 0.0, SPEC.dump())) == SPEC


@given(words, some.lists(words), some.dictionaries(words, words))
def test_hostile_strings_are_read_back_unchanged(script, options, env) -> None:
    hostile = replace(
        SPEC, bash_file=script, sbatch_args=tuple(options), env=tuple(sorted(env.items()))
    )
    assert JobSpec.load(hostile.dump()) == hostile


def test_the_order_of_env_is_not_a_change() -> None:
    one = JobSpec.of(configured(env={"A": "1", "B": "2"}), KEY_DIR)
    assert one == JobSpec.of(configured(env={"B": "2", "A": "1"}), KEY_DIR)


def test_keys_that_do_not_touch_the_job_are_not_a_change() -> None:
    one, other = configured(), configured(timeout=5, hold_timeout=1, api_paths=["/other"])
    assert JobSpec.of(one, KEY_DIR) == JobSpec.of(other, KEY_DIR)


def test_another_number_of_connections_is_the_same_job() -> None:
    two = JobSpec.of(configured(ssh_connections=2), KEY_DIR)
    assert two == JobSpec.of(configured(), KEY_DIR)
    assert JobSpec.load(two.dump()).ssh_connections == 2


def test_a_job_of_a_version_without_the_key_has_one_connection() -> None:
    stored = json.loads(SPEC.dump())
    del stored["ssh_connections"]
    assert JobSpec.load(json.dumps(stored)).ssh_connections == 1


def test_a_fixed_port_is_used_as_it_is() -> None:
    assert SPEC.choose_port() == 8080


def test_auto_is_a_port_per_attempt_below_the_ephemeral_range() -> None:
    auto = JobSpec.of(configured(remote_port="auto"), KEY_DIR)
    ports = {auto.choose_port() for _ in range(100)}
    assert len(ports) > 50
    assert min(ports) >= FIRST_AUTO_PORT
    assert max(ports) < FIRST_AUTO_PORT + AUTO_PORTS <= 32768


def test_only_a_job_that_is_verified_by_a_token_has_one() -> None:
    verified = JobSpec.of(configured(verify="token"), KEY_DIR)
    assert SPEC.choose_token() == ""
    assert len(verified.choose_token()) >= 32
    assert verified.choose_token() != verified.choose_token()
    job = Job("n", 1, 0.0, verified.dump(), token="secret")
    assert submission(verified, job).env["IO_JOB_TOKEN"] == "secret"
    assert "IO_JOB_TOKEN" not in submission(SPEC, Job("n", 1, 0.0)).env


def test_a_job_of_a_version_without_verify_is_no_changed_one() -> None:
    stored = json.loads(SPEC.dump())
    del stored["verify"]
    assert JobSpec.load(json.dumps(stored)) == SPEC
