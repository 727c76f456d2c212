"""A Vault in memory: real keys and certificates, the rules and errors of the real one.

``tests/contract/test_vault_contract.py`` runs one suite over this and over a real OpenBao.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from tests.fakes.secrets import FakeSecrets
from trustwright.errors import (
    Denied,
    Rejected,
    TrustwrightError,
    Unavailable,
    VerificationError,
)
from trustwright.ids import new_serial, serial_text
from trustwright.model.plan import Change
from trustwright.ports import Capabilities, HostLogin, IssuerFacts, KeyHandle
from trustwright.vault import roles
from trustwright.vault.classify import OUTSIDE_ROLE
from trustwright.x509 import keys

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from trustwright.clock import Clock
    from trustwright.model.estate import Consumer, Environment
    from trustwright.model.plan import Found
    from trustwright.model.profile import Subject
    from trustwright.ports import SignOrder

BACKDATE = timedelta(seconds=30)
CRL_LIFE = timedelta(hours=72)
CURVES: dict[str, ec.EllipticCurve] = {"ec-p256": ec.SECP256R1(), "ec-p384": ec.SECP384R1()}
USAGES = {
    "server": ExtendedKeyUsageOID.SERVER_AUTH,
    "client": ExtendedKeyUsageOID.CLIENT_AUTH,
}


@dataclass
class FakeKey:
    """A key that never leaves."""

    key_id: str
    name: str
    private: ec.EllipticCurvePrivateKey = field(repr=False)


@dataclass(frozen=True)
class FakeIssuer:
    """An imported issuer; `key_id` is empty when no key fits it."""

    issuer_id: str
    certificate: x509.Certificate
    key_id: str
    name: str = ""


@dataclass
class FakeMount:
    """What one environment's mount holds."""

    name: str
    environment: Environment
    organization: str
    keys: dict[str, FakeKey] = field(default_factory=dict)
    issuers: dict[str, FakeIssuer] = field(default_factory=dict)
    default: str = ""
    certificates: dict[str, str] = field(default_factory=dict)
    revoked: dict[str, datetime] = field(default_factory=dict)
    crls: dict[str, bytes] = field(default_factory=dict)
    crl_number: int = 0
    uris: Mapping[str, Sequence[str]] = field(default_factory=dict)
    surplus: set[str] = field(default_factory=set)
    fetching: Mapping[str, Consumer] = field(default_factory=dict)

    def issuer(self, issuer_id: str) -> FakeIssuer:
        """Return an issuer, or refuse like the real one: 500, permanent."""
        if issuer_id not in self.issuers:
            raise _rejected(f"unable to find PKI issuer for reference: {issuer_id}")
        return self.issuers[issuer_id]


class FakeVault:
    """A server that holds several environments.

    Attributes:
        mounts: by environment; a test may look into them.
        sealed: set it, and every call raises `Unavailable`.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.mounts: dict[str, FakeMount] = {}
        self.secrets: dict[str, FakeSecrets] = {}
        self.sealed = False

    def provisioner(self, environment: str) -> FakeProvisioner:
        """Return the provisioner of the server; the environment's name is not looked at."""
        del environment
        return FakeProvisioner(self)

    def rotator(self, environment: str) -> FakeRotator:
        """Return the rotator of an environment."""
        return FakeRotator(self, environment)

    def anchor_signer(self, environment: str) -> FakeAnchorSigner:
        """Return the anchor identity of an environment."""
        return FakeAnchorSigner(self, environment)

    def signer(self, environment: str) -> FakeSigner:
        """Return the day-to-day identity of an environment."""
        return FakeSigner(self, environment)

    def admin_signer(self, environment: str) -> FakeAdminSigner:
        """Return the identity that signs for an environment's admins."""
        return FakeAdminSigner(self, environment)

    def check(self) -> None:
        """Raise `Unavailable` while it is sealed."""
        if self.sealed:
            raise Unavailable("Vault is sealed", rule="VAULT-SEALED", hint="unseal the server")

    def mount(self, environment: str) -> FakeMount:
        """Return an environment's mount, or refuse the login that is not there yet."""
        self.check()
        if environment not in self.mounts:
            raise Denied("login: permission denied", rule="VAULT-DENIED")
        return self.mounts[environment]


