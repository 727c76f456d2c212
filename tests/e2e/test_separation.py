"""The bundles that we deliver separate the environments, in every TLS stack at hand."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.intruders import delivered, forged, party
from tests.e2e.real import RealWorld
from tests.stacks import CLIENTS, SERVERS, ClientStack, ServerStack
from trustwright.x509 import parse

pytestmark = [pytest.mark.e2e, pytest.mark.stacks]

BLIND_TO_USAGE = {"gnutls-serv"}
"""Servers that never look at the extended key usage of a client (docs/runbooks/relying-parties)."""
PAIRS = [("prod", "test"), ("test", "prod")]
servers = pytest.mark.parametrize("stack", SERVERS, ids=lambda stack: stack.name)
clients = pytest.mark.parametrize("stack", CLIENTS, ids=lambda stack: stack.name)
directions = pytest.mark.parametrize(("own", "other"), PAIRS, ids=lambda name: name)


@servers
@directions
def test_server_accepts_its_own_environment(
    two_environments: RealWorld, stack: ServerStack, own: str, other: str, tmp_path: Path
) -> None:
    """An agent and a proxy of the same environment get in."""
    del other
    billing = party(two_environments, own, "billing")
    for client in ("collector", "gateway"):
        peer = delivered(two_environments, own, client)
        outcome = stack.judge_client(billing, peer, tmp_path / client)
        assert outcome.accepted, outcome.detail


@servers
@directions
def test_server_refuses_the_other_environment(
    two_environments: RealWorld, stack: ServerStack, own: str, other: str, tmp_path: Path
) -> None:
    """Neither an honest certificate nor a forged one of the other environment gets in."""
    billing = party(two_environments, own, "billing")
    honest = delivered(two_environments, other, "collector")
    name = f"collector.{own}.example.internal"
    thief = forged(two_environments, other, name, "client", tmp_path)
    for number, peer in enumerate((honest, thief)):
        outcome = stack.judge_client(billing, peer, tmp_path / str(number))
        assert not outcome.accepted, outcome.detail


@clients
@directions
def test_client_accepts_its_own_environment(
    two_environments: RealWorld, stack: ClientStack, own: str, other: str, tmp_path: Path
) -> None:
    """A managed server, a proxy and a server with its host's own key are accepted."""
    del other
    collector = party(two_environments, own, "collector")
    for server in ("billing", "gateway", "ledger"):
        peer = delivered(two_environments, own, server)
        outcome = stack.judge_server(collector, peer, peer.name, tmp_path / server)
        assert outcome.accepted, outcome.detail


@clients
@directions
def test_client_refuses_the_other_environment(
    two_environments: RealWorld, stack: ClientStack, own: str, other: str, tmp_path: Path
) -> None:
    """Neither an honest server of the other environment nor a forged one is accepted."""
    collector = party(two_environments, own, "collector")
    honest = delivered(two_environments, other, "billing")
    name = f"billing.{own}.example.internal"
    thief = forged(two_environments, other, name, "server", tmp_path)
    for number, peer in enumerate((honest, thief)):
        outcome = stack.judge_server(collector, peer, peer.name, tmp_path / str(number))
        assert not outcome.accepted, outcome.detail


def with_root(world: RealWorld, trust: Path, folder: Path) -> Path:
    """Return a bundle with the root in it, which we never deliver."""
    leaky = folder / "leaky.pem"
    leaky.write_text(trust.read_text() + world.root.pem)
    return leaky


@servers
def test_with_the_root_the_same_client_gets_in(
    two_environments: RealWorld, stack: ServerStack, tmp_path: Path
) -> None:
    """The refusal comes from the anchor: with the root in the bundle the intruder is let in."""
    billing = party(two_environments, "prod", "billing")
    leaky = replace(billing, trust=with_root(two_environments, billing.trust, tmp_path), crl=None)
    intruder = delivered(two_environments, "test", "collector")
    assert not stack.judge_client(replace(billing, crl=None), intruder, tmp_path / "ours").accepted
    outcome = stack.judge_client(leaky, intruder, tmp_path / "leaky")
    assert outcome.accepted, outcome.detail


