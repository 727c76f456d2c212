"""Every guard of the ceremony stands: where one alone says no, nothing is handed out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tests.unit.ceremony.folder import new_root, request_for, revocation_of, sign, signing
from tests.unit.ceremony.forge import forged_crl
from tests.unit.ceremony.material import NOW, RootMaterial
from trustwright import canonical
from trustwright.ceremony import sign as ceremony
from trustwright.ceremony.entries import Abandoned
from trustwright.ceremony.openssl import OpenSsl
from trustwright.ceremony.rootfolder import RootFolder, opened
from trustwright.ceremony.rootkey import RootKey
from trustwright.errors import LintViolation, TrustwrightError
from trustwright.model.ceremony import Request, Response
from trustwright.x509 import lint
from trustwright.x509.lint import Finding

pytestmark = pytest.mark.unit
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a new root."""
    return new_root(tmp_path / "root")


def stub(folder: Path, script: str) -> OpenSsl:
    """Return a program that answers one command itself and leaves the others to openssl."""
    path = folder / "openssl"
    path.write_text(f'#!/bin/sh\n{script}\nexec {OpenSsl.found().program} "$@"\n')
    path.chmod(0o755)
    return OpenSsl(str(path))


def later(folder: Path, command: str, times: int, script: str) -> str:
    """Return a script that acts when openssl is asked this command for the nth time."""
    count = folder / "count"
    return (
        f'if [ "$1" = {command} ]; then echo >>{count}; '
        f"if [ $(wc -l <{count}) -eq {times} ]; then {script}; fi; fi"
    )


def refused(root: Path, request: Request, **changes: Any) -> tuple[str, int, str]:
    """Return the rule that stopped a ceremony, how many responses there are, and the last event."""
    with opened(root, exclusive=True) as folder:
        with pytest.raises(TrustwrightError) as stopped:
            ceremony.sign_request(replace(signing(folder, LATER), **changes), request)
        return stopped.value.rule, len(folder.history.answers), _last(folder)


def _last(folder: RootFolder) -> str:
    return folder.transcript.entries[-1].says.event


def test_openssl_refuses_the_certificate(root: Path, tmp_path: Path) -> None:
    """The CRL verifies, the certificate does not, after a rehearsal in which both did."""
    # Root, certificate of the rehearsal, certificate of the root key.
    program = stub(tmp_path, later(tmp_path, "verify", 3, "echo no >&2; exit 2"))

    found = refused(root, request_for(root), openssl=program)

    assert found == ("OPENSSL-CERTIFICATE", 0, "abandoned")


@pytest.mark.parametrize(
    ("script", "rule", "said"),
    [
        ("exit 0", "OPENSSL-ROOT", "it said nothing and ended with exit code 0"),
        ("kill -9 $$", "OPENSSL-ROOT", "it was ended by signal SIGKILL"),
        ("exit 126", "OPENSSL-ROOT", "it said nothing and ended with exit code 126"),
        ('[ "$1" = crl ] && exit 3', "OPENSSL-CRL", "ended with exit code 3"),
        ('[ "$1" = crl ] && kill -15 $$', "OPENSSL-CRL", "ended by signal SIGTERM"),
        ('[ "$1" = x509 ] && exit 0', "OPENSSL-READS", "another serial or key"),
        ("echo libcrypto.so.3: not found >&2; exit 127", "OPENSSL-ROOT", "libcrypto.so.3: not"),
    ],
)
def test_openssl_that_cannot_do_the_job_uses_no_key(
    root: Path, tmp_path: Path, script: str, rule: str, said: str
) -> None:
    """What refuses in the rehearsal costs nothing: no line, no serial, and the error says why."""
    program = stub(tmp_path, script)
    with opened(root, exclusive=True) as folder:
        means = replace(signing(folder, LATER), openssl=program, key=Unused(signing(folder).key))
        with pytest.raises(TrustwrightError) as stopped:
            ceremony.sign_request(means, request_for(root))
        assert (stopped.value.rule, _last(folder)) == (rule, "created")
        assert said in stopped.value.what
        assert stopped.value.hint.startswith("the root key was not used")
        if rule != "OPENSSL-READS":
            with pytest.raises(TrustwrightError) as stopped:
                ceremony.sign_crl(means)
            assert (stopped.value.rule, _last(folder)) == (rule, "created")