class FakeProvisioner:
    """Fulfils `trustwright.ports.Provisioner`."""

    def __init__(self, vault: FakeVault) -> None:
        self._vault = vault

    def probe(self) -> Capabilities:
        """Return what an OpenBao can do."""
        self._vault.check()
        return Capabilities("OpenBao", "2.7.2", namespaces=True, pagination=True)

    def prepare(
        self,
        name: str,
        environment: Environment,
        organization: str,
        uris: Mapping[str, Sequence[str]],
        destroy: Collection[str] = (),
        fetching: Sequence[Consumer] = (),
    ) -> tuple[str, ...]:
        """Make the mount, or bring it to what the estate says."""
        self._vault.check()
        mount = self._vault.mounts.get(name)
        if mount is None:
            mount = FakeMount(name, environment, organization, uris=dict(uris))
            self._vault.mounts[name] = mount
            made = tuple(f"role {role} written" for role in sorted(environment.roles))
            return (f"mount {environment.vault.mount} made", *made, *_logins(mount, fetching))
        changed = tuple(f"role {role} written" for role in _changed(mount, environment, uris))
        mount.environment, mount.organization = environment, organization
        mount.uris = dict(uris)
        gone = {role for role in mount.surplus if f"{name}/vault/roles/{role}" in destroy}
        mount.surplus -= gone
        removed = (f"role {role} removed" for role in sorted(gone))
        return (*changed, *removed, *_logins(mount, fetching))

    def plan(
        self,
        name: str,
        environment: Environment,
        organization: str,
        uris: Mapping[str, Sequence[str]],
        fetching: Sequence[Consumer] = (),
    ) -> tuple[Found, ...]:
        """Return what `prepare` would change; `FakeMount.surplus` names roles of nobody."""
        del organization, fetching
        self._vault.check()
        mount, at = self._vault.mounts.get(name), f"{name}/vault"
        if mount is None:
            made = tuple(Change(f"{at}/roles/{role}", "create") for role in environment.roles)
            return (Change(f"{at}/sys/mounts/{environment.vault.mount}", "create"), *made)
        changed = _changed(mount, environment, uris)
        return (
            *(Change(f"{at}/roles/{role}", "update") for role in changed),
            *(
                Change(f"{at}/roles/{role}", "delete", destructive=True)
                for role in sorted(mount.surplus)
            ),
        )

    def enrol(self, environment: Environment, consumer: Consumer, *, replace: bool) -> HostLogin:
        """Return a login of a consumer that was prepared."""
        del replace
        mount = self._vault.mount(consumer.environment)
        if environment != mount.environment or consumer.name not in mount.fetching:
            raise _rejected("no such role")
        return HostLogin(f"role-of-{consumer.name}", str(uuid.uuid4()), 900)


def _changed(
    mount: FakeMount, environment: Environment, uris: Mapping[str, Sequence[str]]
) -> list[str]:
    return [
        role
        for role, facts in sorted(environment.roles.items())
        if mount.environment.roles.get(role) != facts
        or sorted(mount.uris.get(role, ())) != sorted(uris.get(role, ()))
    ]


def _logins(mount: FakeMount, fetching: Sequence[Consumer]) -> tuple[str, ...]:
    before, mount.fetching = mount.fetching, {each.name: each for each in fetching}
    bound = [f"login of consumer {name} bound" for name in mount.fetching if name not in before]
    left = [f"login of consumer {name} withdrawn" for name in before if name not in mount.fetching]
    return (*bound, *left)


