"""Endpoints that hang, lie, talk without end or are not there: one error with its rule, in time."""

from __future__ import annotations

import random
import socket
import ssl
import struct
import time
import tracemalloc

import pytest

from tests.ports import LOOPBACK, reserved_port
from tests.unit.endpoints.conftest import NAME, Shown
from tests.unit.endpoints.servers import Talk, for_ever, saying, talking
from trustwright.endpoints.handshake import Handshakes
from trustwright.errors import TrustwrightError

pytestmark = pytest.mark.unit

PATIENCE = 0.4
SILENT = "PROBE-UNREACHABLE"
WRONG = "PROBE-PROTOCOL"


def record(kind: int, content: bytes) -> bytes:
    """Return a TLS record of version 1.2."""
    return struct.pack("!BHH", kind, 0x0303, len(content)) + content


def impostor(certificate: str) -> Talk:
    """Return a server that shows a certificate and has no key: it hangs up when it should sign."""
    der = ssl.PEM_cert_to_DER_cert(certificate)
    extension = bytes.fromhex("0005ff01000100")  # secure renegotiation (RFC 5746)
    hello = struct.pack("!H32sBHB", 0x0303, b"r" * 32, 0, 0xC02B, 0) + extension
    listed = len(der).to_bytes(3, "big") + der
    chain = len(listed).to_bytes(3, "big") + listed

    def talk(line: socket.socket) -> None:
        line.recv(4096)
        line.sendall(record(22, b"\x02" + len(hello).to_bytes(3, "big") + hello))
        line.sendall(record(22, b"\x0b" + len(chain).to_bytes(3, "big") + chain))
        line.sendall(record(21, b"\x02\x28"))

    return talk


def drip(line: socket.socket) -> None:
    """Send an octet of a record now and then: each one in time, all together never."""
    line.sendall(b"\x16\x03\x03\x40\x00")
    while True:
        line.sendall(b"\x02")
        time.sleep(0.05)


def refused(probe: str) -> TrustwrightError:
    """Return the error of a look; it came within its time and took little memory."""
    tracemalloc.start()
    began = time.monotonic()
    with pytest.raises(TrustwrightError) as failed:
        Handshakes(PATIENCE).presented(probe, NAME)
    took, (_, peak) = time.monotonic() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took < PATIENCE + 1
    assert peak < 4_000_000
    assert failed.value.where == probe
    assert "\n" not in str(failed.value)
    return failed.value


@pytest.mark.parametrize(
    ("scheme", "talk", "rule", "why"),
    [
        ("tls", saying(), SILENT, "no answer in time"),
        ("tls", drip, SILENT, "no answer in time"),
        ("tls", saying(hang_up=True), WRONG, "it hung up"),
        ("tls", saying(b"HTTP/1.0 400 Bad Request\r\n\r\n"), WRONG, "wrong_version_number"),
        ("tls", for_ever(record(22, b"\0" * 16000)), WRONG, ""),
        ("smtp", saying(), SILENT, "no answer in time"),
        ("smtp", saying(hang_up=True), WRONG, "it hung up"),
        ("smtp", for_ever(b"220-welcome\r\n"), WRONG, "its reply does not end"),
        ("smtp", for_ever(b"a"), WRONG, "its reply is no line of SMTP"),
        ("smtp", saying(b"\xff\xfe\0\r\n"), WRONG, "greeting is answered with no SMTP, not 220"),
        ("smtp", saying(b"554 go away\r\n"), WRONG, "greeting is answered with 554, not 220"),
        ("smtp", saying(b"220-a\r\n550 b\r\n"), WRONG, "greeting is answered with 550, not 220"),
        ("smtp", saying(b"220 a\r\n", b"502 no\r\n"), WRONG, "EHLO is answered with 502, not 250"),
        (
            "smtp",
            saying(b"220 a\r\n", b"250 XSTARTTLS\r\n"),
            WRONG,
            "the server offers no STARTTLS",
        ),
        (
            "smtp",
            saying(b"220 a\r\n", b"250 STARTTLS\r\n", b"454 later\r\n"),
            WRONG,
            "STARTTLS is answered with 454, not 220",
        ),
        (
            "smtp",
            saying(b"220 a\r\n", b"250 STARTTLS\r\n", b"220 go\r\n250 injected\r\n"),
            WRONG,
            "wrong_version_number",
        ),
        ("postgres", saying(), SILENT, "no answer in time"),
        ("postgres", saying(b"N"), WRONG, "the server has TLS switched off"),
        ("postgres", saying(b"E"), WRONG, "it is no PostgreSQL server"),
        ("postgres", saying(b"Sinjected"), WRONG, "wrong_version_number"),
    ],
)
def test_bad_endpoints(scheme: str, talk: Talk, rule: str, why: str) -> None:
    """Bounded in time and memory, and one error that says which rule."""
    with talking(talk, scheme) as probe:
        error = refused(probe)
    assert error.rule == rule
    assert error.what.endswith(why)


@pytest.mark.parametrize("scheme", ["tls", "smtp", "postgres"])
def test_noise(scheme: str) -> None:
    """Whatever octets come, also such as begin like the protocol, it is one of the two errors."""
    noise = random.Random(scheme)  # noqa: S311 - the same noise in every run
    for number in range(40):
        begin = (b"", b"\x16\x03\x03\x00\x30", b"220 ", b"S")[number % 4]
        octets = begin + noise.randbytes(number * 7)
        with (
            talking(saying(octets, hang_up=True), scheme) as probe,
            pytest.raises(TrustwrightError) as failed,
        ):
            Handshakes(PATIENCE).presented(probe, NAME)
        assert failed.value.rule in {SILENT, WRONG}, octets


def test_a_certificate_without_its_key_is_not_what_is_served(shown: Shown) -> None:
    """Anybody can copy a certificate: it counts after a signature by its key."""
    with talking(impostor(shown.leaf)) as probe:
        error = refused(probe)
    assert (error.rule, "handshake_failure" in error.what) == (WRONG, True)


def test_nobody_is_there() -> None:
    """A closed port is told apart from one that speaks nonsense."""
    with reserved_port() as port:
        error = refused(f"tls://{LOOPBACK}:{port}")
    assert (error.rule, error.what.endswith("Connection refused")) == (SILENT, True)


@pytest.mark.parametrize("host", ["a.invalid", f"{'a' * 70}.invalid"])
def test_a_name_that_does_not_exist(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver says so, or cannot even be asked: a label has at most 63 octets."""

    def resolve(name: str, *_: object, **__: object) -> None:
        name.encode("idna")
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert refused(f"tls://{host}:443").rule == SILENT
