"""The listener's certificate: good for a client, renewed in time, worth nothing elsewhere."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509 import verification

from tests.fakes.clock import HeldClock
from trustwright.embedded.tls import LISTENER_LIFE, RENEW_BEFORE, ensure_listener
from trustwright.errors import ConfigurationError

pytestmark = pytest.mark.unit

START = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
FILES = ("ca.pem", "ca.key", "listener.pem", "listener.key")


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file."""
    return {name: (folder / name).read_bytes() for name in FILES}


def changed(folder: Path, now: datetime) -> set[str]:
    """Ensure the files at `now`; return which of them are others than before."""
    before = contents(folder)
    ensure_listener(folder, now)
    after = contents(folder)
    return {name for name in FILES if after[name] != before[name]}


def verify(folder: Path, now: datetime, subject: x509.GeneralName) -> None:
    """Verify the listener as a client does that trusts ``ca.pem``."""
    anchors = x509.load_pem_x509_certificates((folder / "ca.pem").read_bytes())
    leaf = x509.load_pem_x509_certificates((folder / "listener.pem").read_bytes())[0]
    builder = verification.PolicyBuilder().store(verification.Store(anchors)).time(now)
    assert isinstance(subject, x509.DNSName | x509.IPAddress)
    builder.build_server_verifier(subject).verify(leaf, [])


@pytest.mark.parametrize(
    "subject", [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
)
def test_a_client_accepts_the_listener(tmp_path: Path, subject: x509.GeneralName) -> None:
    """Path, names, constraints, usage and dates hold, on the first day and on the last."""
    ensure_listener(tmp_path, START)
    verify(tmp_path, START, subject)
    verify(tmp_path, START + LISTENER_LIFE - timedelta(seconds=1), subject)


def test_another_name_is_refused(tmp_path: Path) -> None:
    """The certificate is for this machine's loopback alone."""
    ensure_listener(tmp_path, START)
    with pytest.raises(verification.VerificationError):
        verify(tmp_path, START, x509.DNSName("example.internal"))


def test_the_ca_may_name_nothing_but_loopback(tmp_path: Path) -> None:
    """Who steals the CA's key can impersonate nobody else."""
    ensure_listener(tmp_path, START)
    ca = x509.load_pem_x509_certificate((tmp_path / "ca.pem").read_bytes())
    extension = ca.extensions.get_extension_for_class(x509.NameConstraints)
    assert extension.critical is True
    assert extension.value.permitted_subtrees == [
        x509.IPAddress(ipaddress.ip_network("127.0.0.1/32")),
        x509.DNSName("localhost"),
    ]


def test_a_start_while_all_is_good_changes_nothing(tmp_path: Path) -> None:
    """The files stay until a year before the end."""
    clock = HeldClock(START)
    ensure_listener(tmp_path, clock.now())
    clock.advance(seconds=int((LISTENER_LIFE - RENEW_BEFORE).total_seconds()) - 1)
    assert changed(tmp_path, clock.now()) == set()


def test_a_listener_near_its_end_is_renewed(tmp_path: Path) -> None:
    """Key and CA stay, so nobody has to be told."""
    ensure_listener(tmp_path, START)
    now = START + LISTENER_LIFE - RENEW_BEFORE
    assert changed(tmp_path, now) == {"listener.pem"}
    verify(tmp_path, now + LISTENER_LIFE - timedelta(seconds=1), x509.DNSName("localhost"))


def test_a_ca_that_would_end_before_its_listener_is_renewed(tmp_path: Path) -> None:
    """Both certificates are new, their keys stay."""
    ensure_listener(tmp_path, START)
    now = START + timedelta(days=3650) - LISTENER_LIFE
    assert changed(tmp_path, now) == {"ca.pem", "listener.pem"}
    verify(tmp_path, now + LISTENER_LIFE - timedelta(seconds=1), x509.DNSName("localhost"))


def test_a_lost_key_gives_a_new_certificate(tmp_path: Path) -> None:
    """A certificate for another key is of no use and is made again."""
    ensure_listener(tmp_path, START)
    old = (tmp_path / "listener.key").read_bytes()
    (tmp_path / "listener.key").unlink()
    ensure_listener(tmp_path, START)
    assert (tmp_path / "listener.key").read_bytes() != old
    verify(tmp_path, START, x509.DNSName("localhost"))


@pytest.mark.parametrize(
    ("name", "rule"),
    [("ca.pem", "STACK-TLS"), ("ca.key", "STACK-KEY"), ("listener.pem", "STACK-TLS")],
)
def test_a_damaged_file_is_named(tmp_path: Path, name: str, rule: str) -> None:
    """The error names the file instead of replacing what a person may want back."""
    ensure_listener(tmp_path, START)
    (tmp_path / name).write_text("-----BEGIN NONSENSE-----\n")
    with pytest.raises(ConfigurationError) as refused:
        ensure_listener(tmp_path, START)
    assert (refused.value.rule, refused.value.where) == (rule, str(tmp_path / name))
