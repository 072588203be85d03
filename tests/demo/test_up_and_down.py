"""`up` is idempotent and repairs; `down` leaves nothing; clusters do not disturb each other."""

from __future__ import annotations

import json
import os
import pwd
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from demo import Cluster, DemoError, cluster, down, machine, mounts, processes, up
from demo.cluster import Options
from demo.spec import tag


def traces(directory: Path) -> list[str]:
    """Everything on this machine that has to do with the cluster in that directory."""
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    links = subprocess.check_output(["ip", "-o", "link"], text=True)
    return [
        *(line for line in command_lines() if str(directory) in line),
        *(line for line in mounts if str(directory) in line),
        *(line for line in links.splitlines() if "demo-" + tag(directory) in line),
        *(entry.pw_name for entry in pwd.getpwall() if str(directory) in entry.pw_dir),
        *([str(directory)] if directory.exists() else []),
    ]


def command_lines() -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it may end at any moment
            yield path.read_text(errors="replace")


def cli(*words: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "demo", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False)


@pytest.mark.parametrize("shape", ["host", "hosts"])
def test_down_also_removes_jobs_sessions_and_frozen_daemons(directory, shape, eventually):
    cluster = up(shape, directory)
    cluster.run("sbatch probe.sh 18099")
    eventually(lambda: [job["state"] for job in cluster.jobs()] == ["RUNNING"])
    cluster.run("setsid sleep 1000 >/dev/null 2>&1 &")
    cluster.freeze_ssh()
    cluster.freeze_slurmctld()
    assert len(traces(directory)) > 5
    down(directory)
    # A holder's, a killed job's entry in /proc may outlive it by an instant.
    eventually(lambda: not traces(directory))
    assert not processes.of_user(cluster.spec.uid)


def test_two_clusters_run_side_by_side(host_cluster, hosts_cluster, directory):
    third = up("hosts", directory)
    addresses = {(c.ssh_host, c.ssh_port) for c in (host_cluster, hosts_cluster, third)}
    users = {c.ssh_user for c in (host_cluster, hosts_cluster, third)}
    assert len(addresses) == len(users) == 3
    third.run("sbatch --hold probe.sh 1")
    assert len(third.jobs()) == 1
    assert host_cluster.jobs() == []
    assert hosts_cluster.jobs() == []


def test_up_again_changes_nothing_and_heals_what_died(directory, ssh):
    first = up("host", directory)
    before = processes.Table(directory).living()
    up("host", directory)
    assert processes.Table(directory).living() == before
    os.kill(before["slurmd.demo2"].pid, signal.SIGKILL)
    os.kill(before[f"sshd.{first.spec.login.name}"].pid, signal.SIGKILL)
    healed = up("host", directory)
    assert all(healed.daemon_states().values())
    assert processes.Table(directory).living().keys() == before.keys()
    assert ssh(healed, "true").returncode == 0


def test_links_in_the_users_home_lead_root_nowhere(directory):
    cluster = up("host", directory)
    aim, folder = directory / "etc" / "aim", directory / "etc" / "folder"
    aim.write_text("root's own")
    folder.mkdir()
    cluster.run(f"ln -sf {aim} probe.sh; ln -sf {aim} .bashrc")
    cluster.run(f"rm -r services && ln -s {folder} services")
    up("host", directory)
    cluster.set_login_noise(False)
    assert aim.read_text() == "root's own"
    assert not [*folder.iterdir()]
    home = directory / "home"
    assert {path.owner() for path in home.rglob("*")} == {cluster.ssh_user}
    assert "#!" in (home / "probe.sh").read_text()
    assert (home / "services" / "probe.py").stat().st_mode & 0o777 == 0o644


def test_lost_namespaces_are_rebuilt(directory):
    cluster = up("hosts", directory)
    os.kill(processes.Table(directory).living()["holder.node1"].pid, signal.SIGKILL)
    up("hosts", directory)
    assert cluster.exec_on("node1", "hostname").strip() == "node1"


def test_a_recycled_pid_is_not_taken_for_the_daemon():
    mine = processes.identify(os.getpid())
    assert mine is not None
    assert processes.alive(mine)
    other = processes.Process(mine.pid, mine.started - 1, mine.boot)
    assert not processes.alive(other)
    assert not processes.alive(processes.Process(mine.pid, mine.started, "another boot"))


