"""What the documentation says about failing first calls, and about restricted keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from demo import machine
from tests.docs.pages import rows, section, ticked
from tests.stack.stack import Stack
from tests.stack.waiting import wait_for

GUIDE, TROUBLESHOOTING = "docs/operator.md", "docs/troubleshooting.md"
FIXED_PORT = 18999

# What is wrong → the sentence in the troubleshooting page.
MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "user": ({"ssh_username": "nobody-here"}, "does not accept the key"),
    "port": ({"ssh_port": 1}, "refused the connection to port"),
    "pinned": ({"known_hosts_file": "{empty}"}, "has no key of"),
    "partition": ({"sbatch_args": ["--partition=gpuu"]}, "Invalid partition name specified"),
    "script": ({"bash_file": "helo.sh"}, "Unable to open file"),
    "crash": ({"env": {"CRASH_AT_START": "3"}}, "the job ended before the service became healthy"),
    "path": (
        {"check_health_path": "/status?code=404", "startup_timeout": 2},
        "was not healthy within startup_timeout",
    ),
}


def sentences() -> list[str]:
    table = rows(section(TROUBLESHOOTING, "What SSH and Slurm say"))
    return [line for row in table for line in ticked(row[0])]


def test_first_call_errors_are_explained(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    entries = []
    for name, (keys, _) in MISTAKES.items():
        filled = {k: str(tmp_path / "empty") if v == "{empty}" else v for k, v in keys.items()}
        entries.append(stack.entry(name, **filled))
    stack.configure(*entries)

    with ThreadPoolExecutor(len(MISTAKES)) as pool:
        answers = dict(zip(MISTAKES, pool.map(_first_call(stack), MISTAKES), strict=True))

    for name, (_, words) in MISTAKES.items():
        assert answers[name]["title"] == "The service could not be started"
        assert words.lower() in stack.details(name)["text"].lower()
        assert [line for line in sentences() if words.lower() in line.lower()], words


def _first_call(stack: Stack) -> Callable[[str], dict[str, Any]]:
    def call(name: str) -> dict[str, Any]:
        answer = stack.client.get(f"/{name}/echo")
        assert answer.status_code == 503
        problem: dict[str, Any] = answer.json()
        return problem

    return call


def key_options() -> list[str]:
    options = [ticked(row[0])[0] for row in rows(section(GUIDE, "What the key can do"))]
    return [option.replace("8000", str(FIXED_PORT)) for option in options]


@pytest.fixture
def login_with(stack: Stack, tmp_path: Path) -> Iterator[Callable[[str], dict[str, Any]]]:
    """A new key, authorized with these options; returns the configuration keys that use it."""
    key = tmp_path / "key"
    machine.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)])
    authorized = stack.cluster.home / ".ssh" / "authorized_keys"

    def let_in(options: str) -> dict[str, Any]:
        authorized.parent.mkdir(exist_ok=True)
        authorized.write_text(f"{options} {key.with_suffix('.pub').read_text()}")
        return {"ssh_key_file": str(key), "remote_port": FIXED_PORT}

    yield let_in
    authorized.unlink(missing_ok=True)


def test_a_key_restricted_as_in_the_guide_is_sufficient(
    service: Callable[..., str], stack: Stack, login_with: Callable[[str], dict[str, Any]]
) -> None:
    options = ",".join(key_options())
    options = options.replace("192.0.2.10", stack.cluster.spec.login.gateway)
    route = service(**login_with(options))

    assert stack.client.get(f"/{route}/echo").status_code == 200
    assert stack.client.get(f"/{route}/echo").status_code == 200


def test_a_jump_host_needs_no_more_than_the_guide_says(
    service: Callable[..., str], stack: Stack, login_with: Callable[[str], dict[str, Any]]
) -> None:
    """Both hosts read the same authorized_keys here, so the service's port is allowed as well."""
    cluster, node = stack.cluster, stack.cluster.spec.nodes[0]
    jump = f'permitopen="{node.address}:22"'
    keys = login_with(f'restrict,port-forwarding,{jump},permitopen="*:{FIXED_PORT}"')
    through = {"remote_host": node.address, "ssh_port": 22}
    route = service(proxy_jump=f"{cluster.ssh_user}@{cluster.ssh_host}", **keys, **through)

    assert stack.client.get(f"/{route}/echo").status_code == 200


@pytest.mark.parametrize("options", ["restrict", 'restrict,port-forwarding,permitopen="*:1"'])
def test_a_key_without_tunnels_starts_jobs_that_never_get_ready(
    service: Callable[..., str],
    stack: Stack,
    login_with: Callable[[str], dict[str, Any]],
    options: str,
) -> None:
    route = service(startup_timeout=2, **login_with(options))

    answer = stack.client.get(f"/{route}/echo")

    assert answer.status_code == 503
    assert "not healthy within startup_timeout" in answer.json()["detail"]
    wait_for("the job is cancelled", lambda: not stack.jobs(route))
