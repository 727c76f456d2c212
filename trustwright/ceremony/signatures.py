"""Signatures: made from drafts, linted, and verified by both paths.

The same steps serve the root key and, before it, a stand-in: a throwaway key under the root's name
and key identifier. What the stand-in signs differs from what the root will sign in the signature
alone, so a machine that cannot make or verify it is found out while nothing is lost by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from cryptography.x509 import CertificateBuilder

from trustwright.ceremony.draft import (
    CertificateDraft,
    CrlDraft,
    sign_drafted_certificate,
    sign_drafted_crl,
)
from trustwright.errors import TrustwrightError
from trustwright.ids import new_serial
from trustwright.x509 import keys
from trustwright.x509.crl import verify_crl

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509 import Certificate, CertificateRevocationList

    from trustwright.ceremony.openssl import OpenSsl


@dataclass(frozen=True)
class Signer:
    """A key that signs drafts, and what verifies its signatures.

    Attributes:
        issuer: certificate of the key.
        now: the time of signing, aware.
    """

    issuer: Certificate
    private: ec.EllipticCurvePrivateKey
    openssl: OpenSsl
    now: datetime

    def crl(self, draft: CrlDraft) -> CertificateRevocationList:
        """Return the CRL of a draft.

        Raises:
            TrustwrightError: other octets were signed, a clause is broken, or it does not verify.
        """
        crl = sign_drafted_crl(draft, self.issuer, self.private)
        verify_crl(crl, self.issuer, at=self.now)
        self.openssl.verify_crl(crl, self.issuer)
        return crl

    def certificate(self, draft: CertificateDraft, crl: CertificateRevocationList) -> Certificate:
        """Return the certificate of a draft, which `crl` does not list.

        Raises:
            TrustwrightError: as `crl`.
        """
        certificate = sign_drafted_certificate(draft, self.issuer, self.private)
        self.openssl.verify_certificate(certificate, self.issuer, crl, at=self.now)
        return certificate


def rehearse(
    openssl: OpenSsl,
    root: Certificate,
    now: datetime,
    crl: CrlDraft,
    certificate: CertificateDraft | None,
) -> None:
    """Do with a stand-in what the root key is about to do.

    Raises:
        TrustwrightError: what the root key would have been used for in vain.
    """
    try:
        openssl.verify_root(root, at=now)
        signer = _stand_in(root, openssl, now)
        made = signer.crl(crl)
        if certificate is not None:
            signer.certificate(certificate, made)
    except TrustwrightError as error:
        error.hint = "the root key was not used: mend what refuses, then start again"
        raise


def _stand_in(root: Certificate, openssl: OpenSsl, now: datetime) -> Signer:
    private = keys.generate_key(keys.key_kind(root.public_key()))
    builder = (
        CertificateBuilder()
        .subject_name(root.subject)
        .issuer_name(root.subject)
        .public_key(private.public_key())
        .serial_number(new_serial())
        .not_valid_before(root.not_valid_before_utc)
        .not_valid_after(root.not_valid_after_utc)
    )
    for extension in root.extensions:
        builder = builder.add_extension(extension.value, critical=extension.critical)
    certificate = builder.sign(private, keys.signature_hash(private.public_key()))
    return Signer(certificate, private, openssl, now)
