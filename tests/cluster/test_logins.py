"""Services with different logins in one gateway, and logins that fail."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.stack.ssh import masters_with_key
from tests.stack.stack import Stack
from tests.stack.waiting import wait_for


def make_key(path: Path) -> Path:
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(argv, check=True, timeout=30)
    return path


def fingerprint(key: Path) -> str:
    argv = ["ssh-keygen", "-l", "-f", str(key)]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()[1]


@pytest.fixture
def another_key(stack: Stack, tmp_path: Path) -> Iterator[Path]:
    """One that the cluster accepts as well."""
    key = make_key(tmp_path / "another")
    authorized = stack.cluster.spec.directory / "keys" / "authorized_keys"
    before = authorized.read_text()
    authorized.write_text(before + key.with_suffix(".pub").read_text())
    yield key
    authorized.write_text(before)


@pytest.fixture
def own_login(stack: Stack, tmp_path: Path) -> Path:
    """The accepted key at another path: a login that has not been used yet."""
    key = tmp_path / "own"
    shutil.copy(stack.cluster.key_file, key)
    key.chmod(0o600)
    return key


def wrong_host_key(stack: Stack, tmp_path: Path) -> str:
    public = make_key(tmp_path / "wrong_host").with_suffix(".pub").read_text().split()
    return f"{stack.cluster.ssh_name} {public[0]} {public[1]}\n"


def refusal(stack: Stack, route: str) -> str:
    """What operators read of it."""
    answer = stack.client.get(f"/{route}/echo")
    assert answer.status_code == 503, answer.text
    problem = answer.json()
    assert (problem["state"], problem["reason"]) == ("failed", "cluster_unreachable")
    assert "Retry-After" in answer.headers
    error = stack.details(route)["last_error"]
    return str(error["text"])


def test_services_use_their_own_keys_and_close_their_logins(
    stack: Stack, route: str, another_key: Path
) -> None:
    names = [f"{route}-one", f"{route}-two"]
    stack.configure(stack.entry(names[0]), stack.entry(names[1], ssh_key_file=str(another_key)))
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda name: stack.client.get(f"/{name}/echo"), names))
    assert [answer.status_code for answer in answers] == [200, 200]
    accepted = (stack.cluster.spec.directory / "log").glob("sshd.*.out")
    said = "".join(log.read_text(errors="replace") for log in accepted)
    assert fingerprint(another_key) in said

    before = masters_with_key(stack, another_key)
    stack.configure(stack.entry(names[0]))
    wait_for("it is removed", lambda: stack.client.get(f"/info/{names[1]}").status_code == 404, 20)
    wait_for("its login is closed", lambda: not masters_with_key(stack, another_key), 20)
    if stack.tunnels_outlive_control_plane:
        assert before


def test_a_rejected_key_is_explained_and_affects_no_other_login(
    stack: Stack, route: str, tmp_path: Path
) -> None:
    """The explanation says what to do."""
    key = make_key(tmp_path / "stranger")
    bad = f"{route}-bad"
    stack.configure(stack.entry(route), stack.entry(bad, ssh_key_file=str(key)))
    said = refusal(stack, bad)
    assert f"does not accept the key {key}" in said
    assert "authorized_keys" in said
    assert stack.info(bad)["last_error"]["reason"] == "cluster_unreachable"
    assert stack.client.get(f"/{route}/echo").status_code == 200
    assert stack.info(route)["cluster_trouble"] is None


def test_a_login_recovers_once_its_key_is_accepted(
    stack: Stack, route: str, tmp_path: Path
) -> None:
    key = make_key(tmp_path / "late")
    stack.configure(stack.entry(route, ssh_key_file=str(key)))
    assert "does not accept the key" in refusal(stack, route)
    authorized = stack.cluster.spec.directory / "keys" / "authorized_keys"
    before = authorized.read_text()
    authorized.write_text(before + key.with_suffix(".pub").read_text())
    try:
        wait_for(
            "it answers", lambda: stack.client.get(f"/{route}/echo").status_code == 200, 30, 0.5
        )
    finally:
        authorized.write_text(before)


def test_a_wrong_port_is_said(stack: Stack, route: str) -> None:
    stack.configure(stack.entry(route, ssh_port=2))
    said = refusal(stack, route)
    assert "refused the connection to port 2" in said
    assert "ssh_port" in said


def test_a_pinned_host_key_is_accepted(
    stack: Stack, route: str, own_login: Path, tmp_path: Path
) -> None:
    pinned = tmp_path / "pinned"
    pinned.write_text(f"{stack.cluster.host_key}\n")
    keys = {"ssh_key_file": str(own_login), "known_hosts_file": str(pinned)}
    stack.configure(stack.entry(route, **keys))
    assert stack.client.get(f"/{route}/echo").status_code == 200


def test_a_host_that_is_not_pinned_is_refused(
    stack: Stack, route: str, own_login: Path, tmp_path: Path
) -> None:
    pinned = tmp_path / "pinned"
    pinned.write_text(f"elsewhere.example {stack.cluster.host_key.partition(' ')[2]}\n")
    keys = {"ssh_key_file": str(own_login), "known_hosts_file": str(pinned)}
    stack.configure(stack.entry(route, **keys))
    assert f"known_hosts_file {pinned} has no key of" in refusal(stack, route)


def test_a_changed_host_key_is_refused_naming_file_and_line(
    stack: Stack, route: str, own_login: Path, tmp_path: Path
) -> None:
    stack.configure(stack.entry(route))
    assert stack.client.get(f"/{route}/echo").status_code == 200  # recorded by now
    recorded = stack.directory / "var" / "known_hosts"
    before = recorded.read_text()
    recorded.write_text("# a comment\n" + wrong_host_key(stack, tmp_path))
    try:
        other = stack.entry(f"{route}-other", ssh_key_file=str(own_login))
        stack.configure(stack.entry(route), other)
        said = refusal(stack, f"{route}-other")
    finally:
        recorded.write_text(before)
    assert "has changed, so nothing was sent" in said
    assert f"delete line 2 of {recorded}" in said
    assert stack.client.get(f"/{route}/echo").status_code == 200


def test_a_jump_host_leads_to_the_cluster(stack: Stack, route: str, own_login: Path) -> None:
    cluster = stack.cluster
    jump = f"{cluster.ssh_user}@{cluster.ssh_host}:{cluster.ssh_port}"
    stack.configure(stack.entry(route, ssh_key_file=str(own_login), proxy_jump=jump))
    assert stack.client.post(f"/{route}/echo", content=b"far").json()["length"] == 3


def test_a_hanging_login_does_not_delay_services_of_another(stack: Stack, route: str) -> None:
    """Something accepts connections there, and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as silent:
        port = silent.getsockname()[1]
        hanging = [
            stack.entry(f"{route}-h{n}", remote_host="127.0.0.1", ssh_port=port) for n in range(9)
        ]
        stack.configure(stack.entry(route), *hanging)
        for entry in hanging:
            answer = httpx.get(
                f"{stack.url}/{entry['route_name']}/echo", headers={"Prefer": "wait=0"}
            )
            assert answer.status_code == 503
        begun = time.monotonic()
        assert stack.client.get(f"/{route}/echo").status_code == 200
        assert time.monotonic() - begun < 8
        assert stack.state(f"{route}-h0") == "queued"
