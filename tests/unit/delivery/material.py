"""A small PKI for delivery tests: root, one intermediate with its anchor, end entities."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509

from tests.fakes.root import TestRoot
from trustwright.ids import new_serial
from trustwright.model.estate import Consumer
from trustwright.model.profile import Profile
from trustwright.ports import Delivered, DeliverySet, Target
from trustwright.x509 import parse
from trustwright.x509.build import build_request, sign_certificate
from trustwright.x509.crl import build_crl
from trustwright.x509.keys import generate_key, private_pem
from trustwright.x509.profiles import end_entity_profile, intermediate_profile

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
DAY = 86_400
POLICY = "1.3.6.1.4.1.32473.1.2"
NAME = "billing.prod.example.internal"


class Pki:
    """Root, intermediate and anchor of one environment."""

    def __init__(self) -> None:
        self.root = TestRoot(NOW)
        self.key = generate_key("ec-p384")
        self.profile = intermediate_profile(
            organization="Example",
            environment="prod",
            domain="prod.example.internal",
            policy=POLICY,
            generation=1,
            validity=730 * DAY,
        )
        self.intermediate = self._sign(self.profile, self.root.certificate)
        self.anchor = sign_certificate(
            self.profile,
            public_key=self.key.public_key(),
            serial=new_serial(),
            signed_at=NOW,
            issuer_key=self.key,
            issuer_name=self.intermediate.subject,
            issuer_skid=None,
        )
        self.crl = build_crl(
            issuer_key=self.key,
            issuer=self.intermediate,
            number=1,
            this_update=NOW,
            next_update=NOW + timedelta(days=3),
            revoked=[],
        )

    def _sign(self, profile: Profile, issuer: x509.Certificate) -> x509.Certificate:
        return sign_certificate(
            profile,
            public_key=self.key.public_key(),
            serial=new_serial(),
            signed_at=NOW,
            issuer_key=self.root.key,
            issuer_name=issuer.subject,
            issuer_skid=parse.skid(issuer),
        )

    def delivery(self, name: str = NAME, ttl: int = 3 * DAY) -> DeliverySet:
        """Return a set with a new key and certificate."""
        key = generate_key("ec-p256")
        profile = end_entity_profile(
            organization="Example",
            environment="prod",
            role_usage=("server",),
            names=(name,),
            uris=("spiffe://prod.example.internal/server/billing",),
            policy=POLICY,
            ttl=ttl,
        )
        leaf = sign_certificate(
            profile,
            public_key=key.public_key(),
            serial=new_serial(),
            signed_at=NOW,
            issuer_key=self.key,
            issuer_name=self.intermediate.subject,
            issuer_skid=parse.skid(self.intermediate),
        )
        return DeliverySet(
            certificate=parse.pem(leaf),
            chain=parse.pem(leaf) + parse.pem(self.intermediate),
            trust=parse.pem(self.anchor),
            crl=parse.pem(self.crl),
            key=private_pem(key),
            crl_until=NOW + timedelta(days=3),
            crl_due=NOW + timedelta(days=1, hours=12),
            facts={"issuer": "prod-g1", "trusts": ["prod"], "anchors": ("a",)},
        )


@cache
def pki() -> Pki:
    """Return the one PKI of a test run."""
    return Pki()


def host_delivery() -> DeliverySet:
    """Return a set whose key stays on the host."""
    return replace(pki().delivery(), key=None)


def put(target: Target, delivery: DeliverySet) -> Delivered:
    """Deliver over whatever is in place."""
    return target.deliver(delivery, expected=target.observed())


def request_pem() -> str:
    """Return a certification request as a host leaves it."""
    profile = pki().profile
    return build_request(generate_key("ec-p256"), profile.subject, (NAME,))


def consumer(name: str = "billing", **changes: Any) -> Consumer:
    """Return a consumer that fetches its set; its host keeps the key."""
    return Consumer.model_validate(
        {
            "name": name,
            "environment": "test",
            "role": "server",
            "owner": "payments",
            "names": [f"{name}.test.example.internal"],
            "trusts": ["test"],
            "key": "host",
            "deliver": {"vault_kv": {}},
            **changes,
        }
    )
