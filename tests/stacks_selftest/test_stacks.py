"""Every stack accepts its own environment and refuses the other one, because of the anchor."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.stacks import (
    CLIENTS,
    SERVERS,
    ClientStack,
    Credential,
    RelyingParty,
    ServerStack,
    Stack,
    StackFailure,
)
from tests.stacks_selftest.pki import (
    CLIENT,
    SERVER,
    create_environment,
    create_root,
    domain,
    write,
)

pytestmark = pytest.mark.stacks

WEB = f"web.{domain('prod')}"
TEST_WEB = f"web.{domain('test')}"

servers = pytest.mark.parametrize("stack", SERVERS, ids=lambda stack: stack.name)
clients = pytest.mark.parametrize("stack", CLIENTS, ids=lambda stack: stack.name)
# nginx and Node name the last error only: with a CRL that is often the other intermediate's missing
# CRL. Without one, only the anchor is left to refuse.
with_and_without_crl = pytest.mark.parametrize("crl", [True, False], ids=["crl", "no-crl"])
revoking_servers = pytest.mark.parametrize(
    "stack", [each for each in SERVERS if each.checks_crl], ids=lambda stack: stack.name
)
revoking_clients = pytest.mark.parametrize(
    "stack", [each for each in CLIENTS if each.checks_crl], ids=lambda stack: stack.name
)


@dataclass(frozen=True)
class Leaves:
    """The certificates of one purpose that are shown to a relying party of prod."""

    own: Credential
    revoked: Credential
    following: Credential
    """Of the environment's next intermediate."""
    other: Credential
    """An honest certificate of test."""
    forged: Credential
    """A name of prod, signed by test."""


@dataclass(frozen=True)
class World:
    """A prod server and a prod client, the root, and whom they may meet."""

    server: RelyingParty
    client: RelyingParty
    root: Path
    rotation: tuple[Path, Path]
    """Anchors and CRLs of the current and the next intermediate, each in one file."""
    servers: Leaves
    clients: Leaves


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two environments under one root."""
    folder = tmp_path_factory.mktemp("pki")
    root = create_root()
    write(folder / "root.pem", root.certificate)
    prod = create_environment("prod", root, folder / "prod")
    following = create_environment("prod", root, folder / "next", generation=2)
    test = create_environment("test", root, folder / "test")
    presented = {
        purpose: Leaves(
            own=prod.issue(f"{label}-own", WEB, purpose),
            revoked=prod.issue(f"{label}-revoked", WEB, purpose),
            following=following.issue(f"{label}-following", WEB, purpose),
            other=test.issue(f"{label}-other", TEST_WEB, purpose),
            forged=test.issue(f"{label}-forged", WEB, purpose),
        )
        for label, purpose in (("server", SERVER), ("client", CLIENT))
    }
    crl = prod.revoke(presented[SERVER].revoked, presented[CLIENT].revoked)
    anchors = concatenate(folder / "both-anchors.pem", prod.trust, following.trust)
    crls = concatenate(folder / "both-crls.pem", crl, following.revoke())
    return World(
        server=RelyingParty(presented[SERVER].own, prod.trust, crl),
        client=RelyingParty(presented[CLIENT].own, prod.trust, crl),
        root=folder / "root.pem",
        rotation=(anchors, crls),
        servers=presented[SERVER],
        clients=presented[CLIENT],
    )


def concatenate(path: Path, *parts: Path) -> Path:
    """Several PEM files as one."""
    path.write_text("".join(part.read_text() for part in parts))
    return path


def in_rotation(party: RelyingParty, world: World) -> RelyingParty:
    """The party while an intermediate is being replaced."""
    anchors, crls = world.rotation
    return replace(party, trust=anchors, crl=crls)


def trusting_root(party: RelyingParty, world: World) -> RelyingParty:
    """The mistake that this project prevents. Without CRL: the root's would be needed too."""
    return replace(party, trust=world.root, crl=None)


@pytest.mark.parametrize("stack", [*SERVERS, *CLIENTS], ids=lambda stack: stack.name)
def test_is_installed(stack: Stack) -> None:
    """A missing stack is a failure that names the package, never a skipped proof."""
    assert stack.missing() is None, f"{stack.name}: install {stack.missing()}"


@servers
def test_server_accepts_own_client(stack: ServerStack, world: World, tmp_path: Path) -> None:
    """The anchor and the CRL admit the environment's own clients."""
    outcome = stack.judge_client(world.server, world.clients.own, tmp_path)
    assert outcome.accepted, outcome.detail


@servers
@with_and_without_crl
@pytest.mark.parametrize("intruder", ["other", "forged"])
def test_server_refuses_other_client(
    stack: ServerStack, intruder: str, crl: bool, world: World, tmp_path: Path
) -> None:
    """Neither an honest nor a forged client certificate of test gets in."""
    party = world.server if crl else replace(world.server, crl=None)
    outcome = stack.judge_client(party, getattr(world.clients, intruder), tmp_path)
    assert not outcome.accepted, outcome.detail


