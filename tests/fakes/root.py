"""An offline root in memory, for tests of the online half."""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography import x509

from trustwright.ids import new_serial, sha256_hex
from trustwright.model.ceremony import Request, Response
from trustwright.x509 import parse
from trustwright.x509.build import sign_certificate
from trustwright.x509.crl import Revoked, build_crl
from trustwright.x509.encoding import subject_name
from trustwright.x509.keys import generate_key
from trustwright.x509.profiles import root_profile

YEAR = 365 * 86_400


class TestRoot:
    """Signs whatever it is asked: the checks under test are the online side's."""

    __test__ = False

    def __init__(self, now: datetime, organization: str = "Example") -> None:
        self.key = generate_key("ec-p384")
        profile = root_profile(organization, f"{organization} Root CA", 20 * YEAR)
        self.certificate = sign_certificate(
            profile,
            public_key=self.key.public_key(),
            serial=new_serial(),
            signed_at=now,
            issuer_key=self.key,
            issuer_name=subject_name(profile.subject),
            issuer_skid=None,
        )
        self.responses: list[Response] = []
        self.revoked: list[Revoked] = []

    @property
    def pem(self) -> str:
        """Return the certificate's PEM."""
        return parse.pem(self.certificate)

    @property
    def fingerprint(self) -> str:
        """Return the pin."""
        return parse.fingerprint(self.certificate)

    def sign(self, request: Request, now: datetime) -> x509.Certificate:
        """Return the intermediate that a request asks for."""
        assert request.profile is not None
        assert request.csr is not None
        return sign_certificate(
            request.profile,
            public_key=parse.request(request.csr).public_key(),
            serial=new_serial(),
            signed_at=now,
            issuer_key=self.key,
            issuer_name=self.certificate.subject,
            issuer_skid=parse.skid(self.certificate),
        )

    def answer(self, request: Request, now: datetime) -> Response:
        """Return a good response."""
        number = len(self.responses) + 1
        crl = build_crl(
            issuer_key=self.key,
            issuer=self.certificate,
            number=number,
            this_update=now - timedelta(hours=1),
            next_update=now + timedelta(days=180),
            revoked=self.revoked,
        )
        response = Response(
            kind=request.kind,
            environment=request.environment,
            request=request.digest(),
            root=self.fingerprint,
            number=number,
            previous=self.responses[-1].digest() if self.responses else None,
            certificate=parse.pem(self.sign(request, now)),
            root_crl=parse.pem(crl),
            signed_at=now,
            transcript=sha256_hex(b"transcript"),
        )
        self.responses.append(response)
        return response
