"""Building: certification requests, certificates of a profile, and the anchor's template."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509

from trustwright.errors import LintViolation, VerificationError
from trustwright.x509 import der, encoding, keys, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

    from trustwright.model.profile import Profile, Subject

AUTHORITY_KEY_IDENTIFIER = x509.AuthorityKeyIdentifier.oid.dotted_string
POINTERS = frozenset(
    {
        x509.CRLDistributionPoints.oid.dotted_string,
        x509.AuthorityInformationAccess.oid.dotted_string,
    }
)
"""Where to fetch things about the issuer: of no use in an anchor, which has no issuer above it."""


def build_request(
    key: ec.EllipticCurvePrivateKey,
    subject: Subject,
    names: Sequence[str] = (),
    uris: Sequence[str] = (),
) -> str:
    """Return a PKCS#10 certification request (RFC 2986) in PEM, signed by `key`.

    Args:
        key: the subject's private key.
        subject: the distinguished name asked for.
        names: DNS names asked for.
        uris: URI names asked for.

    Raises:
        LintViolation: a name cannot be encoded (rule ``HOUSE-PROFILE``).
    """
    builder = x509.CertificateSigningRequestBuilder()
    try:
        builder = builder.subject_name(encoding.subject_name(subject))
        if names or uris:
            builder = builder.add_extension(encoding.alternative_names(names, uris), critical=False)
    except ValueError as error:
        raise _unencodable(error) from None
    return parse.pem(builder.sign(key, keys.signature_hash(key.public_key())))


def sign_certificate(
    profile: Profile,
    *,
    public_key: CertificatePublicKeyTypes,
    serial: int,
    signed_at: datetime,
    issuer_key: ec.EllipticCurvePrivateKey,
    issuer_name: x509.Name,
    issuer_skid: bytes | None,
) -> x509.Certificate:
    """Return a certificate of this profile; nothing of the request enters it but the key.

    Args:
        profile: subject, extensions and validity.
        public_key: subject public key, P-256 or P-384.
        serial: from `trustwright.ids.new_serial`.
        signed_at: aware; notBefore lies ``profile.backdate`` before it, notAfter
            ``profile.validity`` behind it.
        issuer_key: signs with SHA-384 (P-384) or SHA-256 (P-256).
        issuer_name: the issuer's subject.
        issuer_skid: the issuer's subject key identifier, the only content of the authority key
            identifier; None for a self-signed certificate, which has none (RFC 5280 §4.2.1.1).

    Raises:
        LintViolation: a key is neither P-256 nor P-384, or a value cannot be encoded.
    """
    keys.key_kind(public_key)
    start = signed_at.astimezone(UTC).replace(microsecond=0)
    try:
        builder = (
            x509.CertificateBuilder()
            .subject_name(encoding.subject_name(profile.subject))
            .issuer_name(issuer_name)
            .public_key(public_key)
            .serial_number(serial)
            .not_valid_before(start - timedelta(seconds=profile.backdate))
            .not_valid_after(start + timedelta(seconds=profile.validity))
        )
        for value, critical in encoding.profile_extensions(profile, public_key, issuer_skid):
            builder = builder.add_extension(value, critical=critical)
        return builder.sign(issuer_key, keys.signature_hash(issuer_key.public_key()))
    except ValueError as error:
        raise _unencodable(error) from None


def anchor_template(intermediate: x509.Certificate, *, serial: int, not_before: datetime) -> str:
    """Return the PEM of a self-issued certificate for Vault's ``issuer/:ref/sign-self-issued``.

    Subject and issuer are the intermediate's subject, octet for octet; the key and every extension
    are the intermediate's, except that the authority key identifier names its own key and the
    pointers to CRL and issuer are left out. It ends when the intermediate ends and begins at
    `not_before`, or with the intermediate where that is later. The signature is a throwaway
    key's and verifies under nothing: Vault replaces it and keeps the rest.

    Raises:
        VerificationError: a name would not keep its octets (rule ``ANCHOR-SUBJECT``).
    """
    start = max(not_before.astimezone(UTC), intermediate.not_valid_before_utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(intermediate.subject)
        .issuer_name(intermediate.subject)
        .public_key(intermediate.public_key())
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(intermediate.not_valid_after_utc)
    )
    fields = der.certificate_fields(intermediate)
    for extension in fields.extensions:
        if extension.oid not in POINTERS | {AUTHORITY_KEY_IDENTIFIER}:
            # As octets: encoding a parsed value again could spell it differently.
            value = x509.UnrecognizedExtension(
                x509.ObjectIdentifier(extension.oid), extension.value
            )
            builder = builder.add_extension(value, critical=extension.critical)
    own_key = x509.AuthorityKeyIdentifier(parse.skid(intermediate), None, None)
    builder = builder.add_extension(own_key, critical=False)
    throwaway = keys.generate_key(keys.key_kind(intermediate.public_key()))
    template = builder.sign(throwaway, keys.signature_hash(throwaway.public_key()))
    _keeps_octets(template, fields)
    return parse.pem(template)


def _keeps_octets(template: x509.Certificate, fields: der.CertificateFields) -> None:
    made = der.certificate_fields(template)
    if not made.subject == made.issuer == fields.subject or made.spki != fields.spki:
        raise VerificationError(
            "the anchor's template does not keep the octets of the intermediate's name and key",
            rule="ANCHOR-SUBJECT",
            hint="the intermediate was not encoded by trustwright-root",
        )


def _unencodable(error: ValueError) -> LintViolation:
    return LintViolation(
        f"this cannot be encoded as X.509: {error}",
        rule="HOUSE-PROFILE",
        hint="names are ASCII; the serial has at most 20 octets",
    )
