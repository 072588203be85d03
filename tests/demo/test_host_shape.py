"""Everything on this host: what `./start.cmd` uses."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from contextlib import suppress

import psutil
import pytest

from demo import config


def get(port: int, path: str):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as reply:
        return json.load(reply)


def answers(port: int) -> bool:
    with suppress(OSError):
        return bool(get(port, "/health")["ready"])
    return False


@pytest.fixture
def cluster(host_cluster, eventually):
    yield host_cluster
    host_cluster.cancel_all()
    eventually(lambda: not host_cluster.jobs(), 30)


def test_a_job_submitted_over_ssh_serves_and_ends_promptly(cluster, ssh, eventually, free_port):
    job = ssh(cluster, f"sbatch --parsable --job-name=t1 probe.sh {free_port}").stdout.strip()
    eventually(lambda: answers(free_port))
    assert get(free_port, "/env")["job_id"] == job
    assert {"id": job, "name": "t1", "state": "RUNNING"}.items() <= cluster.jobs()[0].items()
    ssh(cluster, f"scancel {job}")
    eventually(lambda: not cluster.jobs())
    eventually(lambda: not answers(free_port))


@pytest.mark.parametrize("script", ["classifier.sh", "textgen.sh"])
def test_the_example_services_start_as_jobs(cluster, eventually, free_port, script):
    cluster.run(f"sbatch --gres=gpu:1 {script} {free_port}")
    eventually(lambda: answers(free_port), 30)


def test_the_job_gets_its_environment(cluster, eventually, free_port):
    cluster.run(f"sbatch --export=ALL,GREETING=hello probe.sh {free_port}")
    eventually(lambda: answers(free_port))
    assert get(free_port, "/env")["environment"]["GREETING"] == "hello"


def test_twelve_jobs_run_at_once_and_the_gpus_are_countable(cluster, eventually):
    cluster.write_script("wait.sh", "#!/bin/sh\nexec sleep 600\n")
    for _ in range(4):
        cluster.run("sbatch --output=/dev/null --gres=gpu:1 wait.sh")
    for _ in range(8):
        cluster.run("sbatch --output=/dev/null wait.sh")
    eventually(lambda: [job["state"] for job in cluster.jobs()] == ["RUNNING"] * 12)
    cluster.run("sbatch --output=/dev/null --gres=gpu:1 wait.sh")
    eventually(lambda: "2" in cluster.run("squeue --start --noheader --states=PD --format=%S"))


def test_the_small_partition_is_full_with_one_job(cluster, eventually):
    for _ in range(2):
        cluster.run("sbatch --partition=small --output=/dev/null --wrap='exec sleep 600'")
    states = ["PENDING", "RUNNING"]
    eventually(lambda: sorted(job["state"] for job in cluster.jobs()) == states)
    eventually(lambda: "20" in cluster.run("squeue --start --noheader --states=PD --format=%S"))


def test_only_the_key_opens_the_door(cluster, ssh, tmp_path):
    assert ssh(cluster, "true").returncode == 0
    assert "publickey" in ssh_without_key(cluster)


def ssh_without_key(cluster) -> str:
    argv = ["ssh", "-F", "/dev/null", "-o", "BatchMode=yes", "-o", "IdentityFile=/dev/null"]
    argv += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    argv += ["-p", str(cluster.ssh_port), f"{cluster.ssh_user}@{cluster.ssh_host}", "true"]
    return subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False).stderr


def test_login_noise_comes_before_the_output_and_goes_again(cluster, ssh):
    cluster.set_login_noise(True)
    try:
        assert ssh(cluster, "echo hi").stdout.splitlines()[-1] == "hi"
        assert len(ssh(cluster, "echo hi").stdout.splitlines()) > 1
    finally:
        cluster.set_login_noise(False)
    assert ssh(cluster, "echo hi").stdout == "hi\n"


def test_drained_nodes_keep_jobs_pending_until_resumed(cluster, eventually):
    cluster.drain_all()
    try:
        cluster.run("sbatch --output=/dev/null --wrap='exec sleep 600'")
        eventually(lambda: cluster.run("squeue --noheader --format=%r").strip() != "None")
        assert cluster.jobs()[0]["state"] == "PENDING"
    finally:
        cluster.resume_all()
    eventually(lambda: cluster.jobs()[0]["state"] == "RUNNING")


def test_nothing_of_it_listens_beyond_loopback(cluster, eventually, free_port):
    cluster.run(f"sbatch --output=/dev/null probe.sh {free_port}")
    eventually(lambda: answers(free_port))
    ports = {cluster.ssh_port, cluster.spec.login.control_port, free_port}
    ports |= {node.port for node in cluster.spec.nodes}
    connections = psutil.net_connections("tcp")
    listening = [c.laddr for c in connections if c.status == psutil.CONN_LISTEN]
    mine = {place.port: place.ip for place in listening if place.port in ports}
    assert mine == dict.fromkeys(ports, "127.0.0.1")


def test_the_catalogue_fits_the_cluster(cluster):
    services = config(cluster)["Services"]
    assert [service["route_name"] for service in services] == ["classifier", "textgen", "probe"]
    for service in services:
        assert (cluster.home / service["bash_file"]).exists()
        assert service["ssh_username"] == cluster.ssh_user
        assert service["ssh_key_file"] == str(cluster.key_file)
