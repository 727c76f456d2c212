"""Node: ``ca`` replaces the compiled-in authorities; ``node.js`` beside this file."""

import re
from pathlib import Path

from tests.stacks.base import Credential, Outcome, RelyingParty, check_files
from tests.stacks.peers import ask, client_judgement, neutral_server, server_judgement
from tests.stacks.process import binary, missing, run, serving

SCRIPT = Path(__file__).with_name("node.js")
REFUSAL = re.compile(r"^refused: ")


def arguments(mode: str, port: int, party: RelyingParty, *more: str) -> list[str]:
    """The command line of ``node.js``."""
    files = (party.credential.key, party.credential.chain, party.trust, party.crl or "")
    return [binary("node"), str(SCRIPT), mode, str(port), *map(str, files), *more]


class NodeServer:
    """``https.createServer`` with ``requestCert`` and ``rejectUnauthorized``."""

    name = "Node server"
    checks_crl = True

    def missing(self) -> str | None:
        return missing("nodejs", "node")

    def judge_client(self, party: RelyingParty, client: Credential, folder: Path) -> Outcome:
        check_files(party, client)
        with serving(lambda port: arguments("server", port, party), folder) as server:
            answer = ask(server.port, client)
            return server_judgement(server, answer, answer.ok, REFUSAL)


class NodeClient:
    """``tls.connect`` with ``servername``."""

    name = "Node client"
    checks_crl = True

    def missing(self) -> str | None:
        return missing("nodejs", "node")

    def judge_server(
        self, party: RelyingParty, server: Credential, name: str, folder: Path
    ) -> Outcome:
        check_files(party, server)
        with neutral_server(server) as peer:
            done = run(arguments("client", peer.port, party, name), folder)
            return client_judgement(done, peer, REFUSAL)
