"""Judging what a host left as its certification request."""

from __future__ import annotations

import subprocess
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AttributeOID, ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from trustwright.errors import PolicyViolation, VerificationError
from trustwright.model.estate import Consumer, Role
from trustwright.policy.hostrequest import check_host_request
from trustwright.x509 import parse

pytestmark = pytest.mark.unit

NAME = "ledger.prod.example.internal"
OTHER = "gateway.prod.example.internal"
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
FETCHING = CONSUMER.model_copy(
    update={"deliver": CONSUMER.deliver.model_validate({"vault_kv": {}})}
)
ROLE = Role.model_validate(
    {"ttl": "72h", "renew_before": "24h", "names": "prod.example.internal", "usage": ["server"]}
)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
Hash = hashes.SHA256 | None


def request(
    *names: x509.GeneralName,
    key: Key = KEY,
    extensions: tuple[x509.ExtensionType, ...] = (),
    subject: tuple[tuple[ObjectIdentifier, str], ...] = (
        (NameOID.COMMON_NAME, "whatever the host is called"),
    ),
    password: bytes = b"",
    digest: Hash = hashes.SHA256(),  # noqa: B008 - it has no state
) -> x509.CertificateSigningRequest:
    """Return a request; without names it asks for none."""
    name = x509.Name([x509.NameAttribute(oid, text) for oid, text in subject])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    for each in extensions:
        builder = builder.add_extension(each, critical=False)
    if password:
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, password)
    return builder.sign(key, digest)


def refusal(
    given: x509.CertificateSigningRequest, consumer: Consumer = CONSUMER
) -> PolicyViolation:
    """Return why a request is refused."""
    with pytest.raises(PolicyViolation) as refused:
        check_host_request(given, consumer, ROLE)
    assert refused.value.hint
    return refused.value


@pytest.mark.parametrize(
    "names", [(), (x509.DNSName(NAME),), (x509.DNSName(f"www.{NAME}"), x509.DNSName(NAME))]
)
def test_no_names_or_own_names_are_fine(names: tuple[x509.DNSName, ...]) -> None:
    """The names come from the estate; the request may repeat them."""
    check_host_request(request(*names), CONSUMER, ROLE)


@pytest.mark.parametrize(
    "subject",
    [(), ((NameOID.COMMON_NAME, NAME),), ((NameOID.COMMON_NAME, f"www.{NAME}"),)],
)
def test_own_names_in_the_subject_are_fine(
    subject: tuple[tuple[ObjectIdentifier, str], ...],
) -> None:
    """Or none at all."""
    check_host_request(request(subject=subject), CONSUMER, ROLE)


def test_what_openssl_asks_for_by_default_is_fine() -> None:
    """A usage of the role, no authority."""
    usual = (
        x509.BasicConstraints(ca=False, path_length=None),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
        _usage(key_cert_sign=False),
    )
    check_host_request(request(extensions=usual), CONSUMER, ROLE)


def made_by_openssl(folder: Path, *more: str) -> x509.CertificateSigningRequest:
    """Return a request that the program made that hosts have."""
    options = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out csr"
    command = ["openssl", "req", "-new", *options.split(), "-subj", f"/CN={NAME}", *more]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return parse.request((folder / "csr").read_text())


def test_what_the_runbook_makes_is_fine(tmp_path: Path) -> None:
    """By the program that hosts have."""
    check_host_request(made_by_openssl(tmp_path), CONSUMER, ROLE)


@pytest.mark.parametrize(
    "name",
    [
        x509.DNSName(OTHER),
        x509.DNSName("*.prod.example.internal"),
        x509.DNSName(NAME.upper()),
        x509.DNSName(f"{NAME}."),
        x509.UniformResourceIdentifier("spiffe://prod.example.internal/admin/ledger"),
        x509.UniformResourceIdentifier(NAME),
        x509.RFC822Name("root@example.internal"),
        x509.RFC822Name(NAME),
        x509.IPAddress(ip_address("10.0.0.1")),
        x509.RegisteredID(ObjectIdentifier("1.2.3")),
        x509.OtherName(ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x01x"),
        x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])),
    ],
    ids=lambda each: f"{type(each).__name__}",
)
def test_a_foreign_name_is_refused(name: x509.GeneralName) -> None:
    """It is named, with those that may be asked for; another kind of name is no DNS name."""
    error = refusal(request(x509.DNSName(NAME), name))
    assert (error.rule, error.where) == ("HOST-NAMES", "/srv/ledger/host.csr")
    assert str(name.value) in error.what
    assert NAME in error.hint