class FakeRotator:
    """Fulfils `trustwright.ports.Rotator`."""

    def __init__(self, vault: FakeVault, environment: str) -> None:
        self._vault = vault
        self._environment = environment

    @property
    def _mount(self) -> FakeMount:
        return self._vault.mount(self._environment)

    def ensure_key(self, key_name: str, subject: Subject, key_kind: str) -> KeyHandle:
        """Return the key with this name and a request over it."""
        mount = self._mount
        key = next((key for key in mount.keys.values() if key.name == key_name), None)
        created = key is None
        if key is None:
            if not key_name.startswith(f"{self._environment}-g"):
                raise Denied("permission denied", rule="VAULT-DENIED")
            key = FakeKey(str(uuid.uuid4()), key_name, ec.generate_private_key(CURVES[key_kind]))
            mount.keys[key.key_id] = key
        elif key.private.curve.name != CURVES[key_kind].name:
            raise VerificationError(f"the key is no {key_kind}", rule="VAULT-KEY-KIND")
        return KeyHandle(key.key_id, _request(key.private, subject), _spki(key.private), created)

    def import_intermediate(self, certificate: str, key_id: str, issuer_name: str) -> str:
        """Import, check, name; return the identifier."""
        mount, given = self._mount, _certificate(certificate)
        self._check(mount, given, key_id, issuer_name)
        found = next((i for i in mount.issuers.values() if i.certificate == given), None)
        issuer = found or FakeIssuer(str(uuid.uuid4()), given, key_id)
        mount.issuers[issuer.issuer_id] = replace(issuer, name=issuer_name)
        mount.default = mount.default or issuer.issuer_id
        if issuer.issuer_id not in mount.crls:
            _write_crl(mount, mount.issuers[issuer.issuer_id], self._vault.clock)
        return issuer.issuer_id

    def make_default(self, issuer_id: str) -> None:
        """Point the default at this issuer."""
        mount = self._mount
        mount.default = mount.issuer(issuer_id).issuer_id

    def issuers(self) -> Sequence[IssuerFacts]:
        """Return the issuers."""
        mount = self._mount
        return tuple(
            IssuerFacts(
                issuer_id=issuer.issuer_id,
                name=issuer.name,
                key_id=issuer.key_id,
                serial=serial_text(issuer.certificate.serial_number),
                default=issuer.issuer_id == mount.default,
            )
            for issuer in sorted(mount.issuers.values(), key=lambda issuer: issuer.issuer_id)
        )

    def keys(self) -> Mapping[str, str]:
        """Return identifier → name."""
        return {key.key_id: key.name for key in self._mount.keys.values()}

    def _check(
        self, mount: FakeMount, given: x509.Certificate, key_id: str, issuer_name: str
    ) -> None:
        units = [str(unit.value) for unit in given.subject.get_attributes_for_oid(_OU)]
        if units != [self._environment]:
            raise _misfit(f"its OU is {units}, not {self._environment}")
        for issuer in mount.issuers.values():
            if issuer.name == issuer_name and issuer.certificate != given:
                raise _misfit(f"the name belongs to issuer {issuer.issuer_id}")
        if key_id not in mount.keys:
            raise _rejected(f"unable to find PKI key for reference: {key_id}")
        if _spki(mount.keys[key_id].private) != _spki(given):
            raise _misfit(f"it is over another key than {key_id}")


class FakeAnchorSigner:
    """Fulfils `trustwright.ports.AnchorSigner`."""

    def __init__(self, vault: FakeVault, environment: str) -> None:
        self._vault = vault
        self._environment = environment

    def sign_self_issued(self, issuer_id: str, template: str) -> str:
        """Return the template signed by the issuer's key."""
        mount = self._vault.mount(self._environment)
        issuer, draft = mount.issuer(issuer_id), _certificate(template)
        subject = issuer.certificate.subject
        if (draft.subject, draft.issuer, _spki(draft)) != (
            subject,
            subject,
            _spki(issuer.certificate),
        ):
            raise VerificationError(
                "the template names another subject or key than the issuer", rule="VAULT-ANCHOR"
            )
        builder = x509.CertificateBuilder(
            subject_name=subject,
            issuer_name=subject,
            public_key=draft.public_key(),
            serial_number=draft.serial_number,
            not_valid_before=draft.not_valid_before_utc,
            not_valid_after=draft.not_valid_after_utc,
            extensions=[*draft.extensions, *_urls(mount, issuer_id)],
        )
        private = mount.keys[issuer.key_id].private
        return _pem(builder.sign(private, _hash(private)))


