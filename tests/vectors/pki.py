"""A small estate: one root, an intermediate and an anchor per environment, end entities.

Made with the project's own builders, so that the tests judge what the project makes. `Draft` takes
such a certificate apart and makes a wrong one of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from trustwright.ids import new_serial
from trustwright.x509 import build, encoding, keys, parse, profiles

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

    from trustwright.model.profile import Profile, Usage
    from trustwright.x509.lint import Kind

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
DAY = 86_400
POLICIES = {"prod": "1.3.6.1.4.1.55555.1.1", "test": "1.3.6.1.4.1.55555.1.2"}
ROOT_PROFILE = profiles.root_profile("Example", "Example Root CA", 7300 * DAY)
NAME = "billing.prod.example.internal"
URI = "spiffe://prod.example.internal/server/billing"


@dataclass(frozen=True)
class Authority:
    """A CA certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def skid(self) -> bytes:
        """Its key identifier."""
        return parse.skid(self.certificate)


@cache
def key(label: str) -> ec.EllipticCurvePrivateKey:
    """One P-256 key per label."""
    return keys.generate_key("ec-p256")


def root(label: str = "root") -> Authority:
    """The root; another label gives another root of the same name."""
    return _root(label)


@cache
def _root(label: str) -> Authority:
    pair = keys.generate_key("ec-p384")
    certificate = build.sign_certificate(
        ROOT_PROFILE,
        public_key=pair.public_key(),
        serial=new_serial(),
        signed_at=NOW,
        issuer_key=pair,
        issuer_name=encoding.subject_name(ROOT_PROFILE.subject),
        issuer_skid=None,
    )
    return Authority(certificate, pair)


def intermediate_profile(environment: str = "prod", *, urls: bool = False) -> Profile:
    """The profile of an environment's intermediate."""
    return profiles.intermediate_profile(
        organization="Example",
        environment=environment,
        domain=f"{environment}.example.internal",
        policy=POLICIES[environment],
        generation=1,
        validity=730 * DAY,
        crl_urls=("http://pki.example.internal/root.crl",) if urls else (),
        issuer_urls=("http://pki.example.internal/root.cer",) if urls else (),
    )


def intermediate(
    environment: str = "prod", *, urls: bool = False, root_label: str = "root"
) -> Authority:
    """The intermediate of an environment; the same for the same arguments."""
    return _intermediate(environment, urls, root_label)


def anchor(environment: str = "prod", *, urls: bool = False) -> x509.Certificate:
    """The anchor of an environment; the same for the same arguments."""
    return _anchor(environment, urls)


@cache
def _intermediate(environment: str, urls: bool, root_label: str) -> Authority:
    pair = keys.generate_key("ec-p384")
    return Authority(_signed_by_root(environment, pair, urls=urls, label=root_label), pair)


@cache
def _anchor(environment: str, urls: bool) -> x509.Certificate:
    authority = intermediate(environment, urls=urls)
    template = parse.certificate(
        build.anchor_template(authority.certificate, serial=new_serial(), not_before=NOW)
    )
    return Draft.of(template).sign(authority.key)


def end_entity_profile(
    environment: str = "prod",
    *,
    usage: tuple[Usage, ...] = ("server",),
    names: tuple[str, ...] = (),
    uris: tuple[str, ...] | None = None,
) -> Profile:
    """The profile of an end entity."""
    domain = f"{environment}.example.internal"
    return profiles.end_entity_profile(
        organization="Example",
        environment=environment,
        role_usage=usage,
        names=names or (f"billing.{domain}",),
        uris=(f"spiffe://{domain}/server/billing",) if uris is None else uris,
        policy=POLICIES[environment],
        ttl=3 * DAY,
    )