@pytest.mark.parametrize(
    "subject",
    [
        ((NameOID.COMMON_NAME, OTHER),),
        ((NameOID.COMMON_NAME, NAME), (NameOID.COMMON_NAME, OTHER)),
        ((NameOID.COMMON_NAME, "*.prod.example.internal"),),
        ((NameOID.COMMON_NAME, f"{NAME}."),),
        ((NameOID.COMMON_NAME, "root@example.internal"),),
        ((NameOID.COMMON_NAME, NAME), (NameOID.EMAIL_ADDRESS, "root@example.internal")),
    ],
)
def test_a_foreign_name_in_the_subject_is_refused(
    subject: tuple[tuple[ObjectIdentifier, str], ...],
) -> None:
    """Also when the alternative names are the consumer's own."""
    error = refusal(request(x509.DNSName(NAME), subject=subject))
    assert error.rule == "HOST-NAMES"
    assert subject[-1][1] in error.what


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        ec.generate_private_key(ec.SECP256K1()),
        rsa.generate_private_key(65537, 1024),  # noqa: S505 - that is why
        rsa.generate_private_key(65537, 3072),
    ],
    ids=["P-384", "P-521", "secp256k1", "RSA-1024", "RSA-3072"],
)
def test_a_key_that_the_role_does_not_have_is_refused(key: Key) -> None:
    """Weak or strong: the role says one kind."""
    error = refusal(request(x509.DNSName(NAME), key=key))
    assert error.rule == "HOST-KEY"
    assert "ec-p256" in error.hint


def test_an_ed25519_key_is_refused() -> None:
    """It signs without a hash that has a name."""
    assert (
        refusal(request(key=ed25519.Ed25519PrivateKey.generate(), digest=None)).rule == "HOST-KEY"
    )


def test_a_request_that_its_key_did_not_sign_is_refused() -> None:
    """No proof of possession: signature, subject or key were changed on the way."""
    given = parse.der(request(subject=((NameOID.COMMON_NAME, "a" * 40),)))
    changed = {
        "signature": given[:-1] + bytes([given[-1] ^ 1]),
        "subject": given.replace(b"a" * 40, b"a" * 39 + b"b"),
        "key": given.replace(_point(KEY), _point(ec.generate_private_key(ec.SECP256R1()))),
    }
    for part, octets in changed.items():
        assert octets != given
        assert refusal(x509.load_der_x509_csr(octets)).rule == "HOST-PROOF", part


@pytest.mark.parametrize(
    ("extension", "word"),
    [
        (x509.BasicConstraints(ca=True, path_length=0), "certificate authority"),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), "1.3.6.1.5.5.7.3.2"),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), "1.3.6.1.5.5.7.3.3"),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), "2.5.29.37.0"),
        (x509.TLSFeature([x509.TLSFeatureType.status_request]), "1.3.6.1.5.5.7.1.24"),
        (x509.NameConstraints([x509.DNSName("example.internal")], None), "2.5.29.30"),
        (x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00"), "1.2.3.4"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_wish_for_more_is_refused(extension: x509.ExtensionType, word: str) -> None:
    """Nothing of it would be certified; nobody asks for it by chance."""
    error = refusal(request(x509.DNSName(NAME), extensions=(extension,)))
    assert error.rule == "HOST-EXTRAS"
    assert word in error.what


def test_a_wish_to_sign_is_refused() -> None:
    """Certificates, say."""
    assert refusal(request(extensions=(_usage(key_cert_sign=True),))).rule == "HOST-EXTRAS"


def test_a_challenge_password_is_refused() -> None:
    """A secret in a file that anybody may read; the message does not repeat it."""
    error = refusal(request(password=b"quiet-heron"))
    assert (error.rule, "quiet-heron" in str(error)) == ("HOST-EXTRAS", False)


def test_a_weak_signature_is_refused(tmp_path: Path) -> None:
    """SHA-1 proves nothing."""
    assert refusal(made_by_openssl(tmp_path, "-sha1")).rule == "HOST-PROOF"


def test_a_message_stays_short() -> None:
    """Hundreds of names fit into a request; nobody reads them all."""
    names = [x509.DNSName(f"h{number}.prod.example.internal") for number in range(300)]
    assert len(refusal(request(*names)).what) <= 500


def test_a_request_in_kv_is_named_by_its_path() -> None:
    """So that the host's person finds it."""
    error = refusal(request(x509.DNSName(OTHER)), FETCHING)
    assert error.where == "vault_kv:ledger/request"


def test_two_requests_are_none() -> None:
    """A second one behind the first would not be looked at."""
    text = parse.pem(request())
    for given in (text + text, "", "-----BEGIN CERTIFICATE REQUEST-----\nAA==\n"):
        with pytest.raises(VerificationError):
            parse.request(given)


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    public = key.public_key()
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _usage(*, key_cert_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