def test_an_interrupted_up_takes_down_what_it_started(directory, eventually):
    argv = [sys.executable, "-m", "demo", "up", "--dir", str(directory), "--shape", "hosts"]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        while "started slurmctld" not in running.stderr.readline():
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        words = running.stderr.read()
    assert running.returncode == 130
    assert "Traceback" not in words
    eventually(lambda: not traces(directory))


def test_the_keys_outlive_the_cluster_where_they_are_exported(directory, tmp_path):
    first = up("host", directory, options=Options(keys=tmp_path))
    keys = [first.host_key.split()[2], first.key_file.read_text()]
    assert (tmp_path / "demo_key").stat().st_mode & 0o777 == 0o600
    down(directory)
    second = up("host", directory, options=Options(keys=tmp_path))
    assert keys == [second.host_key.split()[2], second.key_file.read_text()]


def test_the_command_line_serves_scripts_and_people(directory):
    place = ("--dir", str(directory))
    done = cli("up", *place, "--json")
    facts = json.loads(done.stdout)
    assert facts["directory"] == str(directory)
    assert all(facts["daemons"].values())
    assert "ready" in done.stderr
    assert "demo1" in cli("status", *place).stdout
    assert cli("down", *place).returncode == 0
    gone = cli("status", *place)
    assert gone.returncode == 1
    assert f"no demo cluster in {directory}" in gone.stderr.replace("\n", "")


def test_help_names_every_option():
    words = cli("up", "--help").stdout
    for option in ("--shape", "--dir", "--ssh-port", "--user", "--export-key", "--json"):
        assert option in words


def test_a_taken_port_is_named(directory):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(DemoError, match=f"port {port} for ssh is taken.*--ssh-port"):
            up("host", directory, options=Options(ssh_port=port))


def test_a_directory_with_other_things_is_left_alone(directory):
    (directory / "thesis.tex").write_text("years of work")
    with pytest.raises(DemoError, match="contains something else"):
        up("host", directory)
    assert (directory / "thesis.tex").exists()
    with pytest.raises(DemoError, match="no demo cluster"):
        down(directory)


def test_a_user_of_someone_else_is_left_alone(directory):
    with pytest.raises(DemoError, match=r"user daemon exists.*--user"):
        up("host", directory, options=Options(user="daemon"))
    assert pwd.getpwnam("daemon")


def test_a_directory_too_long_for_sockets_is_refused():
    with pytest.raises(DemoError, match="too long"):
        up("host", Path("/run/" + 70 * "x"))


@pytest.mark.parametrize("name", ["my demo", "de\\mo", "größe", "a;b", "$HOME"])
def test_a_directory_with_a_name_that_slurm_misreads_is_refused(name):
    with pytest.raises(DemoError, match="letters, digits"):
        machine.check_directory(Path("/run") / name)


@pytest.fixture
def mounted(directory):
    """Another user's files, mounted below a directory whose name the kernel writes escaped."""
    place = directory / "my de\\mo"
    target = place / "python" / "base"
    precious = directory / "precious"
    precious.mkdir()
    (precious / "thesis.tex").write_text("years of work")
    mounts.mount(str(precious), target)
    yield place, target
    subprocess.run(["umount", "--lazy", target], check=False)


def test_whatever_is_mounted_below_is_unmounted_first(mounted):
    place, target = mounted
    mounts.unmount_below(place)
    assert not [*target.iterdir()]


def test_nothing_is_removed_through_a_mount_that_stays(mounted, monkeypatch):
    place, target = mounted
    monkeypatch.setattr(machine, "run", lambda *_: "")
    with pytest.raises(DemoError, match=f"{re.escape(str(target))} is still mounted"):
        cluster._remove(place, lambda _: None)
    assert (target / "thesis.tex").exists()


def test_loading_what_is_not_there_says_so(directory):
    with pytest.raises(DemoError, match="no demo cluster"):
        Cluster.load(directory)


def test_missing_programs_are_named_with_their_packages(monkeypatch):
    monkeypatch.setattr(processes, "PATH", "/nowhere")
    with pytest.raises(DemoError, match=r"munged.*apt-get install .*munge.*slurmctld.*slurmd"):
        up("host", Path("/run/io-never"))
