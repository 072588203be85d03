"""A login and three nodes in namespaces, and what can be done to them."""

from __future__ import annotations

import socket
import subprocess
import time

import pytest

from demo import DemoError

CONTROL_PORT = 6817
NODES = ("node1", "node2", "node3")


@pytest.fixture
def cluster(hosts_cluster, eventually):
    yield hosts_cluster
    hosts_cluster.cancel_all()
    eventually(lambda: not hosts_cluster.jobs(), 30)


@pytest.fixture
def services(cluster, eventually):
    """The test service, once on each node, on the same port."""
    for node in NODES:
        cluster.run(f"sbatch --nodelist={node} probe.sh 18083")
    eventually(lambda: all(reaches(cluster, "login", node) for node in NODES), 20)
    return cluster


def reaches(cluster, host: str, target: str) -> bool:
    argv = ["curl", "-sf", "--max-time", "2", f"http://{target}:18083/health"]
    try:
        return "ready" in cluster.exec_on(host, *argv)
    except DemoError:
        return False


def greeting(cluster, timeout: float = 1.5) -> bytes:
    try:
        with socket.create_connection((cluster.ssh_host, cluster.ssh_port), timeout) as client:
            client.settimeout(timeout)
            return client.recv(4)
    except OSError:
        return b""


def round_trip(cluster) -> float:
    began = time.monotonic()
    socket.create_connection((cluster.ssh_host, cluster.ssh_port), 5).close()
    return time.monotonic() - began


def test_every_host_has_its_own_name_and_knows_the_others(cluster):
    for host in cluster.spec.host_names:
        assert cluster.exec_on(host, "hostname").strip() == host
        for node in cluster.spec.nodes:
            assert node.address in cluster.exec_on(host, "getent", "hosts", node.name)


def test_jobs_are_reachable_only_through_the_login(services, ssh):
    for node in services.spec.nodes:
        assert "ready" in ssh(services, f"curl -s http://{node.name}:18083/health").stdout
        argv = ["curl", "-s", "--noproxy", "*", "-m", "1", f"http://{node.address}:18083/health"]
        direct = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert "ready" not in direct.stdout


def test_a_node_is_reached_by_ssh_through_the_login(cluster, tmp_path):
    known = tmp_path / "known"
    key = cluster.host_key.split(" ", 1)[1]
    known.write_text(f"{cluster.host_key}\nnode2 {key}\n")
    config = tmp_path / "config"
    config.write_text(
        f"Host *\n User {cluster.ssh_user}\n IdentityFile {cluster.key_file}\n"
        f" UserKnownHostsFile {known}\n StrictHostKeyChecking yes\n"
        f"Host node2\n ProxyJump {cluster.ssh_host}\n"
    )
    argv = ["ssh", "-F", str(config), "node2", "hostname; squeue --noheader"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    assert done.stdout == "node2\n"


def test_a_cut_node_is_silent_until_it_is_healed(services, eventually):
    services.cut("node1")
    try:
        assert not reaches(services, "login", "node1")
        assert reaches(services, "login", "node2")
    finally:
        services.heal("node1")
    eventually(lambda: reaches(services, "login", "node1"), 5)


def test_a_cut_login_is_silent_while_the_cluster_goes_on(services, eventually):
    services.cut("login")
    try:
        assert greeting(services) == b""
        assert reaches(services, "login", "node1")
        assert len(services.jobs()) == 3
    finally:
        services.heal("login")
    eventually(lambda: greeting(services) == b"SSH-", 5)


def test_a_slow_login_takes_its_delay_in_both_directions(cluster):
    cluster.slow("login", delay_ms=30)
    try:
        assert round_trip(cluster) >= 0.06
        assert len(large_answer(cluster)) == 3_000_000
    finally:
        cluster.heal("login")
    assert min(round_trip(cluster) for _ in range(5)) < 0.06


def large_answer(cluster) -> bytes:
    argv = ["ssh", "-F", "/dev/null", "-i", str(cluster.key_file), "-o", "BatchMode=yes"]
    argv += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    argv += [f"{cluster.ssh_user}@{cluster.ssh_host}", "head -c 3000000 /dev/zero"]
    return subprocess.run(argv, capture_output=True, timeout=30, check=True).stdout


def test_a_lossy_node_loses_everything_at_100_percent(services, eventually):
    services.slow("node3", loss_pct=100)
    try:
        assert not reaches(services, "login", "node3")
    finally:
        services.heal("node3")
    eventually(lambda: reaches(services, "login", "node3"), 10)


def test_a_killed_node_is_gone_and_a_revived_one_takes_jobs(services, eventually):
    services.kill("node2")
    try:
        assert services.daemon_states()["slurmd.node2"] is False
        assert not reaches(services, "node2", "127.0.0.1")
        services.cancel_all()
    finally:
        services.revive("node2")
    eventually(lambda: not services.jobs(), 20)
    services.run("sbatch --nodelist=node2 probe.sh 18083")
    eventually(lambda: reaches(services, "login", "node2"), 20)


def test_a_killed_login_comes_back_with_its_jobs(services, eventually):
    before = {job["id"] for job in services.jobs()}
    # slurmctld writes its jobs down within seconds of a change; what it has not, a kill -9 loses.
    saved = services.spec.directory / "state" / "job_state"
    changed = time.time()
    services.admin("scontrol", "update", f"JobId={min(before)}", "Comment=changed")
    eventually(lambda: saved.exists() and saved.stat().st_mtime > changed, 20)
    services.kill("login")
    try:
        assert greeting(services) == b""
    finally:
        services.revive("login")
    eventually(lambda: greeting(services) == b"SSH-", 10)
    eventually(lambda: {job["id"] for job in services.jobs()} == before, 10)


def test_a_frozen_slurmctld_is_silent_until_it_is_thawed(cluster, eventually):
    cluster.freeze_slurmctld()
    try:
        with pytest.raises(DemoError, match="exit 124"):
            cluster.run("timeout 1 squeue")
    finally:
        cluster.thaw_slurmctld()
    eventually(lambda: cluster.jobs() == [], 10)


def test_a_stopped_slurmctld_is_refused_and_starts_again(cluster):
    cluster.stop_slurmctld()
    try:
        # squeue itself would try for ten seconds.
        with pytest.raises(DemoError, match="refused"):
            cluster.exec_on("node1", "curl", "-v", f"http://login:{CONTROL_PORT}")
    finally:
        cluster.start_slurmctld()
    assert cluster.jobs() == []


def test_a_frozen_sshd_accepts_but_does_not_greet(cluster, eventually):
    cluster.freeze_ssh()
    try:
        assert greeting(cluster, 0.5) == b""
    finally:
        cluster.thaw_ssh()
    eventually(lambda: greeting(cluster) == b"SSH-", 5)
