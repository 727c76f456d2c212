"""curl (OpenSSL build).

Debian's curl keeps ``/etc/ssl/certs`` beside ``--cacert``: an empty ``--capath`` takes it away.
"""

import re
from pathlib import Path

from tests.ports import LOOPBACK
from tests.stacks.base import Credential, Outcome, RelyingParty, check_files
from tests.stacks.peers import client_judgement, neutral_server
from tests.stacks.process import binary, missing, run

REFUSAL = re.compile(r"^curl: \((51|60)\)|^curl: \(35\).*certificate")


class CurlClient:
    """``curl --cacert --capath <empty folder>``."""

    name = "curl"
    checks_crl = True

    def missing(self) -> str | None:
        return missing("curl", "curl")

    def judge_server(
        self, party: RelyingParty, server: Credential, name: str, folder: Path
    ) -> Outcome:
        check_files(party, server)
        nothing = folder / "no-authorities"
        nothing.mkdir(parents=True, exist_ok=True)
        command = [binary("curl"), "--disable", "--silent", "--show-error", "--noproxy", "*"]
        command += ["--cacert", str(party.trust), "--capath", str(nothing)]
        command += ["--cert", str(party.credential.chain), "--key", str(party.credential.key)]
        command += ["--crlfile", str(party.crl)] if party.crl else []
        with neutral_server(server) as peer:
            command += ["--resolve", f"{name}:{peer.port}:{LOOPBACK}"]
            done = run([*command, f"https://{name}:{peer.port}/"], folder)
            return client_judgement(done, peer, REFUSAL)
