"""Prepared environments, in a fake and in a real OpenBao, and the root that signs for them."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tests.contract.openbao import OpenBao, running
from tests.fakes.clock import HeldClock
from tests.fakes.vault import FakeVault
from trustwright import ids
from trustwright.clock import Clock, SystemClock
from trustwright.model.estate import Environment
from trustwright.model.plan import Found
from trustwright.model.profile import Profile, Subject
from trustwright.ports import (
    AdminSigner,
    AnchorSigner,
    IssuerFacts,
    KeyHandle,
    Provisioner,
    Rotator,
    Signer,
    SignOrder,
)
from trustwright.vault import connect, identities
from trustwright.x509 import build, encoding, keys, parse, profiles

ORGANIZATION = "Example"
POLICY = "1.3.6.1.4.1.99999.1.1"
DAY = 86_400
SUBJECTS = {"server": ("billing", "shop"), "admin": ("alice",), "proxy": ("gateway",)}


def environment(
    name: str,
    folder: Path,
    *,
    address: str = "https://127.0.0.1:1",
    namespace: str = "",
    ca: Path | None = None,
    admin_ttl: str = "12h",
) -> Environment:
    """An environment as the estate file has it."""
    domain = f"{name}.example.internal"
    role = {"names": domain, "renew_before": "4h"}
    return Environment.model_validate(
        {
            "domain": domain,
            "policy": POLICY,
            "vault": {"address": address, "namespace": namespace, "ca": ca, "identity": folder},
            "roles": {
                "server": {**role, "ttl": "72h", "usage": ["server"]},
                "admin": {**role, "ttl": admin_ttl, "usage": ["client"]},
                "proxy": {**role, "ttl": "72h", "usage": ["server", "client"]},
            },
        }
    )


class Root:
    """An offline root that signs what it is told to."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.key = keys.generate_key("ec-p384")
        profile = profiles.root_profile(ORGANIZATION, "Example Root", 3650 * DAY)
        self.name = encoding.subject_name(profile.subject)
        self.certificate = self.sign(profile, self.key.public_key(), None)

    def sign(
        self, profile: Profile, public_key: ec.EllipticCurvePublicKey, skid: bytes | None
    ) -> x509.Certificate:
        """A certificate of this profile."""
        return build.sign_certificate(
            profile,
            public_key=public_key,
            serial=ids.new_serial(),
            signed_at=self.clock.now(),
            issuer_key=self.key,
            issuer_name=self.name,
            issuer_skid=skid,
        )

    def intermediate(self, profile: Profile, public_key: object) -> str:
        """An intermediate over this public key, as PEM."""
        assert isinstance(public_key, ec.EllipticCurvePublicKey)
        return parse.pem(self.sign(profile, public_key, parse.skid(self.certificate)))


@dataclass
class Place:
    """One environment and its identities.

    Attributes:
        uris: what each role may sign, as the estate's consumers would have it.
    """

    name: str
    environment: Environment
    clock: Clock
    provisioner: Provisioner
    rotator: Rotator
    anchors: AnchorSigner
    signer: Signer
    admins: AdminSigner
    root: Root = field(init=False)

    def __post_init__(self) -> None:
        """Make the root."""
        self.root = Root(self.clock)
        self.uris = {
            role: tuple(f"spiffe://{self.environment.domain}/{role}/{name}" for name in names)
            for role, names in SUBJECTS.items()
        }

    def prepare(self) -> tuple[str, ...]:
        """Prepare as the estate says."""
        return self.provisioner.prepare(self.name, self.environment, ORGANIZATION, self.uris)

    def plan(self) -> Sequence[Found]:
        """Plan what preparing would do."""
        return self.provisioner.plan(self.name, self.environment, ORGANIZATION, self.uris)

    def profile(self, generation: int = 1, *, unit: str | None = None) -> Profile:
        """The profile of a generation's intermediate."""
        return profiles.intermediate_profile(
            organization=ORGANIZATION,
            environment=unit or self.name,
            domain=self.environment.domain,
            policy=self.environment.policy,
            generation=generation,
            validity=730 * DAY,
        )

    def key(self, generation: int = 1) -> KeyHandle:
        """The key of a generation."""
        name = f"{self.name}-g{generation}"
        return self.rotator.ensure_key(name, self.profile(generation).subject, "ec-p384")

    def signed(self, handle: KeyHandle, generation: int = 1) -> str:
        """The root's certificate over a key."""
        request = parse.request(handle.csr)
        return self.root.intermediate(self.profile(generation), request.public_key())

    def introduce(self, generation: int = 1) -> str:
        """Key, certificate and import of a generation; the issuer's identifier."""
        handle = self.key(generation)
        name = f"{self.name}-g{generation}"
        return self.rotator.import_intermediate(
            self.signed(handle, generation), handle.key_id, name
        )

    def issuer(self, issuer_id: str) -> IssuerFacts:
        """What the list says about an issuer."""
        return next(item for item in self.rotator.issuers() if item.issuer_id == issuer_id)

    def issuer_of(self, name: str) -> str:
        """The identifier of the issuer with this name."""
        return next(item.issuer_id for item in self.rotator.issuers() if item.name == name)

    def order(self, issuer_id: str, **changes: object) -> SignOrder:
        """A good order for a server certificate, with changes."""
        domain = self.environment.domain
        facts: dict[str, object] = {
            "issuer_id": issuer_id,
            "role": "server",
            "csr": csr(),
            "names": (f"billing.{domain}", f"pay.{domain}"),
            "uris": (f"spiffe://{domain}/server/billing",),
            "ttl": 3600,
        }
        return SignOrder(**(facts | changes))  # type: ignore[arg-type]

    def admin_order(self, issuer_id: str, **changes: object) -> SignOrder:
        """A good order for an admin's certificate, with changes."""
        domain = self.environment.domain
        facts: dict[str, object] = {
            "role": "admin",
            "names": (f"alice.{domain}",),
            "uris": (f"spiffe://{domain}/admin/alice",),
        }
        return self.order(issuer_id, **(facts | changes))


