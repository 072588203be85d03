"""`orchestrator add`: questions, options, and what it leaves in the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from typer.testing import CliRunner

from service_management import settings
from service_management.atomic_files import write_private
from service_management.cli.commands import app
from service_management.cli.entry_draft import Draft
from service_management.native.waiting import NativeError

Run = Callable[..., Result]
CLUSTER = {
    "ssh_username": "jo",
    "remote_host": "login.example",
    "ssh_port": 2222,
    "ssh_key_file": "id_cluster",
    "proxy_jump": "gate.example",
    "timeout": 90,
    "sbatch_args": ["--account=ml", "--partition=gpu", "--gpus=2"],
}
FIRST = {
    "name": "First",
    "route_name": "first",
    "bash_file": "run.sh",
    "remote_port": 8000,
    "check_health_path": "/ok",
    "api_paths": ["/"],
}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    directory = tmp_path / "keys"
    directory.mkdir()
    text = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()
    )
    write_private(directory / "id_cluster", text.decode())
    return directory


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "services.json"


@pytest.fixture
def add(file: Path, keys: Path) -> Run:
    environment = {"SERVICES_CONFIG": str(file), "ML_SERVICE_SSH_BIND_MOUNT": str(keys)}

    def run(*words: str, typed: str = "") -> Result:
        return CliRunner().invoke(app, ["add", *words], input=typed, env=environment)

    return run


def services(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(file.read_text())["Services"]
    return found


def test_each_answer_is_checked_until_it_is_valid(add: Run, file: Path, keys: Path) -> None:
    write_private(keys / "id_cluster2", (keys / "id_cluster").read_text())  # near as well
    lines = ["my model", "", "", "jo", "jo@login.example", "id_clutser", "", "-" * 2000]
    done = add(
        typed="\n".join([*lines, "run.sh", "", "", "", "10m", "60", "gpu", "a100:2", "y", ""])
    )
    assert done.exit_code == 0, done.output
    assert services(file) == [
        {
            "name": "My model",
            "route_name": "my-model",
            "ssh_username": "jo",
            "remote_host": "login.example",
            "ssh_key_file": "id_cluster",
            "bash_file": "run.sh",
            "remote_port": "auto",
            "sbatch_args": ["--partition=gpu", "--gres=gpu:a100:2"],
            "check_health_path": "/health",
            "api_paths": ["/"],
            "timeout": 60,
        }
    ]
    for said in ('nearest valid: "my-model"', "beginning with a letter", "there is no", '"10m"'):
        assert said in done.stderr
    assert "orchestrator check my-model" in done.stdout
    assert "curl -i http://127.0.0.1:8090/my-model/" in done.stdout


@pytest.mark.parametrize("place", ["Defaults", "Services"])
def test_the_other_entries_say_what_is_proposed(add: Run, file: Path, place: str) -> None:
    defaults, first = (CLUSTER, FIRST) if place == "Defaults" else ({}, {**FIRST, **CLUSTER})
    before = json.dumps({"Defaults": defaults, "Services": [first]}, indent=4)
    file.write_text(before)
    file.chmod(0o640)
    done = add("--route-name=second", "--bash-file=b.sh", "--gpus=4", "--yes")
    assert done.exit_code == 0, done.output
    new = services(file)[1]
    assert {**defaults, **new} == {
        **CLUSTER,
        "name": "Second",
        "route_name": "second",
        "bash_file": "b.sh",
        "remote_port": "auto",
        "sbatch_args": ["--partition=gpu", "--gpus=4", "--account=ml"],
        "check_health_path": "/ok",
        "api_paths": ["/"],
    }
    assert not [key for key, value in new.items() if defaults.get(key) == value]
    assert file.read_text().startswith(before.rstrip("\n ]}"))
    assert file.stat().st_mode & 0o777 == 0o640
    other = add("--route-name=third", "--bash-file=b.sh", "--login=jo@elsewhere", "--yes")
    assert other.exit_code == 0, other.output
    assert "proxy_jump" not in services(file)[2]


def test_what_is_inherited_may_be_any_valid_value(add: Run, file: Path) -> None:
    defaults = {**CLUSTER, "timeout": 1_000_000, "api_paths": ["/v1/*"]}
    file.write_text(json.dumps({"Defaults": defaults, "Services": []}))
    done = add("--route-name=x", "--bash-file=b.sh", "--api-paths=/v1/*", "--yes")
    assert done.exit_code == 0, done.output
    assert not {"timeout", "api_paths"} & services(file)[0].keys()
    assert "curl -i http://127.0.0.1:8090/x/v1/\n" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--route-name=first",),
            'must be unique; it is already the route of First (nearest valid: "first-2")',
        ),
        (("--route-name=x", "--timeout=10m"), 'timeout = "10m": must be a number of seconds'),
        (("--route-name=x", "--sbatch-arg=--wrap=y"), "must not set --wrap"),
        (("--route-name=x", "--proxy-jump=a b"), "proxy_jump = "),
        ((), "--route-name must be given"),
    ],
)
def test_what_is_not_valid_is_not_written(
    add: Run, file: Path, words: tuple[str, ...], said: str
) -> None:
    file.write_text(json.dumps({"Defaults": CLUSTER, "Services": [FIRST]}))
    before = file.read_bytes()
    done = add(*words, "--bash-file=b.sh", "--yes")
    assert done.exit_code == 1
    assert said in str(done.exception)
    assert file.read_bytes() == before


def test_an_invalid_file_is_corrected_first(add: Run, file: Path) -> None:
    file.write_text('{"Services": [{"nmae": 1}]}')
    assert "is not valid; correct it first" in str(add("--yes").exception)


@pytest.mark.parametrize(("words", "typed"), [(("--print",), ""), ((), "no\n"), ((), "")])
def test_nothing_is_written_unasked(
    add: Run, file: Path, words: tuple[str, ...], typed: str
) -> None:
    file.write_text(json.dumps({"Defaults": CLUSTER, "Services": [FIRST]}))
    before = file.read_bytes()
    answers = "second\n\n\n\nb.sh" + "\n" * 7
    done = add(*words, typed=answers + typed)
    assert file.read_bytes() == before
    if words:
        assert json.loads(done.stdout)["route_name"] == "second"
    else:
        assert "nothing was written" in str(done.exception)


def test_a_default_that_does_not_fit_is_named(add: Run, file: Path) -> None:
    """No question is about its key."""
    file.write_text(json.dumps({"Defaults": {**CLUSTER, "min_replicas": 2}, "Services": []}))
    done = add("--route-name=x", "--bash-file=b.sh", "--yes")
    assert "min_replicas = 2: must not be more than max_replicas" in str(done.exception)
    assert services(file) == []


def test_a_file_that_was_edited_meanwhile_is_left(file: Path) -> None:
    file.write_text('{"Services": []}')
    draft = Draft.of(settings.read({"SERVICES_CONFIG": str(file)}), {})
    file.write_text('{"Services": [ ]}')
    with pytest.raises(NativeError, match="was changed meanwhile"):
        draft.write()
    assert file.read_text() == '{"Services": [ ]}'
