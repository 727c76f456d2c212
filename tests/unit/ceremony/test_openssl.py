"""The second path refuses what it must, each thing by its own rule."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from tests.unit.ceremony import material
from tests.unit.ceremony.forge import forged_crl
from tests.unit.ceremony.material import NOW
from trustwright.ceremony.openssl import OpenSsl
from trustwright.errors import ConfigurationError, TrustwrightError, VerificationError
from trustwright.model.ceremony import Response
from trustwright.x509 import parse

pytestmark = pytest.mark.unit
ROOT = material.root().certificate


@pytest.fixture(scope="module")
def good() -> Response:
    """Return a good response."""
    return material.response(material.request())


def crl(*listed: int) -> x509.CertificateRevocationList:
    """Return a root CRL that lists serials."""
    return parse.crl(forged_crl(material.root(), NOW - timedelta(hours=1), listed=listed))


def refusal(error: pytest.ExceptionInfo[TrustwrightError]) -> str:
    """Return the rule of what was raised."""
    return error.value.rule


def test_good_things_are_accepted(good: Response) -> None:
    """Root, certificate and CRL of a good response; the version is known."""
    openssl = OpenSsl.found()
    certificate = parse.certificate(good.certificate or "")

    openssl.verify_root(ROOT, at=NOW)
    openssl.verify_crl(parse.crl(good.root_crl), ROOT)
    openssl.verify_certificate(certificate, ROOT, parse.crl(good.root_crl), at=NOW)
    openssl.verify_revoked(certificate, ROOT, crl(certificate.serial_number), at=NOW)
    assert openssl.version().startswith("OpenSSL 3")


def test_bad_things_are_refused(good: Response) -> None:
    """Another root's certificate and CRL, a revoked certificate, one that is not revoked."""
    openssl, other = OpenSsl.found(), material.root("twin root").certificate
    certificate = parse.certificate(good.certificate or "")
    with pytest.raises(VerificationError) as refused:
        openssl.verify_root(certificate, at=NOW)
    assert refusal(refused) == "OPENSSL-ROOT"
    with pytest.raises(VerificationError) as refused:
        openssl.verify_crl(parse.crl(good.root_crl), other)
    assert refusal(refused) == "OPENSSL-CRL"
    for root, listed in ((other, crl()), (ROOT, crl(certificate.serial_number))):
        with pytest.raises(VerificationError) as refused:
            openssl.verify_certificate(certificate, root, listed, at=NOW)
        assert refusal(refused) == "OPENSSL-CERTIFICATE"
    for listed in (crl(), crl(5)):
        with pytest.raises(VerificationError) as refused:
            openssl.verify_revoked(certificate, ROOT, listed, at=NOW)
        assert refusal(refused) == "OPENSSL-REVOKED"


def test_time_of_the_check_is_the_ceremonys(good: Response) -> None:
    """Before its start and after its end the certificate is refused."""
    certificate = parse.certificate(good.certificate or "")
    for moment in (NOW - timedelta(days=2), NOW + timedelta(days=800)):
        with pytest.raises(VerificationError) as refused:
            OpenSsl.found().verify_certificate(
                certificate, ROOT, parse.crl(good.root_crl), at=moment
            )
        assert refusal(refused) == "OPENSSL-CERTIFICATE"


def test_program_that_reads_something_else_is_not_believed(good: Response, tmp_path: Path) -> None:
    """Where openssl verifies but reads another serial, the two paths disagree."""
    real = OpenSsl.found().program
    stub = tmp_path / "openssl"
    stub.write_text(f'#!/bin/sh\n[ "$1" = x509 ] && echo serial=01 && exit 0\nexec {real} "$@"\n')
    stub.chmod(0o755)

    with pytest.raises(VerificationError) as refused:
        OpenSsl(str(stub)).verify_certificate(
            parse.certificate(good.certificate or ""), ROOT, parse.crl(good.root_crl), at=NOW
        )
    assert refusal(refused) == "OPENSSL-READS"


def test_callers_environment_changes_no_verdict(
    good: Response, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A configuration file in the environment is not read."""
    (tmp_path / "openssl.cnf").write_text("openssl_conf = nonsense\n[nonsense]\nproviders=x\n")
    monkeypatch.setenv("OPENSSL_CONF", str(tmp_path / "openssl.cnf"))
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")

    OpenSsl.found().verify_crl(parse.crl(good.root_crl), ROOT)


def test_program_that_does_not_run_is_named(good: Response) -> None:
    """A path that cannot be executed."""
    with pytest.raises(ConfigurationError) as refused:
        OpenSsl("/nonexistent/openssl").verify_crl(parse.crl(good.root_crl), ROOT)
    assert refusal(refused) == "OPENSSL-MISSING"


@pytest.mark.parametrize(
    ("script", "rule", "said"),
    [
        ("echo LibreSSL 3.8.2", "OPENSSL-VERSION", "LibreSSL 3.8.2"),
        ("echo OpenSSL 1.1.1w  11 Sep 2023", "OPENSSL-VERSION", "OpenSSL 1.1.1w 11 Sep 2023"),
        ("exit 1", "OPENSSL-VERSION", "it said nothing and ended with exit code 1"),
        ("kill -9 $$", "OPENSSL-VERSION", "it was ended by signal SIGKILL"),
        ("printf '\\377'", "OPENSSL-MISSING", "does not run: 'utf-8' codec can't decode"),
    ],
)
def test_program_of_another_kind_is_not_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, rule: str, said: str
) -> None:
    """Another program, an older one, one that ends at once: refused when it is looked for."""
    (tmp_path / "openssl").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "openssl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    with pytest.raises(ConfigurationError) as refused:
        OpenSsl.found()
    assert (refused.value.rule, refused.value.where) == (rule, str(tmp_path / "openssl"))
    assert said in refused.value.what


def test_program_of_another_machine_is_named(tmp_path: Path) -> None:
    """A file that this machine cannot execute."""
    (tmp_path / "openssl").write_bytes(b"\x7fELF of another machine")
    (tmp_path / "openssl").chmod(0o755)
    with pytest.raises(ConfigurationError) as refused:
        OpenSsl(str(tmp_path / "openssl")).version()
    assert refusal(refused) == "OPENSSL-MISSING"
    assert "Exec format error" in refused.value.what


def test_missing_room_is_named(good: Response, monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    with pytest.raises(ConfigurationError) as refused:
        OpenSsl.found().verify_crl(parse.crl(good.root_crl), ROOT)
    assert refusal(refused) == "OPENSSL-FILES"
