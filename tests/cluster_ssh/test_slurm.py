"""The Slurm client on a real Slurm behind a real sshd."""

from __future__ import annotations

import shutil
import socket
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from demo.cluster import Cluster
from service_management.lifecycle.findings import Listening
from service_management.lifecycle.job_views import JobEnd, JobPhase, JobView
from service_management.slurm.client import SlurmClient
from service_management.slurm.outcomes import (
    Accepted,
    NotSubmitted,
    Rejected,
    StillThere,
    Unknown,
)
from service_management.slurm.sbatch import SubmitSpec, submit_script
from service_management.ssh.login import Login
from service_management.ssh.openssh.openssh_backend import OpenSshBackend
from tests.cluster_ssh.conftest import logged_in
from tests.cluster_ssh.sshd import wait_until
from tests.stack.stalled_mount import stalled


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    directory = Path(tempfile.mkdtemp(prefix="orc-"))
    directory.chmod(0o755)  # the login user goes through it to its home
    made = Cluster.up("host", directory)
    made.write_script("sleep.sh", "#!/bin/sh\necho started on $1\nexec sleep 300\n")
    try:
        yield made
    finally:
        made.down()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def connection(cluster: Cluster) -> Iterator[object]:
    directory = Path(tempfile.mkdtemp(prefix="orc-"))
    backend = OpenSshBackend(directory / "run", directory / "state")
    login = Login(cluster.ssh_user, cluster.ssh_host, cluster.ssh_port, str(cluster.key_file))
    yield backend.connection(login)
    backend.close_all()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def client(cluster: Cluster, connection) -> Iterator[SlurmClient]:
    yield SlurmClient(connection, squeue_interval=0.1)
    cluster.cancel_all()


def spec(bash_file: str = "~/sleep.sh", *args: str, **env: str) -> SubmitSpec:
    return SubmitSpec(f"orc.demo.v1.0.8000.{uuid.uuid4().hex[:8]}", bash_file, 8000, args, env)


def submitted(client: SlurmClient, job: SubmitSpec) -> str:
    outcome = client.submit(job)
    assert isinstance(outcome, Accepted), outcome
    return outcome.job_id


def view(client: SlurmClient, job_id: str) -> JobView | None:
    jobs = client.queue()
    assert not isinstance(jobs, Unknown), jobs
    return next((job for job in jobs if job.job_id == job_id), None)


def running(client: SlurmClient, job_id: str) -> JobView:
    def phase() -> object:
        job = view(client, job_id)
        return job is not None and job.phase is JobPhase.RUNNING

    wait_until(phase, 15)
    seen = view(client, job_id)
    assert seen is not None
    return seen


def ended(client: SlurmClient, job_id: str) -> JobEnd:
    wait_until(lambda: isinstance(client.post_mortem(job_id), JobEnd), 15)
    end = client.post_mortem(job_id)
    assert isinstance(end, JobEnd)
    return client.with_output(end, "run.sh")


def output(client: SlurmClient, job_id: str) -> str:
    part = client.output(job_id, 5)
    return "" if isinstance(part, Unknown) else part.text


def found(client: SlurmClient, name: str) -> JobView | None:
    answer = client.find([name])
    assert not isinstance(answer, Unknown), answer
    return answer[name]


def test_a_job_is_submitted_seen_running_and_cancelled(client: SlurmClient) -> None:
    job = spec()
    job_id = submitted(client, job)
    seen = running(client, job_id)
    assert (seen.name, seen.state, seen.reason) == (job.job_name, "RUNNING", "")
    assert seen.node == "demo1"
    assert seen.estimated_start is not None
    assert seen.end_time == pytest.approx(seen.estimated_start + 3600)
    assert isinstance(client.post_mortem(job_id), StillThere)
    wait_until(lambda: output(client, job_id) == "started on 8000\n")
    assert client.cancel([job_id]) is True
    assert ended(client, job_id).state == "CANCELLED"
    assert client.cancel([job_id]) is True


def test_a_waiting_job_has_a_reason_and_perhaps_an_estimate(client: SlurmClient) -> None:
    for _ in range(2):
        running(client, submitted(client, spec("sleep.sh", "--gres=gpu:2")))
    waiting = submitted(client, spec("sleep.sh", "--gres=gpu:2"))
    wait_until(lambda: (job := view(client, waiting)) and job.reason == "Resources")
    seen = view(client, waiting)
    assert seen is not None
    assert (seen.phase, seen.node) == (JobPhase.WAITING, "")
    wait_until(lambda: (job := view(client, waiting)) and job.estimated_start is not None)


def test_a_crashed_job_leaves_its_exit_code_and_last_lines(client, cluster) -> None:
    cluster.write_script(
        "crash.sh", "#!/bin/sh\nseq 100\nprintf '\\033[31mred\\033[0m\\n'; echo oops >&2; exit 3\n"
    )
    end = ended(client, submitted(client, spec("~/crash.sh")))
    assert (end.state, end.exit_code, end.signal, end.node) == ("FAILED", 3, None, "demo1")
    assert end.reason == "NonZeroExitCode"
    assert end.output[-3:] == ("100", "red", "oops")
    assert len(end.output) == 30
    assert Path(end.output_file).is_file()


