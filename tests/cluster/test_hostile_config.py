"""Whatever the configuration's author writes arrives at the job as it is, or is refused:
nothing is executed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stack.stack import Stack
from tests.stack.waiting import wait_for

NASTY = (
    "';touch {mark};'",
    '"; touch {mark}; "',
    "$(touch {mark})",
    "`touch {mark}`",
    "${{IFS}}|touch {mark}",
    "&& touch {mark} #",
    "{{ return 200; }}",
    "$request_uri $http_cookie",
    "{{{{7*7}}}}{{% raw %}}",
    "../../../etc/passwd",
    "%0d%0aX-Injected: 1",
    "é ü 漢字 🦀",
    "\\'\\\"\\\\",
    "~root *  ?[a]",
    "-rf --",
)


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[Path]:
    """A file that only an executed value would make. Any user may make it."""
    directory = Path("/tmp") / f"io-hostile-{tmp_path.name}-{time.time_ns()}"
    directory.mkdir()
    directory.chmod(0o777)
    yield directory / "executed"
    left = list(directory.iterdir())
    for file in left:
        file.unlink()
    directory.rmdir()
    assert not left


def nasty(mark: Path) -> list[str]:
    return [text.format(mark=mark) for text in NASTY]


def test_hostile_env_arguments_and_name_reach_the_job_unchanged(
    stack: Stack, route: str, mark: Path
) -> None:
    values = [*nasty(mark), "two\nlines\r\n\tand a tab", " ", "", "'", '"', "\\", "a" * 5000]
    env = {f"V_{number}": value for number, value in enumerate(values)}
    comment = " ".join(nasty(mark))
    stack.configure(
        stack.entry(
            route,
            name=comment[:100],
            env=env,
            sbatch_args=[f"--comment={comment}", "-A", f"$(touch {mark})'\""],
        )
    )

    seen = stack.client.get(f"/{route}/env").json()

    assert {name: seen["environment"].get(name) for name in env} == env
    shown = stack.cluster.run(f"scontrol show job {seen['job_id']}")
    assert f"Comment={comment}" in shown
    assert f"Account=$(touch {mark})'\"" in shown
    assert stack.info(route)["name"] == comment[:100]


SCRIPTS = (
    "my probe.sh",
    'it\'s "it".sh',
    "$(touch {mark}).sh",
    "a;touch {mark};.sh",
    "漢🦀 `x`.sh",
)


def test_script_of_a_hostile_name_is_run_and_nothing_else(
    stack: Stack, route: str, mark: Path
) -> None:
    entries = []
    for number, template in enumerate(SCRIPTS):
        name = template.format(mark=mark)
        script = stack.cluster.home / name
        script.parent.mkdir(parents=True, exist_ok=True)  # a slash in the name is a directory
        script.write_text((stack.cluster.home / "probe.sh").read_text())
        entries.append(stack.entry(f"{route}n{number}", bash_file=name))
    stack.configure(*entries)

    for entry in entries:
        answer = stack.client.get(f"/{entry['route_name']}/echo")
        assert answer.status_code == 200, answer.text


REFUSED = (
    ("bash_file", "--wrap=touch x"),
    ("name", "two\nlines"),
    ("sbatch_args", ["--comment=a\nb"]),
    ("env", {"A;touch x": "1"}),
    ("env", {"A": "nul\0"}),
    ("api_paths", ["/a;} location / { return 200; }"]),
    ("route_name", "a/../b"),
    ("check_health_path", "/health\r\nX-Injected: 1"),
    ("local_host", "127.0.0.1; include /etc/passwd"),
    ("ssh_username", "-oProxyCommand=touch x"),
    ("ssh_key_file", "$(touch x)"),
    ("proxy_jump", "a,-oProxyCommand=touch x"),
)


def test_hostile_values_are_refused_and_change_nothing(
    stack: Stack, service: Callable[..., str]
) -> None:
    route, before = service(), stack.log("nginx")
    good = stack.entry(route)
    for number, (key, value) in enumerate(REFUSED):
        label = f"bad-{number}"
        bad = {**stack.entry("other"), "name": label, "local_port": 9, "local_host": "127.0.0.1"}
        stack.write([good, {**bad, key: value}])

        reported = "two" if key == "name" else label
        wait_for(
            "the refusal", lambda reported=reported, key=key: refused(stack, reported, key), 10
        )
        assert [each["route_name"] for each in stack.info()["services"]] == [route]
    assert "[emerg]" not in stack.log("nginx").removeprefix(before)
    stack.write([good])
    wait_for("the good file", lambda: stack.info()["config_error"] is None, 10)


def refused(stack: Stack, label: str, key: str) -> bool:
    error = stack.info()["config_error"] or {"problems": []}
    reported = [problem for problem in error["problems"] if problem["service"].startswith(label)]
    return bool(reported) and all(problem["key"].startswith(key) for problem in reported)
