"""A response beside the request that it answers and what the submitter knows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from trustwright.errors import CeremonyViolation, TrustwrightError
from trustwright.model.ceremony import Kind, Request, Response
from trustwright.model.profile import Profile
from trustwright.x509 import der, keys, parse
from trustwright.x509.build import sign_certificate

if TYPE_CHECKING:
    from cryptography.x509 import (
        Certificate,
        CertificateRevocationList,
        CertificateSigningRequest,
    )

T = TypeVar("T")
Extensions = dict[str, tuple[bool, bytes]]
"""OID → critical, DER of the value."""


@dataclass(frozen=True)
class ResponseCase:
    """A response and everything that it is judged by.

    Attributes:
        root: the pinned root certificate.
        known_serials: of every certificate that this root is known to have signed before.
        domains: environment → DNS subtree, of every environment.
        last_crl_number: of the newest root CRL that was seen, 0 for none.
        listed: serials that a root CRL that was seen lists.
    """

    response: Response
    request: Request
    root: Certificate
    now: datetime
    known_serials: Collection[int]
    domains: Mapping[str, str]
    last_crl_number: int = 0
    listed: Collection[int] = ()

    @property
    def kind(self) -> Kind:
        """Return the kind of the request."""
        return self.request.kind

    @property
    def profile(self) -> Profile:
        """Return the profile that was asked for."""
        if self.request.profile is None:
            raise CeremonyViolation("the request has no profile", rule="CER-SHAPE")
        return self.request.profile

    @cached_property
    def csr(self) -> CertificateSigningRequest:
        """Return the certification request that was sent."""
        return parse.request(self.request.csr or "")

    @cached_property
    def certificate(self) -> Certificate:
        """Return the certificate: one, in PEM, with nothing around it."""
        text = self.response.certificate or ""
        return _exactly(text, parse.certificate, "CER-208")

    @cached_property
    def crl(self) -> CertificateRevocationList:
        """Return the root's CRL: one, in PEM, with nothing around it."""
        return _exactly(self.response.root_crl, parse.crl, "CER-231")

    @cached_property
    def expected(self) -> Certificate:
        """Return the certificate that the request asks for, signed by a throwaway key.

        Serial and signing time are the response's; issuer name and key identifier are the root's,
        so its to-be-signed octets are those that the root must have signed.
        """
        return sign_certificate(
            self.profile,
            public_key=self.csr.public_key(),
            serial=self.certificate.serial_number,
            signed_at=self.response.signed_at,
            issuer_key=keys.generate_key(keys.key_kind(self.root.public_key())),
            issuer_name=self.root.subject,
            issuer_skid=parse.skid(self.root),
        )

    @cached_property
    def extensions(self) -> Extensions:
        """Return the certificate's extensions."""
        return _extensions(self.certificate)

    @cached_property
    def expected_extensions(self) -> Extensions:
        """Return the extensions that the request asks for."""
        return _extensions(self.expected)


def _extensions(certificate: Certificate) -> Extensions:
    fields = der.certificate_fields(certificate)
    return {each.oid: (each.critical, each.value) for each in fields.extensions}


def _exactly(text: str, read: Callable[[str], T], rule: str) -> T:
    try:
        found = read(text)
    except TrustwrightError as error:
        raise CeremonyViolation(error.what, rule=rule, hint=error.hint) from None
    return found
