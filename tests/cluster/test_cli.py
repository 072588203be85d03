"""The operator's command line, on separate gateways."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from demo.cluster import Cluster
from service_management.cli import commands as cli
from service_management.gateway.nginx_program import binary, modules_dir
from service_management.gateway.process_table import is_running, pid_in_file
from service_management.native.env_file import make_secrets
from service_management.slurm.job_names import parse_job_name
from service_management.store import Store
from tests.stack.stack import ROOT, Stack
from tests.stack.waiting import wait_for

Done = subprocess.CompletedProcess[str]
ROUTES = (
    "check",
    "start",
    "stop",
    "restart",
    "enable",
    "disable",
    "logs",
    "abandon",
    "sbatch",
    "ssh",
)
OTHERS = ("add", "validate", "schema", "status", "up", "down")


@pytest.fixture
def fresh(cluster: Cluster, tmp_path: Path) -> Iterator[Stack]:
    """A gateway that is not running; whatever a test started of it ends."""
    stack = Stack(cluster, tmp_path, Path(tempfile.mkdtemp(prefix="io", dir="/run")))
    stack.write([])
    yield stack
    stack.client.close()
    if not nothing_left(stack):
        stack.down()
    assert nothing_left(stack)


def run(stack: Stack, *words: str, **environment: str) -> Done:
    argv = [sys.executable, "-m", "service_management.cli", *words]
    env = stack.environment | environment
    return subprocess.run(argv, env=env, cwd=ROOT, text=True, capture_output=True, check=False)


def refused(done: Done) -> str:
    """Its sentence: a mistake is answered without a traceback, on stderr, with exit code 1."""
    assert done.returncode == 1, done
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    return done.stderr


def processes_of(stack: Stack) -> list[str]:
    """Whatever has this gateway's run directory in its command line or its environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        ours = f"{stack.run_dir}/".encode() in command
        ours |= f"RUN_DIR={stack.run_dir}\0".encode() in environment
        if ours and is_running(int(process.name)):
            found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found


def nothing_left(stack: Stack) -> bool:
    return not processes_of(stack) and not stack.run_dir.exists()


# -- without a gateway --------------------------------------------------------------------


@pytest.mark.parametrize("command", [*ROUTES, *OTHERS])
def test_every_command_explains_itself(command: str) -> None:
    done = CliRunner().invoke(cli.app, [command, "--help"])
    assert done.exit_code == 0
    assert f"Usage: root {command}" in done.output
    assert ("route_name" in done.output) == (command in ROUTES)


def test_the_version_and_a_misspelt_command() -> None:
    version = CliRunner().invoke(cli.app, ["--version"])
    assert version.exit_code == 0
    assert version.output.strip()[0].isdigit()
    assert CliRunner().invoke(cli.app, ["stauts"]).exit_code == 2


def test_without_a_gateway_it_is_said(fresh: Stack) -> None:
    assert f"no gateway answers at {fresh.url}" in refused(run(fresh, "status"))


def test_what_is_not_a_gateway_is_not_taken_for_one(fresh: Stack, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(fresh.port)]
    with subprocess.Popen(argv, cwd=tmp_path, stderr=subprocess.DEVNULL) as other:
        try:
            wait_for("it listens", lambda: _listens(fresh.port))
            assert "is not the orchestrator's gateway" in refused(run(fresh, "status"))
            taken = refused(run(fresh, "up"))
            assert f"port {fresh.port} is taken by" in taken
            assert f"(process {other.pid})" in taken
            assert "NGINX_PORT" in taken
        finally:
            other.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"NGINX_PORT": "eighty"}, ("NGINX_PORT='eighty'", "whole number")),
        ({"STATE_DIR": "/proc/none"}, ("/proc/none",)),
        ({"RUN_DIR": "/run"}, ("RUN_DIR='/run'", "it contains something else")),
        ({"RUN_DIR": "/run/" + "x" * 90}, ("RUN_DIR", "bytes")),
        ({"DATABASE_URL": "postgresql+nothing://x"}, ("DATABASE_URL",)),
        ({"ADMIN_TOKEN": "two words"}, ("ADMIN_TOKEN",)),
        ({"NGINX_USER": "nobody-of-that-name"}, ("NGINX_USER", "no such user")),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    fresh: Stack,
    environment: dict[str, str],
    words: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in (fresh.environment | environment).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["orchestrator", "up"])
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    signal.signal(signal.SIGTERM, before)
    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert said.startswith("error: ")
    assert all(word in said for word in words), said


