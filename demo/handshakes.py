"""Real handshakes with openssl and nginx, over the delivered files only."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from demo.estate import consumer_folder
from demo.programs import Demo, DemoFailure
from tests.stacks import Credential, Outcome, RelyingParty
from tests.stacks.nginx import NginxClient, NginxServer
from tests.stacks.openssl import OpenSSLClient, OpenSSLServer

Case = tuple[str, bool, Callable[[Path], Outcome]]


def prove(demo: Demo) -> None:
    """Run every case and print a line for each.

    Raises:
        DemoFailure: a handshake ended otherwise than it must.
    """
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        for number, (claim, expected, judge) in enumerate(_cases(demo)):
            folder = Path(scratch) / str(number)
            folder.mkdir()
            outcome = judge(folder)
            wrong += outcome.accepted != expected
            print(
                f"   {'accepted' if outcome.accepted else 'refused ':8}  {claim}"
                + ("" if outcome.accepted == expected else f"   ← WRONG: {outcome.detail}")
            )
    print()
    if wrong:
        message = f"{wrong} handshakes ended otherwise than they must"
        raise DemoFailure(message)


def _credential(demo: Demo, environment: str, name: str) -> Credential:
    folder = consumer_folder(demo, environment, name)
    key = "host.key" if (folder / "host.key").exists() else "key.pem"
    return Credential(
        key=folder / key,
        chain=folder / "fullchain.pem",
        name=f"{name}.{environment}.example.internal",
    )


def _party(demo: Demo, environment: str, name: str) -> RelyingParty:
    folder = consumer_folder(demo, environment, name)
    return RelyingParty(
        credential=_credential(demo, environment, name),
        trust=folder / "trust.pem",
        crl=folder / "crl.pem",
    )


def _cases(demo: Demo) -> list[Case]:
    billing, collector = _party(demo, "prod", "billing"), _party(demo, "prod", "collector")
    cases: list[Case] = []
    for server in (OpenSSLServer(), NginxServer()):
        for who, environment, expected in (
            ("collector", "prod", True),
            ("gateway", "prod", True),
            ("alice", "prod", True),
            ("collector", "test", False),
            ("alice", "test", False),
            ("billing", "prod", False),
        ):
            peer = _credential(demo, environment, who)
            cases.append(
                (
                    f"{server.name} of prod/billing ← client {environment}/{who}",
                    expected,
                    _client_judge(server, billing, peer),
                )
            )
    for client in (OpenSSLClient(), NginxClient()):
        for who, environment, expected in (
            ("billing", "prod", True),
            ("ledger", "prod", True),
            ("billing", "test", False),
            ("alice", "prod", False),
        ):
            peer = _credential(demo, environment, who)
            cases.append(
                (
                    f"{client.name} of prod/collector → server {environment}/{who}",
                    expected,
                    _server_judge(client, collector, peer),
                )
            )
    return cases


def _client_judge(
    server: OpenSSLServer | NginxServer, party: RelyingParty, peer: Credential
) -> Callable[[Path], Outcome]:
    return lambda folder: server.judge_client(party, peer, folder)


def _server_judge(
    client: OpenSSLClient | NginxClient, party: RelyingParty, peer: Credential
) -> Callable[[Path], Outcome]:
    return lambda folder: client.judge_server(party, peer, peer.name, folder)