def csr(key: ec.EllipticCurvePrivateKey | None = None) -> str:
    """A request whose own names are nobody's business."""
    key = key or keys.generate_key("ec-p256")
    subject = Subject(organization="Elsewhere", common_name="evil.example.com")
    return build.build_request(key, subject, names=("evil.example.com",))


@pytest.fixture(scope="session")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    """One OpenBao for the session; tests keep apart by namespace."""
    with running(tmp_path_factory.mktemp("openbao")) as server:
        yield server


FreshEnvironment = Callable[..., Place]

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def fresh_environment(
    openbao: OpenBao, tmp_path_factory: pytest.TempPathFactory
) -> FreshEnvironment:
    """Make environments in namespaces of their own: ``fresh_environment("test")``."""

    def make(name: str = "test", *, prepare: bool = True) -> Place:
        folder = tmp_path_factory.mktemp("identities")
        identities.create_identity_keys(folder)
        return real_place(openbao, name, folder, prepare=prepare)

    return make


def real_place(server: OpenBao, name: str, folder: Path, *, prepare: bool = True) -> Place:
    """An environment in a namespace of its own in `server`."""
    facts = environment(
        name,
        folder,
        address=server.address,
        namespace=f"{name}-{next(_numbers)}-{secrets.token_hex(3)}",
        ca=server.ca,
    )
    provisioner = connect.provisioner(name, facts, server.provisioner_key)
    place = Place(
        name=name,
        environment=facts,
        clock=SystemClock(),
        provisioner=provisioner,
        rotator=connect.rotator(name, facts),
        anchors=connect.anchor_signer(name, facts),
        signer=connect.signer(name, facts),
        admins=connect.admin_signer(name, facts),
    )
    if prepare:
        place.prepare()
    return place


def fake_place(vault: FakeVault, name: str, folder: Path, *, prepare: bool = True) -> Place:
    """An environment in a fake."""
    place = Place(
        name=name,
        environment=environment(name, folder),
        clock=vault.clock,
        provisioner=vault.provisioner(name),
        rotator=vault.rotator(name),
        anchors=vault.anchor_signer(name),
        signer=vault.signer(name),
        admins=vault.admin_signer(name),
    )
    if prepare:
        place.prepare()
    return place


@pytest.fixture(params=["fake", "openbao"])
def make_place(request: pytest.FixtureRequest, tmp_path: Path) -> FreshEnvironment:
    """Make environments, in the fake and in the real one."""
    if request.param == "openbao":
        made: FreshEnvironment = request.getfixturevalue("fresh_environment")
        return made
    vault = FakeVault(HeldClock(SystemClock().now()))

    def make(name: str = "test", *, prepare: bool = True) -> Place:
        return fake_place(vault, name, tmp_path, prepare=prepare)

    return make


@pytest.fixture
def place(make_place: FreshEnvironment) -> Place:
    """A prepared environment called test."""
    return make_place("test")