@pytest.mark.parametrize("hidden", [binary(), f"{modules_dir()}/ngx_http_lua_module.so"])
def test_what_is_missing_of_nginx_is_named(fresh: Stack, hidden: str) -> None:
    """In a mount namespace where it is hidden behind a device."""
    inner = f"mount --bind /dev/null {hidden} && {sys.executable} -m service_management.cli up"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", inner],
        env=fresh.environment,
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
    )
    assert "is not installed" in refused(done)


def test_a_zombie_is_not_taken_for_a_running_process(tmp_path: Path) -> None:
    child = subprocess.Popen(["sleep", "60"])
    file = tmp_path / "pid"
    file.write_text(f"{child.pid}\n")
    wait_for("sleep", lambda: pid_in_file(file, "sleep") == child.pid)
    assert pid_in_file(file, "supervisord") is None
    child.kill()
    wait_for("a zombie", lambda: pid_in_file(file) is None)
    child.wait()


def test_sbatch_prints_what_would_be_run_and_submits_nothing(fresh: Stack, route: str) -> None:
    entry = fresh.entry(route, env={"MODEL": "a b"}, sbatch_args=["--gres=gpu:1"])
    fresh.write([entry])
    words = shlex.split(run(fresh, "sbatch", route).stdout)
    assert words[:4] == ["env", "MODEL=a b", "sbatch", "--parsable"]
    named = next(word for word in words if word.startswith("--job-name="))
    name = parse_job_name(named.partition("=")[2])
    assert name is not None
    assert (name.prefix, name.route) == (fresh.identity, route)
    assert ("--gres=gpu:1" in words, words[-2], len(words[-1])) == (True, "probe.sh", 5)
    assert fresh.submissions(route) == 0
    assert f"Did you mean '{route}'?" in refused(run(fresh, "sbatch", f"{route}x"))


def test_the_printed_ssh_commands_work_by_hand(fresh: Stack, route: str) -> None:
    fresh.write([fresh.entry(route)])
    lines = run(fresh, "ssh", route).stdout.splitlines()
    use, check, login = (line for line in lines if not line.startswith("#"))
    subprocess.run(shlex.split(login), check=True, timeout=30, stderr=subprocess.DEVNULL)
    subprocess.run(shlex.split(check), check=True, timeout=30, stderr=subprocess.DEVNULL)
    argv = [*shlex.split(use), "id -un"]
    seen = subprocess.run(argv, check=True, timeout=30, text=True, capture_output=True)
    assert seen.stdout.strip() == fresh.cluster.ssh_user


def test_printing_the_ssh_commands_changes_nothing(fresh: Stack, route: str) -> None:
    fresh.write([fresh.entry(route)])
    before = run(fresh, "ssh", route).stdout
    (config,) = (fresh.run_dir / "ssh").glob("*.conf")
    seen = config.stat()
    assert run(fresh, "ssh", route).stdout == before
    assert config.stat() == seen
    config.unlink()
    os.chown(fresh.run_dir, 65534, -1)  # another user's gateway, and this user is root
    assert f"The gateway has not made {config} yet" in refused(run(fresh, "ssh", route))
    assert not config.exists()
    os.chown(fresh.run_dir, 0, -1)  # `down` leaves the files of others alone