class Unused:
    """A root key that must not sign."""

    def __init__(self, true: RootKey) -> None:
        self.certificate, self.mac = true.certificate, true.mac

    @property
    def private(self) -> ec.EllipticCurvePrivateKey:
        """Fail the test."""
        raise AssertionError


@pytest.mark.parametrize(
    ("command", "times", "rule"), [("verify", 3, "OPENSSL-CERTIFICATE"), ("crl", 2, "OPENSSL-CRL")]
)
def test_transcript_says_what_refused_the_result(
    root: Path, tmp_path: Path, command: str, times: int, rule: str
) -> None:
    """Rule and text of the refusal stand in the line that abandons, not that power failed."""
    program = stub(tmp_path, later(tmp_path, command, times, "echo the clock is wrong >&2; exit 2"))
    refused(root, request_for(root), openssl=program)

    with opened(root, exclusive=False) as folder:
        ((_, abandoned),) = folder.transcript.saying(Abandoned)
    assert (abandoned.rule, abandoned.why) == (rule, "openssl does not agree: the clock is wrong")


def test_openssl_accepts_what_was_revoked(root: Path, tmp_path: Path) -> None:
    """A revoked certificate that openssl still accepts stops the revocation."""
    answer = sign(root, request_for(root))
    program = stub(tmp_path, later(tmp_path, "verify", 2, 'echo "$9: OK"; exit 0'))

    found = refused(root, revocation_of(root, answer), openssl=program)

    assert found == ("OPENSSL-REVOKED", 1, "abandoned")


def test_response_is_checked_as_the_gate_will(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A response that the gate would refuse never leaves the offline machine."""
    monkeypatch.setattr(ceremony, "_response", _changed(number=2))

    assert refused(root, request_for(root)) == ("CER-207", 0, "abandoned")


def test_crl_numbers_never_repeat(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CRL of the right key and time under a number that was used."""
    sign(root, request_for(root))
    with opened(root, exclusive=False) as folder:
        material = RootMaterial(signing(folder).key.private, folder.certificate)
    old = forged_crl(material, LATER - timedelta(hours=1), number=1)
    monkeypatch.setattr(ceremony, "_response", _changed(root_crl=old))

    assert refused(root, request_for(root, "prod")) == ("CER-233", 1, "abandoned")


def _changed(**changes: object) -> Callable[..., Response]:
    real = ceremony._response

    def response(*given: Any) -> Response:
        made = real(*given).model_dump(mode="json")
        return Response.parse(canonical.encode(made | changes))

    return response


@pytest.mark.parametrize(("call", "last"), [(1, "created"), (2, "created"), (3, "abandoned")])
@pytest.mark.parametrize("which", ["lint_certificate", "lint_crl"])
def test_lint_stands_before_and_after_the_signature(
    root: Path, monkeypatch: pytest.MonkeyPatch, which: str, call: int, last: str
) -> None:
    """A finding in draft or rehearsal announces nothing; a finding in the result abandons it."""
    real = getattr(lint, which)
    calls: list[object] = []

    def second_thoughts(item: x509.Certificate, *given: Any) -> tuple[Finding, ...]:
        calls.append(item)
        found: tuple[Finding, ...] = real(item, *given)
        return (Finding("HOUSE-TEST", "odd"),) if len(calls) == call else found

    monkeypatch.setattr(lint, which, second_thoughts)
    with opened(root, exclusive=True) as folder:
        with pytest.raises(LintViolation, match="HOUSE-TEST"):
            ceremony.sign_request(signing(folder, LATER), request_for(root))
        assert folder.history.answers == ()
        assert last == _last(folder)
