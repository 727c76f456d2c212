"""The certificate of OpenBao's listener, from a small CA of this machine's own.

It protects the login tokens on loopback; it has nothing to do with the estate's root. The CA may
name this machine's loopback only, so its key is worth nothing elsewhere.
"""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from trustwright.embedded.folder import write_private
from trustwright.embedded.keys import private_key
from trustwright.errors import ConfigurationError
from trustwright.ids import new_serial

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

LOOPBACK = ipaddress.ip_address("127.0.0.1")
CA_LIFE = timedelta(days=3650)
LISTENER_LIFE = timedelta(days=1095)
RENEW_BEFORE = timedelta(days=365)
"""A server may run this long before its next start renews what has become old."""
_BACKDATE = timedelta(hours=1)


def ensure_listener(folder: Path, now: datetime) -> None:
    """Put ``ca.pem``, ``listener.pem`` and ``listener.key`` in place, renewed when near expiry.

    Raises:
        ConfigurationError: one of the files is there and cannot be read.
    """
    ca_key = private_key(folder / "ca.key")
    ca = _current(folder / "ca.pem", ca_key, now, ahead=LISTENER_LIFE)
    if ca is None:
        ca = _ca(ca_key, now)
        write_private(folder / "ca.pem", _pem(ca))
        (folder / "listener.pem").unlink(missing_ok=True)
    listener_key = private_key(folder / "listener.key")
    if _current(folder / "listener.pem", listener_key, now, ahead=RENEW_BEFORE) is None:
        listener = _listener(listener_key, ca, ca_key, now)
        write_private(folder / "listener.pem", _pem(listener) + _pem(ca))


def _current(
    path: Path, key: ec.EllipticCurvePrivateKey, now: datetime, ahead: timedelta
) -> x509.Certificate | None:
    """Return the first certificate in `path` if it is for `key` and good for long enough."""
    if not path.exists():
        return None
    try:
        certificate = x509.load_pem_x509_certificates(path.read_bytes())[0]
    except ValueError as error:
        raise ConfigurationError(
            f"not a certificate: {error}",
            rule="STACK-TLS",
            hint="remove the file: the next start makes a new one",
            where=str(path),
        ) from None
    fits = certificate.public_key() == key.public_key()
    return certificate if fits and certificate.not_valid_after_utc > now + ahead else None


def _ca(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Trustwright loopback CA")])
    permitted = [
        x509.IPAddress(ipaddress.ip_network(f"{LOOPBACK}/32")),
        x509.DNSName("localhost"),
    ]
    return (
        _builder(name, name, key, now, CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs=True), critical=True)
        .add_extension(x509.NameConstraints(permitted, excluded_subtrees=None), critical=True)
        .sign(key, hashes.SHA256())
    )


def _listener(
    key: ec.EllipticCurvePrivateKey,
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.IPAddress(LOOPBACK), x509.DNSName("localhost")])
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    return (
        _builder(name, ca.subject, key, now, LISTENER_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(names, critical=False)
        .add_extension(identifier, critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(new_serial())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)