@servers
@pytest.mark.parametrize("generation", ["own", "following"])
def test_server_in_rotation_accepts_both(
    stack: ServerStack, generation: str, world: World, tmp_path: Path
) -> None:
    """With two anchors and two CRLs, clients of both intermediates are admitted."""
    party = in_rotation(world.server, world)
    outcome = stack.judge_client(party, getattr(world.clients, generation), tmp_path)
    assert outcome.accepted, outcome.detail


@servers
def test_server_trusting_root_leaks(stack: ServerStack, world: World, tmp_path: Path) -> None:
    """With the root as anchor the other environment's client gets in: the anchor is the wall."""
    party = trusting_root(world.server, world)
    outcome = stack.judge_client(party, world.clients.other, tmp_path)
    assert outcome.accepted, outcome.detail


@revoking_servers
def test_server_refuses_revoked_client(stack: ServerStack, world: World, tmp_path: Path) -> None:
    """A client on the CRL is refused, and only because of the CRL."""
    outcome = stack.judge_client(world.server, world.clients.revoked, tmp_path / "crl")
    assert not outcome.accepted, outcome.detail
    party = replace(world.server, crl=None)
    outcome = stack.judge_client(party, world.clients.revoked, tmp_path / "no-crl")
    assert outcome.accepted, outcome.detail


@servers
def test_server_with_broken_trust_is_no_judgement(
    stack: ServerStack, world: World, tmp_path: Path
) -> None:
    """An unusable trust file is a failure, not a refusal."""
    party = replace(world.server, trust=garbage(tmp_path))
    with pytest.raises(StackFailure, match=r"trust\.pem"):
        stack.judge_client(party, world.clients.other, tmp_path / "run")


@clients
def test_client_accepts_own_server(stack: ClientStack, world: World, tmp_path: Path) -> None:
    """The anchor and the CRL admit the environment's own servers."""
    outcome = stack.judge_server(world.client, world.servers.own, WEB, tmp_path)
    assert outcome.accepted, outcome.detail


@clients
@with_and_without_crl
@pytest.mark.parametrize("intruder", ["other", "forged"])
def test_client_refuses_other_server(
    stack: ClientStack, intruder: str, crl: bool, world: World, tmp_path: Path
) -> None:
    """Neither an honest nor a forged server of test is believed, under its own name."""
    party = world.client if crl else replace(world.client, crl=None)
    server: Credential = getattr(world.servers, intruder)
    outcome = stack.judge_server(party, server, server.name, tmp_path)
    assert not outcome.accepted, outcome.detail


@clients
def test_client_refuses_wrong_name(stack: ClientStack, world: World, tmp_path: Path) -> None:
    """The host name is verified: an own server under another own name is refused."""
    name = f"other.{domain('prod')}"
    outcome = stack.judge_server(world.client, world.servers.own, name, tmp_path)
    assert not outcome.accepted, outcome.detail


@clients
@pytest.mark.parametrize("generation", ["own", "following"])
def test_client_in_rotation_accepts_both(
    stack: ClientStack, generation: str, world: World, tmp_path: Path
) -> None:
    """With two anchors and two CRLs, servers of both intermediates are believed."""
    party = in_rotation(world.client, world)
    outcome = stack.judge_server(party, getattr(world.servers, generation), WEB, tmp_path)
    assert outcome.accepted, outcome.detail


@clients
def test_client_trusting_root_leaks(stack: ClientStack, world: World, tmp_path: Path) -> None:
    """With the root as anchor the other environment's server is believed."""
    party = trusting_root(world.client, world)
    outcome = stack.judge_server(party, world.servers.other, TEST_WEB, tmp_path)
    assert outcome.accepted, outcome.detail


@revoking_clients
def test_client_refuses_revoked_server(stack: ClientStack, world: World, tmp_path: Path) -> None:
    """A server on the CRL is refused, and only because of the CRL."""
    outcome = stack.judge_server(world.client, world.servers.revoked, WEB, tmp_path / "crl")
    assert not outcome.accepted, outcome.detail
    party = replace(world.client, crl=None)
    outcome = stack.judge_server(party, world.servers.revoked, WEB, tmp_path / "no-crl")
    assert outcome.accepted, outcome.detail


@clients
def test_client_with_broken_trust_is_no_judgement(
    stack: ClientStack, world: World, tmp_path: Path
) -> None:
    """An unusable trust file is a failure, not a refusal."""
    party = replace(world.client, trust=garbage(tmp_path))
    with pytest.raises(StackFailure, match=r"trust\.pem"):
        stack.judge_server(party, world.servers.other, TEST_WEB, tmp_path / "run")


def garbage(folder: Path) -> Path:
    """A trust bundle that cannot be read."""
    path = folder / "trust.pem"
    path.write_text("-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n")
    return path
