"""The whole gateway with a certificate: it starts, is looked after, and serves over HTTPS."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from demo.cluster import Cluster
from tests.stack.certificate import Certificate
from tests.stack.nginx import accepting, master
from tests.stack.stack import Stack
from tests.stack.waiting import wait_for


@pytest.fixture
def secure(cluster: Cluster, tmp_path: Path) -> Iterator[Stack]:
    run_dir = Path(tempfile.mkdtemp(prefix="io", dir="/run"))
    stack = Stack(cluster, tmp_path, run_dir, certificate=Certificate.make(tmp_path))
    stack.write([])
    yield stack
    stack.down()
    shutil.rmtree(run_dir, ignore_errors=True)


def test_a_cold_request_over_http2_and_a_renewed_certificate(secure: Stack, route: str) -> None:
    said = secure.orchestrator("up").stdout
    assert f"the gateway answers at https://127.0.0.1:{secure.port}/" in said
    secure.configure(secure.entry(route))
    assert secure.certificate
    with httpx.Client(http2=True, verify=secure.certificate.trust(), timeout=60) as client:
        answer = client.get(f"{secure.url}/{route}/echo")
        assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
        assert "X-Cold-Start" in answer.headers
    status = secure.orchestrator("status")
    assert route in status.stdout
    assert status.stderr == ""  # the command line does not complain of the certificate

    renewed = Certificate.make(secure.directory)
    assert "reloaded its certificate" in secure.orchestrator("reload").stdout
    with httpx.Client(verify=renewed.trust()) as client:
        assert client.get(f"{secure.url}/{route}/echo").status_code == 200

    renewed.key.write_text("no key")
    refused = secure.orchestrator("reload", check=False)
    assert refused.returncode == 1
    assert "TLS_KEY" in refused.stderr
    assert "must hold a private key in PEM form" in refused.stderr
    with httpx.Client(verify=renewed.trust()) as client:
        assert client.get(f"{secure.url}/{route}/echo").status_code == 200


def test_a_control_plane_that_is_killed_finds_nginx_as_it_was(secure: Stack, route: str) -> None:
    secure.orchestrator("up")
    secure.configure(secure.entry(route))
    before = master(secure), accepting(secure)
    secure.kill_control_plane()
    secure.wait_until_alive()
    secure.wait_for_state(route, "cold")
    assert master(secure) == before[0]
    assert accepting(secure) <= before[1]  # none is new
    secure.configure(secure.entry(route), secure.entry(f"{route}b"))
    wait_for("both are there", lambda: len(secure.info()["services"]) == 2)


@pytest.mark.parametrize("word", ["up", "run", "validate"])
def test_a_key_of_another_certificate_is_refused_before_start(
    secure: Stack, tmp_path: Path, word: str
) -> None:
    assert secure.certificate
    (tmp_path / "other").mkdir()
    shutil.copy(Certificate.make(tmp_path / "other").key, secure.certificate.key)
    refused = secure.orchestrator(word, check=False)
    assert refused.returncode == 1
    assert "TLS_KEY" in refused.stderr
    assert "must be the key of the first certificate in" in refused.stderr
    assert not secure.control_pids()


def test_an_expired_certificate_is_warned_of(secure: Stack, tmp_path: Path) -> None:
    Certificate.make(tmp_path, days=-2)
    checked = secure.orchestrator("validate")
    assert "the certificate expired on" in checked.stderr
    assert "the certificate expired on" in secure.orchestrator("up").stdout
