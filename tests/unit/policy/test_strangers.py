"""What a certificate that nobody announced looks like."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.fakes.world import environment_settings
from trustwright.model.estate import Environment
from trustwright.policy.strangers import Stranger, judge_stranger, likely_roles
from trustwright.ports import Signing

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
VAULT = {"address": "https://127.0.0.1:1", "identity": Path("/identity")}
PROD = Environment.model_validate(environment_settings("prod", VAULT))


def stranger(**changes: Any) -> Stranger:
    """Return a server's certificate of a day."""
    found = Stranger(
        serial="0a:0b",
        subject="CN=evil.prod.example.internal,OU=prod,O=Example",
        unit="prod",
        names=("evil.prod.example.internal",),
        uris=(),
        usages=frozenset({SERVER}),
        policies=frozenset({PROD.policy}),
        not_before=NOW,
        not_after=NOW + timedelta(hours=24),
        ca=False,
    )
    return replace(found, **changes)


@pytest.mark.parametrize(
    ("changes", "roles"),
    [
        ({}, ("server",)),
        ({"usages": frozenset({SERVER, CLIENT})}, ("proxy",)),
        ({"usages": frozenset({CLIENT})}, ("agent",)),
        (
            {"usages": frozenset({CLIENT}), "not_after": NOW + timedelta(hours=12)},
            ("admin", "agent"),
        ),
        (
            {
                "usages": frozenset({CLIENT}),
                "not_after": NOW + timedelta(hours=12),
                "uris": ("spiffe://prod.example.internal/admin/alice",),
            },
            ("admin",),
        ),
        ({"not_after": NOW + timedelta(hours=72, seconds=90)}, ("server",)),
        ({"not_after": NOW + timedelta(hours=72, seconds=91)}, ()),
        ({"unit": "test"}, ()),
        ({"policies": frozenset()}, ()),
        ({"usages": frozenset()}, ()),
    ],
)
def test_the_role_that_it_looks_like(changes: dict[str, Any], roles: tuple[str, ...]) -> None:
    """By unit, policy, usage and life; a name that belongs to one role decides."""
    assert likely_roles(stranger(**changes), "prod", PROD) == roles


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "looks like role server"),
        ({"unit": "test"}, "fits no role"),
        ({"ca": True, "policies": frozenset()}, "a CA certificate, fits no role"),
        ({"names": ()}, "for no name"),
        ({"names": tuple(f"n{number}" for number in range(7))}, "n4 and 2 more"),
        ({"subject": "CN=[x](http://evil)"}, "CN=(x)(http: //evil)"),
    ],
)
def test_what_is_said_of_it(changes: dict[str, Any], said: str) -> None:
    """In one line; nothing of what a stranger chose is obeyed by a chat."""
    found = judge_stranger("prod", PROD, stranger(**changes), None, "the log is gone")
    assert said in found.summary
    assert "who is not known: the log is gone" in found.summary
    assert "\n" not in found.summary


def test_whoever_signed_chooses_no_word_of_the_message() -> None:
    """A login's display name may be anything."""
    signing = Signing(NOW, "pki/sign/x", "`x`", "@everyone\n<b>", "", "192.0.2.7", "r")
    found = judge_stranger("prod", PROD, stranger(), signing, "")
    assert "signed through 'x'" in found.summary
    assert "by (at)everyone (b) (entity none) from 192.0.2.7" in found.summary


def test_how_to_revoke_it_in_a_namespace_or_without() -> None:
    """The commands can be copied."""
    assert "`bao write pki/revoke serial_number=0a:0b`" in (
        judge_stranger("prod", PROD, stranger(), None, "").remedy
    )


def test_names_without_end_hide_nothing() -> None:
    """Whoever signed may choose long names, and a message is cut somewhere."""
    names = tuple(f"{'x' * 60}.{number}.prod.example.internal" for number in range(100))
    signing = Signing(NOW, "pki/sign/server", "server", "jwt-issuer", "e-1", "192.0.2.7", "r-1")
    found = judge_stranger(
        "prod", PROD, stranger(names=names, subject="CN=" + "y" * 900), signing, ""
    )
    for text in ("0a:0b", "signed through server", "by jwt-issuer", "request r-1", "valid 2026"):
        assert text in found.summary[:300]
    assert len(found.summary) < 1200