@clients
def test_with_the_root_the_same_server_is_accepted(
    two_environments: RealWorld, stack: ClientStack, tmp_path: Path
) -> None:
    """The refusal comes from the anchor: with the root in the bundle the stranger is believed."""
    collector = party(two_environments, "prod", "collector")
    trust = with_root(two_environments, collector.trust, tmp_path)
    leaky = replace(collector, trust=trust, crl=None)
    stranger = delivered(two_environments, "test", "billing")
    ours = replace(collector, crl=None)
    assert not stack.judge_server(ours, stranger, stranger.name, tmp_path / "ours").accepted
    outcome = stack.judge_server(leaky, stranger, stranger.name, tmp_path / "leaky")
    assert outcome.accepted, outcome.detail


@servers
def test_usage_is_kept_apart(
    two_environments: RealWorld, stack: ServerStack, tmp_path: Path
) -> None:
    """A certificate for servers only is no client certificate; gnutls-serv alone does not look."""
    billing = party(two_environments, "prod", "billing")
    peer = delivered(two_environments, "prod", "ledger")
    outcome = stack.judge_client(billing, peer, tmp_path)
    assert outcome.accepted == (stack.name in BLIND_TO_USAGE), outcome.detail


@pytest.mark.parametrize("environment", ["test", "prod"])
@pytest.mark.parametrize("consumer", ["billing", "gateway", "collector", "ledger"])
def test_no_bundle_holds_the_root(
    two_environments: RealWorld, environment: str, consumer: str
) -> None:
    """Every delivered file is free of the root; anchor and intermediate are twins."""
    folder = two_environments.delivered(environment, consumer)
    (anchor,) = parse.certificates((folder / "trust.pem").read_text())
    leaf, intermediate = parse.certificates((folder / "fullchain.pem").read_text())
    root = two_environments.root.certificate
    for each in (anchor, leaf, intermediate):
        assert parse.spki_sha256(each) != parse.spki_sha256(root)
    assert anchor.issuer == anchor.subject == intermediate.subject
    assert intermediate.issuer == root.subject
    assert parse.spki_sha256(anchor) == parse.spki_sha256(intermediate)
    assert parse.skid(anchor) == parse.skid(intermediate)


@pytest.mark.parametrize("environment", ["test", "prod"])
@pytest.mark.parametrize("consumer", ["billing", "gateway", "collector", "ledger"])
def test_openssl_accepts_both_paths(
    two_environments: RealWorld, environment: str, consumer: str, tmp_path: Path
) -> None:
    """``openssl verify -x509_strict -check_ss_sig`` accepts leaf → anchor and leaf → root."""
    folder = two_environments.delivered(environment, consumer)
    root = tmp_path / "root.pem"
    root.write_text(two_environments.root.pem)
    for trust in (folder / "trust.pem", root):
        done = subprocess.run(
            [
                "openssl",
                "verify",
                "-x509_strict",
                "-check_ss_sig",
                "-no-CApath",
                "-no-CAstore",
                "-CAfile",
                trust,
                "-untrusted",
                folder / "fullchain.pem",
                folder / "cert.pem",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout.strip()) == (0, f"{folder / 'cert.pem'}: OK")


def test_the_canary_is_refused(two_environments: RealWorld) -> None:
    """The delivered CRL names the environment's always-revoked certificate."""
    (issuer,) = two_environments.ports.store.issuers.find(environment="prod")
    folder = two_environments.delivered("prod", "billing")
    listed = {entry.serial_number for entry in parse.crl((folder / "crl.pem").read_text())}
    assert int((issuer.canary or "").replace(":", ""), 16) in listed