def test_stderr_in_a_separate_file_is_shown_too(client, cluster) -> None:
    cluster.write_script("two.sh", "#!/bin/sh\necho out; echo err >&2; exit 1\n")
    job = spec("two.sh", "--output=two words-%j.out", "--error=two words-%j.err")
    assert ended(client, submitted(client, job)).output == ("out", "err")


def test_a_rejection_quotes_slurm(client: SlurmClient) -> None:
    outcome = client.submit(spec("sleep.sh", "--partition=none"))
    assert isinstance(outcome, Rejected)
    assert "Invalid partition name specified" in outcome.message


@pytest.mark.parametrize(
    ("job", "words"),
    [(spec("missing.sh"), "Unable to open file"), (spec("sleep.sh", "--bogus"), "unrecognized")],
)
def test_what_sbatch_itself_refuses_is_a_rejection(client, job: SubmitSpec, words: str) -> None:
    outcome = client.submit(job)
    assert isinstance(outcome, Rejected)
    assert words in outcome.message


def test_hostile_values_reach_the_job_as_they_are(client, cluster) -> None:
    value = "it's $(touch /tmp/orc-pwned) `id` \"; rm -rf \\ \n %j {} ü 日本"
    cluster.write_script("echo $x;'.sh", '#!/bin/sh\nprintf "%s" "$V" > "$HOME/seen"\n')
    job_id = submitted(client, spec("~/echo $x;'.sh", V=value))
    assert ended(client, job_id).state == "COMPLETED"
    assert (cluster.home / "seen").read_text() == value


@pytest.fixture
def slow_sbatch(cluster: Cluster) -> Iterator[Path]:
    """Gives the file that appears when it has been called."""
    programs, asked, profile = (cluster.home / name for name in ("bin", "asked", ".bashrc"))
    programs.mkdir()
    wrapper = '#!/bin/sh\ntouch "$HOME/asked"\nsleep 1\nexec /usr/bin/sbatch "$@"\n'
    cluster.write_script("bin/sbatch", wrapper)
    profile.write_text('PATH="$HOME/bin:$PATH"\n')
    yield asked
    shutil.rmtree(programs)
    profile.unlink()


def test_values_of_env_are_in_no_process_list(client, cluster, slow_sbatch: Path) -> None:
    """While sbatch runs on the login node, any account there can look."""
    cluster.write_script("env.sh", '#!/bin/sh\necho "$API_TOKEN"\n')
    with ThreadPoolExecutor() as pool:
        submitting = pool.submit(client.submit, spec("env.sh", API_TOKEN="hunter2"))
        wait_until(slow_sbatch.exists)
        commands = process_list()
        outcome = submitting.result()
    assert isinstance(outcome, Accepted), outcome
    assert ended(client, outcome.job_id).output == ("hunter2",)
    assert any("bin/sbatch" in command for command in commands)
    assert not [command for command in commands if "hunter2" in command]


def process_list() -> list[str]:
    commands = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            commands.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return commands


def test_an_end_is_known_while_its_output_cannot_be_read(client, cluster) -> None:
    """And neither squeue nor sbatch of the same login runs out of sessions."""
    directory = cluster.home / "stalled"
    directory.mkdir()
    directory.chmod(0o777)
    cluster.write_script("crash.sh", "#!/bin/sh\nexit 3\n")
    job_id = submitted(client, spec("crash.sh", "--output=stalled/%j.out"))
    wait_until(lambda: isinstance(client.post_mortem(job_id), JobEnd), 15)
    with stalled(directory):
        end = client.post_mortem(job_id)
        assert isinstance(end, JobEnd)
        assert (end.state, end.exit_code) == ("FAILED", 3)
        assert [client.with_output(end, "run.sh").output for _ in range(20)] == [()] * 20
        assert isinstance(client.output(job_id, 5), Unknown)
        readers = [command for command in process_list() if f"stalled/{job_id}.out" in command]
        assert len([command for command in readers if command.startswith("/bin/sh")]) == 1
        assert isinstance(client.queue(), list)
        running(client, submitted(client, spec()))


def test_a_job_does_not_inherit_the_settings_of_queries(client, cluster) -> None:
    cluster.write_script("env.sh", '#!/bin/sh\necho "[$TZ] [$LC_ALL] [$SLURM_TIME_FORMAT]"\n')
    assert ended(client, submitted(client, spec("env.sh"))).output == ("[] [] []",)


def test_a_script_that_arrives_too_late_submits_nothing(client, connection) -> None:
    job = spec()
    result = connection.run(submit_script(job, 1000.0, 10), 10)
    assert result.exit_code == 75
    assert found(client, job.job_name) is None


def test_an_unknown_job_has_ended_with_an_unknown_state(client: SlurmClient) -> None:
    assert client.post_mortem("99999") == JobEnd("99999", "UNKNOWN")
    assert found(client, "orc.none.0.1.x") is None
    assert client.cancel(["99999"]) is True


