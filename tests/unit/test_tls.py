"""Errors in a certificate or its key are found before nginx would report them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from service_management import settings
from service_management.host import tls
from service_management.settings import Settings
from tests.stack.certificate import Certificate


@pytest.fixture
def made(tmp_path: Path) -> Certificate:
    return Certificate.make(tmp_path)


def settings_for(certificate: Certificate) -> Settings:
    plain = settings.parse(settings.DEFAULTS, Path("/nowhere"))
    return replace(plain, tls_cert=certificate.cert, tls_key=certificate.key)


def problems_of(certificate: Certificate) -> list[str]:
    return [str(problem) for problem in tls.problems(settings_for(certificate))]


def test_a_certificate_and_its_key_are_fine(made: Certificate) -> None:
    assert problems_of(made) == []
    assert tls.warning(settings_for(made)) == ""


def test_without_tls_no_file_is_read() -> None:
    plain = settings.parse(settings.DEFAULTS, Path("/nowhere"))
    assert (tls.problems(plain), tls.warning(plain)) == ([], "")


def test_both_files_are_named_where_both_are_missing(tmp_path: Path) -> None:
    cert, key = tmp_path / "a", tmp_path / "b"
    assert problems_of(Certificate(cert, key)) == [
        f"TLS_CERT = {cert}: must exist; there is no {cert}",
        f"TLS_KEY = {key}: must exist; there is no {key}",
    ]


def swap(made: Certificate) -> Certificate:
    return Certificate(made.key, made.cert)


def of_another(made: Certificate) -> Certificate:
    (made.cert.parent / "other").mkdir()
    return Certificate(made.cert, Certificate.make(made.cert.parent / "other").key)


def with_a_passphrase(made: Certificate) -> Certificate:
    return Certificate.make(made.cert.parent, passphrase=b"secret")


def empty(made: Certificate) -> Certificate:
    made.cert.write_bytes(b"")
    return made


def directory(made: Certificate) -> Certificate:
    return Certificate(made.cert.parent, made.key)


@pytest.mark.parametrize(
    ("spoil", "rules"),
    [
        (swap, ["must hold certificates in PEM form", "must hold a private key in PEM form"]),
        (of_another, ["must be the key of the first certificate in"]),
        (with_a_passphrase, ["must have no passphrase"]),
        (empty, ["must hold certificates in PEM form"]),
        (directory, ["must be a file"]),
    ],
)
def test_each_mistake_is_reported(
    made: Certificate, spoil: Callable[[Certificate], Certificate], rules: list[str]
) -> None:
    said = problems_of(spoil(made))
    assert len(said) == len(rules)
    assert all(rule in sentence for rule, sentence in zip(rules, said, strict=True))


def test_an_expired_certificate_is_a_warning(tmp_path: Path) -> None:
    expired = Certificate.make(tmp_path, days=-1)
    assert problems_of(expired) == []
    assert f"{expired.cert}: the certificate expired on 20" in tls.warning(settings_for(expired))


def test_a_certificate_of_the_future_is_a_warning(tmp_path: Path) -> None:
    later = Certificate.make(tmp_path, days=91)
    assert "is not valid before 20" in tls.warning(settings_for(later))


def test_a_world_readable_key_is_refused(made: Certificate) -> None:
    made.key.chmod(0o644)
    (text,) = problems_of(made)
    assert f"chmod o= {made.key}" in text
    made.key.chmod(0o640)
    assert problems_of(made) == []