class FakeSigner:
    """Fulfils `trustwright.ports.Signer`."""

    def __init__(self, vault: FakeVault, environment: str) -> None:
        self._vault = vault
        self._environment = environment

    @property
    def _mount(self) -> FakeMount:
        return self._vault.mount(self._environment)

    def sign(self, order: SignOrder) -> str:
        """Return a new certificate, under the rules of a service's role."""
        if order.role == "admin":
            raise _denied()
        return _signed(self._mount, order, self._vault.clock)

    def sign_many(self, orders: Sequence[SignOrder]) -> Sequence[str | Exception]:
        """Return a PEM or the error for each order."""
        results: list[str | Exception] = []
        for order in orders:
            try:
                results.append(self.sign(order))
            except TrustwrightError as error:
                results.append(error)
        return results

    def revoke(self, serial: str) -> None:
        """Revoke a stored certificate."""
        mount = self._mount
        if serial not in mount.certificates:
            raise _rejected(f"certificate with serial {serial} not found.")
        mount.revoked.setdefault(serial, self._vault.clock.now())

    def rotate_crl(self) -> None:
        """Rebuild the CRL of every issuer that has a key."""
        mount = self._mount
        for issuer in mount.issuers.values():
            if issuer.key_id:
                _write_crl(mount, issuer, self._vault.clock)

    def crl(self, issuer_id: str) -> bytes:
        """Return the CRL as it was last built."""
        mount = self._mount
        return mount.crls[mount.issuer(issuer_id).issuer_id]

    def serials(self) -> Iterator[str]:
        """Yield the stored serials in order."""
        yield from sorted(self._mount.certificates)

    def certificate(self, serial: str) -> str | None:
        """Return a stored certificate, or None."""
        return self._mount.certificates.get(serial)


class FakeAdminSigner:
    """Fulfils `trustwright.ports.AdminSigner`."""

    def __init__(self, vault: FakeVault, environment: str) -> None:
        self._vault = vault
        self._environment = environment

    def sign(self, order: SignOrder) -> str:
        """Return a new certificate, under the rules of the role admin."""
        if order.role != "admin":
            raise _denied()
        return _signed(self._vault.mount(self._environment), order, self._vault.clock)


def _denied() -> Denied:
    return Denied("permission denied", rule="VAULT-DENIED")


def _signed(mount: FakeMount, order: SignOrder, clock: Clock) -> str:
    roles.sign_body(order)
    role = mount.environment.roles.get(order.role)  # type: ignore[call-overload]
    if role is None:
        raise _denied()
    issuer = mount.issuer(order.issuer_id)
    if not issuer.key_id:
        raise _rejected("requested usage issuing-certificates for issuer")
    _check_names(order, role.names, mount.uris.get(order.role, ()))
    certificate = _certified(mount, issuer, order, min(order.ttl, role.ttl), clock.now())
    serial = serial_text(certificate.serial_number)
    mount.certificates[serial] = _pem(certificate)
    if order.ttl > role.ttl:
        raise VerificationError("TTL is longer than permitted maxTTL", rule="VAULT-WARNING")
    return mount.certificates[serial]


def _certified(
    mount: FakeMount, issuer: FakeIssuer, order: SignOrder, ttl: int, now: datetime
) -> x509.Certificate:
    end = now + timedelta(seconds=ttl)
    if end > issuer.certificate.not_valid_after_utc:
        raise _rejected("cannot satisfy request, as TTL would result in notAfter beyond the CA")
    request = _parsed_request(order.csr)
    builder = x509.CertificateBuilder(
        subject_name=_leaf_subject(mount, order.names[0]),
        issuer_name=issuer.certificate.subject,
        public_key=request.public_key(),
        serial_number=new_serial(),
        not_valid_before=now - BACKDATE,
        not_valid_after=end,
        extensions=[*_leaf_extensions(mount, issuer, order, request)],
    )
    private = mount.keys[issuer.key_id].private
    return builder.sign(private, _hash(private))


_OU = NameOID.ORGANIZATIONAL_UNIT_NAME


