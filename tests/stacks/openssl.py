"""OpenSSL's own command line, 3.0 from Debian.

``-CAfile`` is the only trust: without ``-no-CApath`` and ``-no-CAstore`` the machine's store would
be asked as well. ``-verify_return_error`` ends the connection on the first error.
"""

import re
from pathlib import Path

from tests.ports import LOOPBACK
from tests.stacks.base import Credential, Outcome, RelyingParty, check_files
from tests.stacks.peers import (
    REQUEST,
    ask,
    client_judgement,
    neutral_server,
    server_judgement,
)
from tests.stacks.process import binary, missing, run, serving

REFUSAL = re.compile(r"verify error:|verify failed|verify return code: [1-9]", re.IGNORECASE)
END = "-----END CERTIFICATE-----\n"


def common(party: RelyingParty, folder: Path) -> list[str]:
    """Own identity, anchors, CRLs.

    ``-cert`` reads the leaf only and ``-CRL`` only the first CRL of a file, so the rest of the
    chain goes into a file of its own, and the CRLs into the file of the anchors.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rest = folder / "rest-of-chain.pem"
    rest.write_text(party.credential.chain.read_text().partition(END)[2])
    trust = folder / "trust-and-crl.pem"
    trust.write_text(party.trust.read_text() + (party.crl.read_text() if party.crl else ""))
    identity = ["-key", party.credential.key, "-cert", party.credential.chain, "-cert_chain", rest]
    store = ["-CAfile", trust, "-no-CApath", "-no-CAstore"]
    options = ["-verify_return_error", *(["-crl_check"] if party.crl else [])]
    return [str(option) for option in (*identity, *store, *options)]


class OpenSSLServer:
    """``openssl s_server -Verify``."""

    name = "openssl s_server"
    checks_crl = True

    def missing(self) -> str | None:
        return missing("openssl", "openssl")

    def judge_client(self, party: RelyingParty, client: Credential, folder: Path) -> Outcome:
        check_files(party, client)
        options = [*common(party, folder), "-Verify", "4", "-www"]
        with serving(
            lambda port: [binary("openssl"), "s_server", "-accept", f"{LOOPBACK}:{port}", *options],
            folder,
        ) as server:
            answer = ask(server.port, client)
            return server_judgement(server, answer, answer.ok, REFUSAL)


class OpenSSLClient:
    """``openssl s_client -verify_hostname``."""

    name = "openssl s_client"
    checks_crl = True

    def missing(self) -> str | None:
        return missing("openssl", "openssl")

    def judge_server(
        self, party: RelyingParty, server: Credential, name: str, folder: Path
    ) -> Outcome:
        check_files(party, server)
        options = ["-servername", name, "-verify_hostname", name, "-verify", "4", "-quiet"]
        with neutral_server(server) as peer:
            command = [binary("openssl"), "s_client", "-connect", f"{LOOPBACK}:{peer.port}"]
            done = run([*command, *common(party, folder), *options], folder, stdin=REQUEST)
            return client_judgement(done, peer, REFUSAL)
