"""nginx: ``ssl_verify_client on`` as server, ``proxy_ssl_verify on`` as client.

As a server nginx finishes the handshake and then answers 400; as a client it finishes the
handshake and then answers 502. Both times the error log has the verdict.
"""

import re
from pathlib import Path

from tests.ports import LOOPBACK
from tests.stacks.base import Credential, Outcome, RelyingParty, check_files
from tests.stacks.peers import ask, neutral_server, proxy_judgement, server_judgement
from tests.stacks.process import binary, missing, serving

REFUSAL = re.compile(r"client SSL certificate verify error|upstream SSL certificate")

CONFIGURATION = """\
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr info;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
{server}
    }}
}}
"""

SERVER = """\
        listen {address}:{port} ssl;
        ssl_certificate "{chain}";
        ssl_certificate_key "{key}";
        ssl_client_certificate "{trust}";
        ssl_verify_client on;
        {crl}
        location / {{ return 200 accepted; }}"""

PROXY = """\
        listen {address}:{port};
        location / {{
            proxy_pass https://{address}:{upstream};
            proxy_ssl_certificate "{chain}";
            proxy_ssl_certificate_key "{key}";
            proxy_ssl_trusted_certificate "{trust}";
            proxy_ssl_verify on;
            proxy_ssl_server_name on;
            proxy_ssl_name {name};
            {crl}
        }}"""


def command(folder: Path, template: str, party: RelyingParty, **values: object) -> list[str]:
    """Write the configuration; the command line that serves it."""
    server = template.format(
        address=LOOPBACK,
        chain=party.credential.chain,
        key=party.credential.key,
        trust=party.trust,
        **values,
    )
    (folder / "nginx.conf").write_text(CONFIGURATION.format(server=server))
    return [binary("nginx"), "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]


class NginxServer:
    """``ssl_client_certificate``, ``ssl_verify_client on``, ``ssl_crl``."""

    name = "nginx"
    checks_crl = True

    def missing(self) -> str | None:
        return missing("nginx", "nginx")

    def judge_client(self, party: RelyingParty, client: Credential, folder: Path) -> Outcome:
        check_files(party, client)
        crl = f'ssl_crl "{party.crl}";' if party.crl else ""
        with serving(
            lambda port: command(folder, SERVER, party, port=port, crl=crl), folder
        ) as server:
            answer = ask(server.port, client)
            return server_judgement(server, answer, answer.ok, REFUSAL)


class NginxClient:
    """``proxy_pass`` with ``proxy_ssl_trusted_certificate``, ``proxy_ssl_verify on``."""

    name = "nginx proxy_pass"
    checks_crl = True

    def missing(self) -> str | None:
        return missing("nginx", "nginx")

    def judge_server(
        self, party: RelyingParty, server: Credential, name: str, folder: Path
    ) -> Outcome:
        check_files(party, server)
        crl = f'proxy_ssl_crl "{party.crl}";' if party.crl else ""
        with (
            neutral_server(server) as peer,
            serving(
                lambda port: command(
                    folder, PROXY, party, port=port, upstream=peer.port, name=name, crl=crl
                ),
                folder,
            ) as proxy,
        ):
            return proxy_judgement(proxy, peer, REFUSAL)
