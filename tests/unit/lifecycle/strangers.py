"""Certificates that somebody has signed behind our back."""

from __future__ import annotations

from tests.fakes.world import World
from trustwright.ids import serial_text
from trustwright.model.profile import Subject
from trustwright.ports import SignOrder
from trustwright.x509 import parse
from trustwright.x509.build import build_request
from trustwright.x509.keys import generate_key

DOMAIN = "prod.example.internal"


def sign_behind_our_back(world: World, *, ttl: int = 72 * 3600, csr: str = "") -> str:
    """Have Vault sign with the issuer's login and no intent; return the serial."""
    issuer = world.ports.store.issuers.get("prod-g1")
    assert issuer is not None
    subject = Subject(organization="Elsewhere", common_name="evil.example.com")
    order = SignOrder(
        issuer_id=issuer.issuer_id or "",
        role="proxy",
        csr=csr or build_request(generate_key("ec-p256"), subject),
        names=(f"evil.{DOMAIN}",),
        uris=(f"spiffe://{DOMAIN}/proxy/gateway",),
        ttl=ttl,
    )
    pem = world.ports.vault.signer("prod").sign(order)
    return serial_text(parse.certificate(pem).serial_number)
