"""The page of a root obeys nothing that stands in a certificate, a policy or a file name."""

from __future__ import annotations

import pytest

from trustwright.cli.root_show import _page

pytestmark = pytest.mark.unit


def test_control_characters_are_shown_as_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    """A root that another program made may be called anything."""
    last = {"generation": 1, "signed_at": "2026-11-23T12:00:00Z", "file": "0001\x1b[8m.json"}
    facts = {
        "subject": "CN=Example\x1b[2JRoot\nCA",
        "not_before": "2026-11-23T12:00:00Z",
        "not_after": "2046-11-23T12:00:00Z",
        "fingerprint": "sha256:" + "0" * 64,
        "transcript": {"lines": 1, "head": "0" * 64},
        "responses": 0,
        "abandoned": 0,
        "revoked": 0,
        "crl_number": 0,
        "last": {"test": last},
        "policy_accepted": True,
    }
    _page(facts, "organization = 'Ex\u202eample'\n# \x07")

    shown = capsys.readouterr().out
    assert all(line.isprintable() for line in shown.splitlines())
    assert "ROOT CN=Example\\x1b[2JRoot\\nCA\n" in shown
    assert "organization = 'Ex\\u202eample'\n" in shown
    assert "0001\\x1b[8m.json" in shown
