"""One link of a certification path: who signed this certificate, and was it theirs to sign?"""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import SignatureAlgorithmOID

from trustwright.errors import LintViolation, VerificationError
from trustwright.x509 import der, keys, parse

_SIGNATURES = {
    SignatureAlgorithmOID.ECDSA_WITH_SHA256,
    SignatureAlgorithmOID.ECDSA_WITH_SHA384,
}


def verify_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    """Check that `issuer` signed `certificate` and may do so.

    Names octet for octet, key identifiers, CA with keyCertSign, an ECDSA signature with SHA-256 or
    SHA-384 by a P-256 or P-384 key. A self-signed certificate is its own issuer.

    Raises:
        VerificationError: rule ``PATH-ISSUER``, ``PATH-CA``, ``PATH-AKI``, ``PATH-KEY`` or
            ``PATH-SIGNATURE``.
    """
    parse.readable(certificate)
    parse.readable(issuer)
    fields, above = der.certificate_fields(certificate), der.certificate_fields(issuer)
    if fields.issuer != above.subject:
        raise _broken("PATH-ISSUER", "the certificate names another issuer")
    _check_authority(issuer)
    _check_key_identifier(certificate, issuer)
    _check_key(certificate)
    _check_key(issuer)
    _check_signature(certificate, issuer)


def _check_authority(issuer: x509.Certificate) -> None:
    constraints = parse.extension(issuer, x509.BasicConstraints)
    key_usage = parse.extension(issuer, x509.KeyUsage)
    if constraints is None or not constraints.ca:
        raise _broken("PATH-CA", "the issuer is no CA")
    if key_usage is None or not key_usage.key_cert_sign:
        raise _broken("PATH-CA", "the issuer may not sign certificates")


def _check_key_identifier(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    authority = parse.extension(certificate, x509.AuthorityKeyIdentifier)
    if authority is None and certificate == issuer:
        return
    if authority is None or authority.key_identifier != parse.skid(issuer):
        raise _broken("PATH-AKI", "the authority key identifier is not the issuer's")
    if authority.authority_cert_issuer or authority.authority_cert_serial_number:
        raise _broken("PATH-AKI", "the authority key identifier names one certificate of the key")


def _check_key(certificate: x509.Certificate) -> None:
    try:
        keys.key_kind(certificate.public_key())
    except LintViolation as error:
        raise _broken("PATH-KEY", error.what) from None


def _check_signature(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    if certificate.signature_algorithm_oid not in _SIGNATURES:
        raise _broken("PATH-SIGNATURE", "not an ECDSA signature with SHA-256 or SHA-384")
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        raise _broken("PATH-SIGNATURE", "the signature does not verify") from None


def _broken(rule: str, what: str) -> VerificationError:
    return VerificationError(what, rule=rule, hint="do not use this certificate")
