"""What honest endpoints present, whatever they demand of a client."""

from __future__ import annotations

import socket
import ssl

import pytest

from tests.unit.endpoints.conftest import NAME, Shown
from tests.unit.endpoints.servers import Talk, saying, talking, tls
from trustwright.endpoints.handshake import Handshakes
from trustwright.ports import Presented

pytestmark = pytest.mark.unit

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.mark.parametrize(
    ("version", "wants", "protocol"),
    [(V12, False, "TLSv1.2"), (V12, True, ""), (V13, False, "TLSv1.3"), (V13, True, "TLSv1.3")],
)
def test_the_whole_chain_is_seen(
    shown: Shown, version: ssl.TLSVersion, wants: bool, protocol: str
) -> None:
    """Leaf and intermediate in the order sent, also where a client certificate is demanded.

    A server of TLS 1.2 that gets none ends the handshake before it is over.
    """
    server = tls(shown.credential, version, wants_certificate=wants)
    with talking(server) as probe:
        found = Handshakes().presented(probe, NAME)
    assert found == Presented(shown.leaf, (shown.intermediate,), protocol)


def test_the_server_is_asked_for_the_consumers_name(shown: Shown) -> None:
    """The server name indication is what a server with many names chooses the certificate by."""
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown.credential.chain, shown.credential.key)
    context.sni_callback = lambda _tls, name, _context: asked.append(name)

    def talk(line: socket.socket) -> None:
        context.wrap_socket(line, server_side=True).close()

    with talking(talk) as probe:
        Handshakes().presented(probe, NAME)
    assert asked == [NAME]


def smtp(*, greeting: bytes = b"220 mail\r\n", ehlo: bytes = b"250 STARTTLS\r\n") -> Talk:
    """Return what an SMTP server says up to TLS."""

    def before(line: socket.socket) -> None:
        saying(greeting, ehlo, b"220 go ahead\r\n")(line)

    return before


@pytest.mark.parametrize(
    "before",
    [
        smtp(),
        smtp(
            greeting=b"220-mail\r\n220-welcome\r\n220 there\r\n",
            ehlo=b"250-mail\r\n250-PIPELINING\r\n250-starttls\r\n250 HELP\r\n",
        ),
    ],
)
def test_a_mail_server_shows_its_chain_after_starttls(shown: Shown, before: Talk) -> None:
    """One line or many, in whatever case the keyword is written (RFC 5321 §2.4)."""
    with talking(tls(shown.credential, before=before), "smtp") as probe:
        found = Handshakes().presented(probe, NAME)
    assert found == Presented(shown.leaf, (shown.intermediate,), "TLSv1.3")


def test_a_mail_server_is_greeted_with_an_address(shown: Shown) -> None:
    """Our own name is not looked up: that may take a resolver's time, and tells it to strangers."""
    heard: list[bytes] = []

    def before(line: socket.socket) -> None:
        line.sendall(b"220 mail\r\n")
        heard.append(line.recv(4096))
        line.sendall(b"250 STARTTLS\r\n")
        heard.append(line.recv(4096))
        line.sendall(b"220 go ahead\r\n")

    with talking(tls(shown.credential, before=before), "smtp") as probe:
        Handshakes().presented(probe, NAME)
    assert heard == [b"EHLO [127.0.0.1]\r\n", b"STARTTLS\r\n"]


def test_a_database_shows_its_chain_after_its_request(shown: Shown) -> None:
    """PostgreSQL answers the eight octets of an SSLRequest with S, then TLS begins."""
    heard: list[bytes] = []

    def before(line: socket.socket) -> None:
        heard.append(line.recv(8))
        line.sendall(b"S")

    with talking(tls(shown.credential, before=before), "postgres") as probe:
        found = Handshakes().presented(probe, NAME)
    assert found == Presented(shown.leaf, (shown.intermediate,), "TLSv1.3")
    assert heard == [bytes.fromhex("0000000804d2162f")]
