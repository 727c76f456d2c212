"""GnuTLS's own command line: ``--x509cafile`` replaces the machine's store.

``gnutls-serv`` cannot be bound to one address: it listens on all, for the moment of one judgement,
and answers no one without a client certificate of the party's own environment.
"""

import re
from pathlib import Path

from tests.ports import LOOPBACK
from tests.stacks.base import Credential, Outcome, RelyingParty, check_files
from tests.stacks.peers import REQUEST, ask, client_judgement, neutral_server, server_judgement
from tests.stacks.process import binary, missing, run, serving

REFUSAL = re.compile(
    "certificate is NOT trusted|verification of server certificate failed|Error in the certificate",
)


def common(party: RelyingParty) -> list[str]:
    """Own identity, the anchor, the CRL."""
    options = ["--x509certfile", party.credential.chain, "--x509keyfile", party.credential.key]
    options += ["--x509cafile", party.trust]
    options += ["--x509crlfile", party.crl] if party.crl else []
    return [str(option) for option in options]


class GnuTLSServer:
    """``gnutls-serv --require-client-cert --verify-client-cert``."""

    name = "gnutls-serv"
    checks_crl = True

    def missing(self) -> str | None:
        return missing("gnutls-bin", "gnutls-serv")

    def judge_client(self, party: RelyingParty, client: Credential, folder: Path) -> Outcome:
        check_files(party, client)
        options = [*common(party), "--http", "--require-client-cert", "--verify-client-cert"]
        with serving(
            lambda port: [binary("gnutls-serv"), "--port", str(port), *options], folder
        ) as server:
            answer = ask(server.port, client)
            return server_judgement(server, answer, answer.ok, REFUSAL)


class GnuTLSClient:
    """``gnutls-cli --verify-hostname``."""

    name = "gnutls-cli"
    checks_crl = True

    def missing(self) -> str | None:
        return missing("gnutls-bin", "gnutls-cli")

    def judge_server(
        self, party: RelyingParty, server: Credential, name: str, folder: Path
    ) -> Outcome:
        check_files(party, server)
        options = [*common(party), "--sni-hostname", name, "--verify-hostname", name]
        with neutral_server(server) as peer:
            command = [binary("gnutls-cli"), "--port", str(peer.port), *options, LOOPBACK]
            return client_judgement(run(command, folder, stdin=REQUEST), peer, REFUSAL)