def test_secrets_are_made_once_and_closed_to_others(tmp_path: Path) -> None:
    file, template = tmp_path / ".env", tmp_path / ".env_template"
    template.write_text("NGINX_PORT=8090\nADMIN_TOKEN=\nORCHESTRATOR_ID=\n")
    made = make_secrets(file, template, {})
    assert made == ["made ADMIN_TOKEN", "made ORCHESTRATOR_ID"]
    assert file.stat().st_mode & 0o777 == 0o600
    text = file.read_text()
    assert make_secrets(file, template, {}) == []
    assert file.read_text() == text
    file.write_text('export ADMIN_TOKEN = "mine"\nORCHESTRATOR_ID=io-x\n')
    file.chmod(0o644)
    assert make_secrets(file, template, {}) == ["closed it to other users (mode 600)"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert make_secrets(tmp_path / "new", template, {"ADMIN_TOKEN": "t"}) == [
        "made ORCHESTRATOR_ID"
    ]


# -- with a gateway -----------------------------------------------------------------------


def test_status_fits_80_columns_and_explains_in_one_sentence(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service(timeout=60)
    cold = run(stack, "status", COLUMNS="80").stdout
    assert "a request starts it" in " ".join(cold.split())
    stack.client.get(f"/{route}/echo")
    table = run(stack, "status", COLUMNS="80").stdout
    assert all(len(line) <= 80 for line in table.splitlines())
    row = table.partition(f"\n{route} ")[2].splitlines()[0]
    assert row.split()[0] == "ready"
    assert stack.jobs(route)[0]["id"] in row
    assert "\x1b" not in table
    one = run(stack, "status", route).stdout
    assert "state       ready" in one
    assert one.count("\nevent ") >= 3
    assert json.loads(run(stack, "status", route, "--json").stdout)["state"] == "ready"


def test_commands_wait_if_asked_and_exit_codes_show_the_result(stack: Stack, route: str) -> None:
    broken = f"{route}-broken"
    stack.configure(stack.entry(route), stack.entry(broken, env={"CRASH_AT_START": "3"}))
    started = run(stack, "start", route, "--wait")
    assert started.returncode == 0
    assert started.stdout.splitlines()[-1] == f"{route}: ready"
    assert "listening on port" in run(stack, "logs", route).stdout
    stopped = run(stack, "stop", route, "--wait", "--json")
    assert json.loads(stopped.stdout) == {"service": route, "state": "cold"}
    failed = run(stack, "start", broken, "--wait")
    assert failed.returncode == 1
    assert "exit code 3" in failed.stdout


def test_a_wrong_token_and_a_wrong_name_are_explained(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service()
    assert "ADMIN_TOKEN" in refused(run(stack, "start", route, ADMIN_TOKEN="wrong"))
    assert f"Did you mean '{route}'?" in refused(run(stack, "start", f"{route}x"))
    assert "No service has the route" in refused(run(stack, "status", "a/../b c?"))
    run(stack, "disable", route)
    assert "enable it first" in refused(run(stack, "start", route))


def test_up_and_down_can_be_repeated(fresh: Stack, route: str) -> None:
    """The second `up` starts nothing, the second `down` finds nothing left."""
    fresh.write([fresh.entry(route)])
    assert f"answers at {fresh.url}" in run(fresh, "up").stdout
    supervisor = (fresh.run_dir / "supervisord.pid").read_text()
    assert "already running" in run(fresh, "up").stdout
    assert (fresh.run_dir / "supervisord.pid").read_text() == supervisor
    assert fresh.client.get(f"/{route}/echo").status_code == 200
    down = run(fresh, "down")
    assert down.returncode == 0, down
    assert f"cancelling the job of {route}" in down.stdout
    assert not fresh.jobs(route)
    assert nothing_left(fresh)
    assert run(fresh, "down").returncode == 0


def test_ctrl_c_while_coming_up_leaves_nothing_running(fresh: Stack) -> None:
    argv = [sys.executable, "-m", "service_management.cli", "up"]
    coming = subprocess.Popen(argv, env=fresh.environment, cwd=ROOT, stdout=subprocess.DEVNULL)
    wait_for("supervisord", (fresh.run_dir / "supervisord.pid").exists, 20, pause=0.01)
    coming.send_signal(signal.SIGINT)
    assert coming.wait(60) != 0
    assert nothing_left(fresh)


def test_with_an_invalid_file_at_start_the_last_valid_one_serves(fresh: Stack, route: str) -> None:
    """The command says what is wrong with the file."""
    fresh.config.write_text('{"Services": [{"nmae": 1}]}')
    done = run(fresh, "up")
    assert done.returncode == 0
    assert "no service is served until it is corrected" in done.stdout
    assert "nearest valid: name" in done.stdout
    info = fresh.info()
    assert (info["services"], bool(info["config_error"])) == ([], True)

    fresh.write([fresh.entry(route)])
    wait_for("repaired", lambda: not fresh.info()["config_error"], 10)
    assert run(fresh, "down").returncode == 0
    store = Store(f"sqlite:///{fresh.directory}/var/state.db")
    store.note("catalogue", [*store.noted("catalogue"), '{"name": "no longer valid"}'])
    store.close()
    fresh.config.write_text("{")
    done = run(fresh, "up")
    assert "the last valid version is served (1 service)" in done.stdout
    assert fresh.client.get(f"/{route}/echo").status_code == 200
    assert fresh.info()["config_version"]
    assert "not valid" in run(fresh, "status").stderr
    assert "a stored service is no longer valid and is left out" in fresh.log()


def test_down_cleans_up_after_a_killed_supervisor(fresh: Stack, route: str) -> None:
    """Processes and jobs end; the store names the jobs."""
    fresh.up()
    fresh.configure(fresh.entry(route))
    assert fresh.client.get(f"/{route}/echo").status_code == 200
    kill_everything(fresh)
    assert fresh.jobs(route)
    down = run(fresh, "down")
    assert down.returncode == 0, down
    assert "from the store's records" in down.stdout
    assert not fresh.jobs(route)
    assert nothing_left(fresh)
    run(fresh, "up")
    assert fresh.state(route) == "cold"


def kill_everything(stack: Stack) -> None:
    """The supervisor first, or it would start the others again; nginx's workers go on."""
    for name in ("supervisord.pid", "nginx/nginx.pid"):
        os.kill(int((stack.run_dir / name).read_text()), signal.SIGKILL)
    stack.kill_control_plane()
    wait_for("the control plane is gone", lambda: not stack.control_pids())


def test_a_control_plane_of_another_gateway_is_left_alone(stack: Stack, fresh: Stack) -> None:
    before, port = stack.control_pids(), str(stack.flask_port)
    taken = refused(run(fresh, "up", ML_SERVICE_FLASK_PORT=port))
    assert f"port {port} is taken by" in taken
    assert run(fresh, "down", ML_SERVICE_FLASK_PORT=port).stdout == "• stopped\n"
    assert stack.control_pids() == before


def test_down_names_jobs_that_may_be_left_on_the_cluster(fresh: Stack, route: str) -> None:
    """The cluster refuses the command that would cancel them."""
    fresh.up()
    fresh.configure(fresh.entry(route))
    fresh.client.get(f"/{route}/echo")
    job = fresh.jobs(route)[0]["id"]
    kill_everything(fresh)
    for control in (fresh.run_dir / "ssh").glob("*.ctl"):
        config = str(control.with_suffix(".conf"))
        argv = ["ssh", "-F", config, "-O", "exit", "shared"]
        subprocess.run(argv, check=False, capture_output=True)
    authorized = fresh.cluster.spec.directory / "keys" / "authorized_keys"
    hidden = authorized.rename(authorized.with_name("hidden"))
    try:
        said = refused(run(fresh, "down"))
    finally:
        hidden.rename(authorized)
    assert job in said
    assert "does not accept the key" in said
    assert "scancel" in said
    assert nothing_left(fresh)
    assert run(fresh, "down").returncode == 0
    wait_for("cancelled the second time", lambda: not fresh.jobs(route), 5)