def _leaf_subject(mount: FakeMount, name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, mount.organization),
            x509.NameAttribute(_OU, mount.name),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _leaf_extensions(
    mount: FakeMount,
    issuer: FakeIssuer,
    order: SignOrder,
    request: x509.CertificateSigningRequest,
) -> list[x509.Extension[x509.ExtensionType]]:
    role = mount.environment.roles[order.role]  # type: ignore[index]
    ski = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    names = [x509.DNSName(name) for name in order.names]
    uris = [x509.UniformResourceIdentifier(uri) for uri in order.uris]
    policy = x509.PolicyInformation(x509.ObjectIdentifier(mount.environment.policy), None)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return [
        _extension(usage, critical=True),
        _extension(
            x509.ExtendedKeyUsage([USAGES[usage] for usage in sorted(role.usage, reverse=True)])
        ),
        _extension(x509.SubjectKeyIdentifier.from_public_key(request.public_key())),
        _extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ski)),
        *_urls(mount, issuer.issuer_id),
        _extension(x509.SubjectAlternativeName([*names, *uris])),
        _extension(x509.CertificatePolicies([policy])),
    ]


def _urls(mount: FakeMount, issuer_id: str) -> list[x509.Extension[x509.ExtensionType]]:
    vault = mount.environment.vault
    place = "/".join(part for part in ("v1", vault.namespace, vault.mount) if part)
    base = mount.environment.publish or f"{vault.address.rstrip('/')}/{place}"
    crl = x509.UniformResourceIdentifier(f"{base}/issuer/{issuer_id}/crl/der")
    issuer = x509.UniformResourceIdentifier(f"{base}/issuer/{issuer_id}/der")
    access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, issuer)
    point = x509.DistributionPoint([crl], None, None, None)
    return [
        _extension(x509.AuthorityInformationAccess([access])),
        _extension(x509.CRLDistributionPoints([point])),
    ]


def _extension(
    value: x509.ExtensionType, *, critical: bool = False
) -> x509.Extension[x509.ExtensionType]:
    return x509.Extension(value.oid, critical, value)


def _check_names(order: SignOrder, subtree: str, uris: Sequence[str]) -> None:
    for name in order.names:
        if not name.endswith(f".{subtree}") or "*" in name:
            raise _rejected(f"subject alternate name {name} not allowed by this role")
    for uri in order.uris:
        if uri not in uris:
            raise Rejected(
                "URI Subject Alternative Names were provided which are not valid for this role",
                rule=OUTSIDE_ROLE.rule,
                hint=OUTSIDE_ROLE.hint,
            )


def _write_crl(mount: FakeMount, issuer: FakeIssuer, clock: Clock) -> None:
    now = clock.now()
    mount.crl_number += 1
    private = mount.keys[issuer.key_id].private
    ski = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    aki = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ski)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now)
        .next_update(now + CRL_LIFE)
        .add_extension(aki, critical=False)
        .add_extension(x509.CRLNumber(mount.crl_number), critical=False)
    )
    for serial, at in sorted(mount.revoked.items()):
        certificate = _certificate(mount.certificates[serial])
        if certificate.issuer == issuer.certificate.subject:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder(certificate.serial_number, at).build()
            )
    crl = builder.sign(private, _hash(private))
    mount.crls[issuer.issuer_id] = crl.public_bytes(Encoding.DER)


def _request(private: ec.EllipticCurvePrivateKey, subject: Subject) -> str:
    parts = [
        (NameOID.ORGANIZATION_NAME, subject.organization),
        (_OU, subject.unit),
        (NameOID.COMMON_NAME, subject.common_name),
    ]
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in parts if value])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(private, _hash(private)).public_bytes(Encoding.PEM).decode()


def _parsed_request(csr: str) -> x509.CertificateSigningRequest:
    try:
        request = x509.load_pem_x509_csr(csr.encode())
    except ValueError:
        raise _rejected("csr contains no data") from None
    if not isinstance(request.public_key(), ec.EllipticCurvePublicKey):
        raise _rejected("role requires keys of type ec")
    return request


def _certificate(pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise VerificationError("not a certificate", rule="PARSE-CERTIFICATE") from None


def _spki(item: ec.EllipticCurvePrivateKey | x509.Certificate) -> str:
    public = item.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    return keys.spki_sha256(public)


def _hash(private: ec.EllipticCurvePrivateKey) -> hashes.SHA256 | hashes.SHA384:
    return hashes.SHA384() if private.curve.key_size == 384 else hashes.SHA256()


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _rejected(what: str) -> Rejected:
    return Rejected(what, rule="VAULT-REFUSED", hint="the same call fails again")


def _misfit(what: str) -> VerificationError:
    return VerificationError(what, rule="VAULT-IMPORT")