def end_entity(
    environment: str = "prod",
    *,
    usage: tuple[Usage, ...] = ("server",),
    names: tuple[str, ...] = (),
    uris: tuple[str, ...] | None = None,
) -> x509.Certificate:
    """An end entity of an environment, signed by its intermediate."""
    authority = intermediate(environment)
    return build.sign_certificate(
        end_entity_profile(environment, usage=usage, names=names, uris=uris),
        public_key=key("leaf").public_key(),
        serial=new_serial(),
        signed_at=NOW,
        issuer_key=authority.key,
        issuer_name=authority.certificate.subject,
        issuer_skid=authority.skid,
    )


def good(kind: Kind) -> tuple[x509.Certificate, ...]:
    """Certificates of this kind that break no clause."""
    match kind:
        case "root":
            return (root().certificate,)
        case "intermediate":
            return (intermediate().certificate, intermediate(urls=True).certificate)
        case "anchor":
            return (anchor(), anchor(urls=True))
        case "end-entity":
            return (end_entity(), end_entity(usage=("server", "client")), _with_urls())


def signer(kind: Kind) -> ec.EllipticCurvePrivateKey:
    """The key that signed the first good certificate of this kind."""
    return root().key if kind in {"root", "intermediate"} else intermediate().key


@dataclass(frozen=True)
class Draft:
    """The parts of a certificate, to be changed and signed again."""

    subject: x509.Name
    issuer: x509.Name
    public_key: CertificatePublicKeyTypes
    serial: int
    start: datetime
    end: datetime
    extensions: tuple[encoding.Encoded, ...]

    @classmethod
    def of(cls, certificate: x509.Certificate) -> Self:
        """Take a certificate apart."""
        return cls(
            subject=certificate.subject,
            issuer=certificate.issuer,
            public_key=certificate.public_key(),
            serial=certificate.serial_number,
            start=certificate.not_valid_before_utc,
            end=certificate.not_valid_after_utc,
            extensions=tuple((each.value, each.critical) for each in certificate.extensions),
        )

    def having(self, value: x509.ExtensionType, *, critical: bool = False) -> Self:
        """Put this extension in place of the one of its kind, or add it."""
        return replace(self, extensions=(*self.without(value.oid).extensions, (value, critical)))

    def without(self, oid: x509.ObjectIdentifier) -> Self:
        """Leave an extension out."""
        return replace(
            self, extensions=tuple(each for each in self.extensions if each[0].oid != oid)
        )

    def sign(
        self, by: ec.EllipticCurvePrivateKey, algorithm: hashes.SHA256 | hashes.SHA512 | None = None
    ) -> x509.Certificate:
        """Sign what it has become."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .issuer_name(self.issuer)
            .public_key(self.public_key)
            .serial_number(self.serial)
            .not_valid_before(self.start)
            .not_valid_after(self.end)
        )
        for value, critical in self.extensions:
            builder = builder.add_extension(value, critical=critical)
        return builder.sign(by, algorithm or keys.signature_hash(by.public_key()))


def later(**amount: int) -> datetime:
    """A moment after `NOW`."""
    return NOW + timedelta(**amount)


def _signed_by_root(
    environment: str, pair: ec.EllipticCurvePrivateKey, *, urls: bool, label: str
) -> x509.Certificate:
    above = root(label)
    return build.sign_certificate(
        intermediate_profile(environment, urls=urls),
        public_key=pair.public_key(),
        serial=new_serial(),
        signed_at=NOW,
        issuer_key=above.key,
        issuer_name=above.certificate.subject,
        issuer_skid=above.skid,
    )


@cache
def _with_urls() -> x509.Certificate:
    place = x509.UniformResourceIdentifier("http://pki.example.internal/prod.crl")
    points = x509.CRLDistributionPoints([x509.DistributionPoint([place], None, None, None)])
    access = x509.AuthorityInformationAccess(
        [x509.AccessDescription(x509.oid.AuthorityInformationAccessOID.CA_ISSUERS, place)]
    )
    return Draft.of(end_entity()).having(points).having(access).sign(intermediate().key)