def test_find_sees_running_and_finished_jobs(client: SlurmClient) -> None:
    job = spec()
    job_id = submitted(client, job)
    running(client, job_id)
    seen = found(client, job.job_name)
    assert seen is not None
    assert (seen.job_id, seen.phase) == (job_id, JobPhase.RUNNING)
    client.cancel([job_id])
    ended(client, job_id)
    both = client.find([job.job_name, "orc.none.0.1.x"])
    assert isinstance(both, dict)
    assert both["orc.none.0.1.x"] is None
    assert (seen := both[job.job_name]) is not None
    assert (seen.job_id, seen.phase) == (job_id, JobPhase.ENDED)


def test_a_node_on_the_login_host_is_reached_over_loopback(client: SlurmClient) -> None:
    assert client.node_address("demo1") == "127.0.0.1"
    assert isinstance(client.node_address("nowhere"), Unknown)


def test_login_noise_is_ignored(client: SlurmClient, cluster: Cluster) -> None:
    cluster.set_login_noise(True)
    try:
        job_id = submitted(client, spec())
        assert running(client, job_id).job_id == job_id
        assert isinstance(client.post_mortem(job_id), StillThere)
    finally:
        cluster.set_login_noise(False)


def test_a_port_of_a_job_is_known_and_who_listens_on_it(client, cluster) -> None:
    cluster.write_script("listen.sh", "#!/bin/sh\nexec python3 -m http.server $1\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    job = replace(spec("listen.sh"), port=port)
    seen = running(client, submitted(client, job))
    assert client.submitted_port(seen.job_id) == port

    def users() -> frozenset[int]:
        found = client.listeners(seen.job_id, seen.node, port)
        assert not isinstance(found, Unknown), found
        assert not found.strangers
        return found.users

    wait_until(lambda: users() == {cluster.spec.uid}, 15)
    listening = (Listening("0.0.0.0", port),)
    assert client.job_sockets(seen.job_id, seen.node, port) == listening
    assert client.job_sockets(seen.job_id, seen.node, port + 1) == listening  # by its processes


def test_another_jobs_odd_name_is_parsed(client: SlurmClient, cluster: Cluster) -> None:
    cluster.run("sbatch --job-name='a|b|RUNNING %i' sleep.sh 1")
    job_id = submitted(client, spec())
    assert view(client, job_id) is not None
    jobs = client.queue()
    assert not isinstance(jobs, Unknown)
    assert "a|b|RUNNING %i" in {job.name for job in jobs}


def test_a_silent_slurmctld_leaves_everything_unknown(
    client: SlurmClient, cluster: Cluster, connection
) -> None:
    hasty = SlurmClient(connection, timeout=3)
    job = spec()
    running_id = submitted(client, spec())
    cluster.freeze_slurmctld()
    try:
        assert isinstance(hasty.submit(job), Unknown)
        assert isinstance(hasty.queue(), Unknown)
        assert isinstance(hasty.find([job.job_name]), Unknown)
        assert isinstance(hasty.post_mortem(running_id), Unknown)
        assert isinstance(hasty.cancel([running_id]), Unknown)
        assert isinstance(hasty.node_address("demo2"), Unknown)
    finally:
        cluster.thaw_slurmctld()
    wait_until(lambda: found(client, job.job_name) is not None, 15)


def test_a_silent_login_node_keeps_its_connection(
    client: SlurmClient, cluster: Cluster, connection
) -> None:
    hasty = SlurmClient(connection, timeout=1)
    assert not isinstance(client.queue(), Unknown)
    master = connection._master.pid()
    cluster.freeze_ssh()
    try:
        assert hasty.queue() == Unknown(hasty.queue().message, "timeout")
        assert isinstance(hasty.submit(spec()), Unknown | NotSubmitted)
        assert logged_in(connection)
    finally:
        cluster.thaw_ssh()
    wait_until(lambda: not isinstance(client.queue(), Unknown))
    assert connection._master.pid() == master


def test_a_stopped_slurmctld_leaves_everything_unknown(
    client: SlurmClient, cluster: Cluster, connection
) -> None:
    hasty = SlurmClient(connection, timeout=6)
    job_id = submitted(client, spec())
    running(client, job_id)
    cluster.stop_slurmctld()
    try:
        assert isinstance(hasty.queue(), Unknown)
        assert isinstance(hasty.submit(spec()), Unknown)
        assert isinstance(hasty.post_mortem(job_id), Unknown)
    finally:
        cluster.start_slurmctld()
    assert running(client, job_id).job_id == job_id


def test_an_unreachable_login_submits_nothing(cluster: Cluster) -> None:
    directory = Path(tempfile.mkdtemp(prefix="orc-"))
    backend = OpenSshBackend(directory / "run", directory / "state")
    login = Login("nobody-here", cluster.ssh_host, cluster.ssh_port, str(cluster.key_file))
    client = SlurmClient(backend.connection(login))
    outcome = client.submit(spec())
    assert isinstance(outcome, NotSubmitted)
    assert outcome.kind == "auth"
    assert isinstance(client.queue(), Unknown)
    shutil.rmtree(directory)
