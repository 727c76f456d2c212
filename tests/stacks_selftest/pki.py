"""A throwaway PKI of the recommended profile (trust-separation.md, section 2).

One root, one intermediate per environment with its self-signed twin, leaves for one purpose each.
"""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from tests.stacks import Credential

DAY = dt.timedelta(days=1)
SERVER = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
POLICIES = {"prod": "1.3.6.1.4.1.55555.1.1", "test": "1.3.6.1.4.1.55555.1.2"}
NO_ADDRESS = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))

Extension = tuple[x509.ExtensionType, bool]


def domain(environment: str) -> str:
    """The environment's DNS domain, the only one its intermediate may name."""
    return f"{environment}.example.internal"


@dataclass(frozen=True)
class Authority:
    """A CA: its certificate and key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def sign(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *extensions: Extension
    ) -> x509.Certificate:
        """A certificate that names this authority by key identifier only."""
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return sign(
            self.certificate.subject, self.key, subject, key, *extensions, (authority, False)
        )


@dataclass(frozen=True)
class Environment:
    """An intermediate, its self-signed twin, and a folder for what it issues."""

    name: str
    authority: Authority
    trust: Path
    folder: Path

    def issue(self, label: str, domain_name: str, purpose: ObjectIdentifier) -> Credential:
        """A leaf of the recommended shape; its key and full chain as delivered files."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.authority.sign(
            subject(self.name, domain_name),
            key.public_key(),
            *leaf(self.name, domain_name, purpose),
        )
        folder = self.folder / label
        folder.mkdir()
        credential = Credential(folder / "key.pem", folder / "fullchain.pem", domain_name)
        credential.key.touch(mode=0o600)
        credential.key.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        write(credential.chain, certificate, self.authority.certificate)
        return credential

    def revoke(self, *credentials: Credential) -> Path:
        """The intermediate's CRL with these leaves on it."""
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.authority.certificate.subject)
            .last_update(now - DAY)
            .next_update(now + DAY)
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.authority.key.public_key()),
                critical=False,
            )
        )
        for credential in credentials:
            revoked = x509.load_pem_x509_certificate(credential.chain.read_bytes())
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(revoked.serial_number)
                .revocation_date(now - DAY)
                .build()
            )
        path = self.folder / "crl.pem"
        crl = builder.sign(self.authority.key, SHA256())
        path.write_bytes(crl.public_bytes(Encoding.PEM))
        return path


def create_root() -> Authority:
    """A self-signed root without a path length."""
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Example Root G1")])
    basic = x509.BasicConstraints(ca=True, path_length=None)
    extensions = ((basic, True), (signing_usage(), True))
    return Authority(sign(name, key, name, key.public_key(), *extensions), key)


def create_environment(
    name: str, root: Authority, folder: Path, generation: int = 1
) -> Environment:
    """An intermediate signed by the root, and ``trust.pem`` with its self-signed twin."""
    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    own_subject = subject(name, f"Example {name} Issuing CA G{generation}")
    extensions = intermediate(name)
    signed = root.sign(own_subject, key.public_key(), *extensions)
    twin = sign(own_subject, key, own_subject, key.public_key(), *extensions)
    trust = folder / "trust.pem"
    write(trust, twin)
    return Environment(name, Authority(signed, key), trust, folder)


def sign(
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    subject_name: x509.Name,
    key: ec.EllipticCurvePublicKey,
    *extensions: Extension,
) -> x509.Certificate:
    """One certificate, valid from yesterday until tomorrow."""
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject_name)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer_key, SHA256())


def subject(environment: str, common_name: str) -> x509.Name:
    """O, OU = environment, CN."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, environment),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def intermediate(environment: str) -> tuple[Extension, ...]:
    """What bounds an intermediate and its twin."""
    constraints = x509.NameConstraints(
        permitted_subtrees=[x509.DNSName(domain(environment))],
        excluded_subtrees=[x509.IPAddress(network) for network in NO_ADDRESS],
    )
    return (
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (signing_usage(), True),
        (constraints, True),
        (x509.ExtendedKeyUsage([SERVER, CLIENT]), False),
        (policy(environment), False),
    )


def leaf(environment: str, name: str, purpose: ObjectIdentifier) -> tuple[Extension, ...]:
    """One purpose, the name as DNS name and as SPIFFE URI."""
    names = [
        x509.DNSName(name),
        x509.UniformResourceIdentifier(f"spiffe://{domain(environment)}/{name.partition('.')[0]}"),
    ]
    return (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (usage(digital_signature=True), True),
        (x509.ExtendedKeyUsage([purpose]), False),
        (x509.SubjectAlternativeName(names), False),
        (policy(environment), False),
    )


def policy(environment: str) -> x509.CertificatePolicies:
    """The environment's policy OID, without qualifiers."""
    identifier = ObjectIdentifier(POLICIES[environment])
    return x509.CertificatePolicies([x509.PolicyInformation(identifier, None)])


def signing_usage() -> x509.KeyUsage:
    """Signs certificates and CRLs."""
    return usage(signs=True)


def usage(*, digital_signature: bool = False, signs: bool = False) -> x509.KeyUsage:
    """A key usage with these bits and no other."""
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def write(path: Path, *certificates: x509.Certificate) -> None:
    """Certificates as one PEM file."""
    path.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in certificates))
