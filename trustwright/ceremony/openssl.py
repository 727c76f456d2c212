"""The second path: what the root signed is verified by the ``openssl`` program as well.

It shares no code with the path that signed (`cryptography` carries an OpenSSL of its own, of
another version). Without the program nothing is signed; `trustwright.ceremony.sign` rehearses with
it before the root key is used.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from trustwright.errors import ConfigurationError, VerificationError
from trustwright.x509 import parse

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateRevocationList

_TIMEOUT = 30
_LEAST = 3
_VERSION = re.compile(r"OpenSSL (\d+)\.")
_STRICT = ("-x509_strict", "-check_ss_sig", "-no-CApath", "-no-CAstore")
# Neither a configuration file nor an environment variable of the caller changes a verdict.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "OPENSSL_CONF": "/dev/null", "LC_ALL": "C"}


@dataclass(frozen=True)
class OpenSsl:
    """The program, by its path."""

    program: str

    @classmethod
    def found(cls) -> OpenSsl:
        """Return the program on PATH.

        Raises:
            ConfigurationError: there is none, or it does not run (rule ``OPENSSL-MISSING``), or it
                is another program or too old (rule ``OPENSSL-VERSION``).
        """
        program = shutil.which("openssl")
        if program is None:
            raise ConfigurationError(
                "the openssl program is not on PATH; nothing is signed without a second path",
                rule="OPENSSL-MISSING",
                hint="install openssl 3",
            )
        found = cls(program)
        found.version()
        return found

    def version(self) -> str:
        """Return what ``openssl version`` says.

        Raises:
            ConfigurationError: it is not OpenSSL 3 or newer (rule ``OPENSSL-VERSION``).
        """
        done = self._run("version")
        known = _VERSION.match(done.stdout)
        if done.returncode or known is None or int(known[1]) < _LEAST:
            raise ConfigurationError(
                f"this is not OpenSSL {_LEAST} or newer: {_said(done, done.stdout)}",
                rule="OPENSSL-VERSION",
                hint="put openssl 3 first on PATH",
                where=self.program,
            )
        return done.stdout.strip()

    def verify_root(self, root: Certificate, *, at: datetime) -> None:
        """Check a self-signed root, its own signature included.

        Raises:
            VerificationError: it does not verify (rule ``OPENSSL-ROOT``).
        """
        with _files(root=parse.pem(root)) as files:
            done = self._verify(at, "-CAfile", files["root"], files["root"])
        _demand(done, "OPENSSL-ROOT")

    def verify_certificate(
        self,
        certificate: Certificate,
        root: Certificate,
        crl: CertificateRevocationList,
        *,
        at: datetime,
    ) -> None:
        """Check a certificate under the root, and that the root's CRL does not list it.

        Raises:
            VerificationError: it does not verify (rule ``OPENSSL-CERTIFICATE``), or openssl reads
                another serial or key in it (rule ``OPENSSL-READS``).
        """
        texts = {"root": parse.pem(root), "crl": parse.pem(crl), "new": parse.pem(certificate)}
        with _files(**texts) as files:
            done = self._verify(
                at, "-CAfile", files["root"], "-crl_check", "-CRLfile", files["crl"], files["new"]
            )
            _demand(done, "OPENSSL-CERTIFICATE")
            self._compare(certificate, files["new"])

    def verify_crl(self, crl: CertificateRevocationList, root: Certificate) -> None:
        """Check a CRL's signature.

        Raises:
            VerificationError: it does not verify (rule ``OPENSSL-CRL``).
        """
        with _files(root=parse.pem(root), crl=parse.pem(crl)) as files:
            done = self._run("crl", "-noout", "-in", files["crl"], "-CAfile", files["root"])
        if done.returncode or "verify OK" not in done.stderr:
            raise _refused("OPENSSL-CRL", done)

    def verify_revoked(
        self,
        certificate: Certificate,
        root: Certificate,
        crl: CertificateRevocationList,
        *,
        at: datetime,
    ) -> None:
        """Check that openssl refuses a certificate because the CRL lists it.

        Raises:
            VerificationError: it accepts it, or refuses for another reason (``OPENSSL-REVOKED``).
        """
        texts = {"root": parse.pem(root), "crl": parse.pem(crl), "old": parse.pem(certificate)}
        with _files(**texts) as files:
            done = self._verify(
                at, "-CAfile", files["root"], "-crl_check", "-CRLfile", files["crl"], files["old"]
            )
        if done.returncode == 0 or "certificate revoked" not in done.stderr:
            raise _refused("OPENSSL-REVOKED", done)

    def _compare(self, certificate: Certificate, file: str) -> None:
        read = self._run("x509", "-noout", "-serial", "-pubkey", "-in", file).stdout
        wanted = f"serial={certificate.serial_number:X}"
        serial, _, key = read.partition("\n")
        again = self._run("pkey", "-pubin", "-outform", "PEM", stdin=key).stdout
        if serial.replace("serial=0", "serial=") != wanted or again != _public_pem(certificate):
            raise VerificationError(
                "openssl reads another serial or key in the certificate", rule="OPENSSL-READS"
            )

    def _verify(self, at: datetime, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._run("verify", *_STRICT, "-attime", str(int(at.timestamp())), *arguments)

    def _run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(  # noqa: S603 - the program found above; arguments are ours
                [self.program, *arguments],
                input=stdin,
                capture_output=True,
                text=True,
                check=False,
                timeout=_TIMEOUT,
                env=_ENVIRONMENT,
            )
        except subprocess.TimeoutExpired:
            raise self._unusable(arguments[0], f"no answer within {_TIMEOUT} s") from None
        except (OSError, UnicodeDecodeError) as error:
            raise self._unusable(arguments[0], str(error)) from None

    def _unusable(self, command: str, why: str) -> ConfigurationError:
        return ConfigurationError(
            f"openssl {command} does not run: {why}",
            rule="OPENSSL-MISSING",
            hint="put openssl 3 first on PATH",
            where=self.program,
        )


@contextmanager
def _files(**texts: str) -> Iterator[dict[str, str]]:
    """Lend texts as files in a folder that goes away; all of them are public."""
    with ExitStack() as stack:
        try:
            place = tempfile.TemporaryDirectory(prefix="trustwright-openssl-")
            folder = Path(stack.enter_context(place))
            for name, text in texts.items():
                (folder / name).write_text(text)
        except OSError as error:
            raise ConfigurationError(
                f"no room for what openssl is to verify: {error.strerror}",
                rule="OPENSSL-FILES",
                where=tempfile.gettempdir(),
            ) from None
        yield {name: str(folder / name) for name in texts}


def _public_pem(certificate: Certificate) -> str:
    key = certificate.public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _demand(done: subprocess.CompletedProcess[str], rule: str) -> None:
    if done.returncode or not done.stdout.strip().endswith(": OK"):
        raise _refused(rule, done)


def _refused(rule: str, done: subprocess.CompletedProcess[str]) -> VerificationError:
    return VerificationError(
        f"openssl does not agree: {_said(done, done.stderr or done.stdout)}",
        rule=rule,
        hint="use nothing of what was signed, and find out why",
        where=str(done.args[0]),
    )


def _said(done: subprocess.CompletedProcess[str], text: str) -> str:
    """Return what the program said, or how it ended where it said nothing."""
    said = " ".join(text.split())[:300]
    if done.returncode < 0:
        return f"it was ended by signal {signal.Signals(-done.returncode).name}; {said}".rstrip(
            "; "
        )
    return said or f"it said nothing and ended with exit code {done.returncode}"
