"""The prober against real servers: OpenSSL, nginx with TLS and as a mail server, PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.ports import LOOPBACK
from tests.stacks import Credential, RelyingParty, mail, nginx, openssl, postgresql
from tests.stacks.process import binary, serving
from tests.stacks_selftest.pki import SERVER, create_environment, create_root, domain
from trustwright.endpoints.handshake import Handshakes
from trustwright.ports import Presented

pytestmark = pytest.mark.stacks

NAME = f"web.{domain('prod')}"
END = "-----END CERTIFICATE-----\n"


@pytest.fixture(scope="module")
def party(tmp_path_factory: pytest.TempPathFactory) -> RelyingParty:
    """Return a server's files: it presents leaf and intermediate, and demands a certificate."""
    folder = tmp_path_factory.mktemp("endpoints")
    prod = create_environment("prod", create_root(), folder / "prod")
    return RelyingParty(prod.issue("web", NAME, SERVER), prod.trust)


@contextmanager
def openssl_12(party: RelyingParty, folder: Path) -> Iterator[str]:
    """``openssl s_server -Verify``, TLS 1.2: it ends the handshake of whoever shows nothing."""
    options = [*openssl.common(party, folder), "-Verify", "4", "-tls1_2", "-quiet"]
    with serving(
        lambda port: [binary("openssl"), "s_server", "-accept", f"{LOOPBACK}:{port}", *options],
        folder,
    ) as server:
        yield f"tls://{LOOPBACK}:{server.port}"


@contextmanager
def nginx_13(party: RelyingParty, folder: Path) -> Iterator[str]:
    """Nginx with ``ssl_verify_client on``."""
    folder.mkdir(parents=True, exist_ok=True)
    with serving(
        lambda port: nginx.command(folder, nginx.SERVER, party, port=port, crl=""), folder
    ) as server:
        yield f"tls://{LOOPBACK}:{server.port}"


@contextmanager
def nginx_mail(party: RelyingParty, folder: Path) -> Iterator[str]:
    """Nginx as a mail server that offers STARTTLS."""
    with serving(lambda port: mail.command(folder, party.credential, port), folder) as server:
        yield f"smtp://{LOOPBACK}:{server.port}"


@contextmanager
def database(party: RelyingParty, folder: Path) -> Iterator[str]:
    """PostgreSQL with ``ssl = on`` and a CA for its clients."""
    with (
        postgresql.cluster(party.credential, "cert", ssl_ca_file=party.trust) as data,
        postgresql.running(data, folder) as server,
    ):
        yield f"postgres://{LOOPBACK}:{server.port}"


Serve = Callable[[RelyingParty, Path], AbstractContextManager[str]]


@pytest.mark.parametrize(
    ("serve", "missing", "protocol"),
    [
        (openssl_12, openssl.OpenSSLServer().missing, ""),
        (nginx_13, nginx.NginxServer().missing, "TLSv1.2"),
        (nginx_mail, mail.package_missing, "TLSv1.2"),
        (database, postgresql.package_missing, "TLSv1.3"),
    ],
    ids=["openssl-1.2", "nginx", "smtp", "postgres"],
)
def test_what_real_servers_present(
    party: RelyingParty,
    tmp_path: Path,
    serve: Serve,
    missing: Callable[[], str | None],
    protocol: str,
) -> None:
    """Leaf and intermediate, octet for octet, without a certificate of ours and with no store."""
    assert missing() is None
    leaf, intermediate = presented_by(party.credential)
    with serve(party, tmp_path / "server") as probe:
        found = Handshakes().presented(probe, NAME)
    assert found == Presented(leaf, (intermediate,), protocol)


def presented_by(credential: Credential) -> list[str]:
    """Return the PEM blocks of a chain file."""
    return [block + END for block in credential.chain.read_text().split(END)[:-1]]
