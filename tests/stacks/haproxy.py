"""HAProxy: ``bind ... verify required`` as server, ``server ... verify required`` as client."""

import re
from pathlib import Path

from tests.ports import LOOPBACK
from tests.stacks.base import Credential, Outcome, RelyingParty, check_files
from tests.stacks.peers import ask, neutral_server, proxy_judgement, server_judgement
from tests.stacks.process import binary, missing, serving

REFUSAL = re.compile("certificate verify failed|certificate different from the expected one")

CONFIGURATION = """\
global
    log stdout format raw local0 info
defaults
    mode http
    log global
    retries 0
    timeout connect 5s
    timeout client 5s
    timeout server 5s
"""

SERVER = """\
frontend judge
    bind {address}:{port} ssl crt "{identity}" ca-file "{trust}" verify required {crl}
    error-log-format "%[ssl_fc_err_str]; leaf error %[ssl_c_err], CA error %[ssl_c_ca_err]"
    http-request return status 200 content-type text/plain string accepted
"""

PROXY = """\
frontend entry
    bind {address}:{port}
    log-format "status %ST, %ts: %[bc_err_str]; %[ssl_bc_err_str]"
    default_backend judge
backend judge
    server peer {address}:{upstream} ssl verify required ca-file "{trust}" crt "{identity}" \
verifyhost {name} sni str({name}) {crl}
"""


def command(folder: Path, template: str, party: RelyingParty, **values: object) -> list[str]:
    """Write key and chain into the one file HAProxy wants, and the configuration."""
    identity = folder / "identity.pem"
    identity.touch(mode=0o600)
    identity.write_text(party.credential.chain.read_text() + party.credential.key.read_text())
    body = template.format(
        address=LOOPBACK,
        identity=identity,
        trust=party.trust,
        crl=f'crl-file "{party.crl}"' if party.crl else "",
        **values,
    )
    (folder / "haproxy.cfg").write_text(CONFIGURATION + body)
    return [binary("haproxy"), "-db", "-f", str(folder / "haproxy.cfg")]


class HAProxyServer:
    """``bind ... ca-file verify required crl-file``."""

    name = "haproxy"
    checks_crl = True

    def missing(self) -> str | None:
        return missing("haproxy", "haproxy")

    def judge_client(self, party: RelyingParty, client: Credential, folder: Path) -> Outcome:
        check_files(party, client)
        with serving(lambda port: command(folder, SERVER, party, port=port), folder) as server:
            answer = ask(server.port, client)
            return server_judgement(server, answer, answer.ok, REFUSAL)


class HAProxyClient:
    """``server ... ssl verify required ca-file verifyhost``."""

    name = "haproxy backend"
    checks_crl = True

    def missing(self) -> str | None:
        return missing("haproxy", "haproxy")

    def judge_server(
        self, party: RelyingParty, server: Credential, name: str, folder: Path
    ) -> Outcome:
        check_files(party, server)
        with (
            neutral_server(server) as peer,
            serving(
                lambda port: command(
                    folder, PROXY, party, port=port, upstream=peer.port, name=name
                ),
                folder,
            ) as proxy,
        ):
            return proxy_judgement(proxy, peer, REFUSAL)
