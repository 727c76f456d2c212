"""Certificates that must not get in: the other environment's own, and forged ones."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.real import RealWorld
from tests.stacks import Credential, RelyingParty
from trustwright.model.profile import Subject, Usage
from trustwright.x509 import parse
from trustwright.x509.build import build_request
from trustwright.x509.keys import generate_key, private_pem

FLAGS: dict[Usage, str] = {"server": "ServerAuth", "client": "ClientAuth"}


def delivered(world: RealWorld, environment: str, consumer: str) -> Credential:
    """Return what a consumer was given, as it presents it."""
    folder = world.delivered(environment, consumer)
    key = "host.key" if (folder / "host.key").exists() else "key.pem"
    return Credential(
        key=folder / key,
        chain=folder / "fullchain.pem",
        name=f"{consumer}.{environment}.example.internal",
    )


def party(world: RealWorld, environment: str, consumer: str) -> RelyingParty:
    """Return a consumer as the side that judges, with the bundles that it was given."""
    folder = world.delivered(environment, consumer)
    return RelyingParty(
        credential=delivered(world, environment, consumer),
        trust=folder / "trust.pem",
        crl=folder / "crl.pem",
    )


def forged(world: RealWorld, by: str, name: str, usage: Usage, folder: Path) -> Credential:
    """Return a certificate for `name` that the intermediate of environment `by` signs.

    It is what a thief of that intermediate could make: the server's operator signs it past every
    role.
    """
    (issuer,) = world.ports.store.issuers.find(environment=by)
    environment, _, _ = name.split(".", 1)[1].partition(".")
    key = generate_key("ec-p256")
    subject = Subject(organization="Example", unit=environment, common_name=name)
    reply = world.server.operator().write(
        f"{world.namespace(by)}/pki/issuer/{issuer.issuer_id}/sign-verbatim",
        {
            "csr": build_request(key, subject, (name,)),
            "ttl": "1h",
            "key_usage": ["DigitalSignature"],
            "ext_key_usage": [FLAGS[usage]],
        },
    )
    leaf = parse.certificate(reply["certificate"])
    chain, private = folder / "forged.pem", folder / "forged.key"
    chain.write_text(parse.pem(leaf) + (issuer.certificate or ""))
    private.touch(mode=0o600)
    private.write_bytes(private_pem(key))
    return Credential(key=private, chain=chain, name=name)
