"""Judging what a host left as its certification request."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from trustwright.errors import PolicyViolation
from trustwright.model.estate import Consumer, Role
from trustwright.policy.hostrequest import check_host_request
from trustwright.x509 import parse

pytestmark = pytest.mark.unit

NAME = "ledger.prod.example.internal"
KEY = ec.generate_private_key(ec.SECP256R1())
CONSUMER = Consumer.model_validate(
    {
        "name": "ledger",
        "environment": "prod",
        "role": "server",
        "owner": "platform",
        "names": [NAME, f"www.{NAME}"],
        "trusts": ["prod"],
        "key": "host",
        "deliver": {"directory": {"path": "/srv/ledger"}},
    }
)
ROLE = Role.model_validate(
    {"ttl": "72h", "renew_before": "24h", "names": "prod.example.internal", "usage": ["server"]}
)


def request(
    *names: x509.GeneralName, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = KEY
) -> x509.CertificateSigningRequest:
    """Return a request; without names it asks for none."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "whatever the host is called")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, hashes.SHA256())


def refusal(given: x509.CertificateSigningRequest) -> PolicyViolation:
    """Return why a request is refused."""
    with pytest.raises(PolicyViolation) as refused:
        check_host_request(given, CONSUMER, ROLE)
    return refused.value


@pytest.mark.parametrize(
    "names", [(), (x509.DNSName(NAME),), (x509.DNSName(f"www.{NAME}"), x509.DNSName(NAME))]
)
def test_no_names_or_own_names_are_fine(names: tuple[x509.DNSName, ...]) -> None:
    """The names come from the estate; the request may repeat them."""
    check_host_request(request(*names), CONSUMER, ROLE)


@pytest.mark.parametrize(
    "name",
    [
        x509.DNSName("gateway.prod.example.internal"),
        x509.DNSName("*.prod.example.internal"),
        x509.DNSName(NAME.upper()),
        x509.UniformResourceIdentifier("spiffe://prod.example.internal/admin/ledger"),
        x509.RFC822Name("root@example.internal"),
    ],
)
def test_a_foreign_name_is_refused(name: x509.GeneralName) -> None:
    """It is named, with those that may be asked for."""
    error = refusal(request(x509.DNSName(NAME), name))
    assert (error.rule, error.where) == ("HOST-NAMES", "/srv/ledger/host.csr")
    assert str(name.value) in error.what
    assert NAME in error.hint


def test_a_key_of_another_kind_is_refused() -> None:
    """P-384 where the role wants P-256."""
    assert refusal(request(key=ec.generate_private_key(ec.SECP384R1()))).rule == "HOST-KEY"


def test_a_key_that_no_role_has_is_refused() -> None:
    """RSA is none of the kinds."""
    error = refusal(request(key=rsa.generate_private_key(65537, 2048)))
    assert error.rule == "HOUSE-KEY"


def test_a_request_that_its_key_did_not_sign_is_refused() -> None:
    """No proof of possession."""
    octets = bytearray(parse.der(request()))
    octets[-1] ^= 1
    assert refusal(x509.load_der_x509_csr(bytes(octets))).rule == "HOST-PROOF"
