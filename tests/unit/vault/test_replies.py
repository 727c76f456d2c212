"""Judging a reply: warnings, missing members, what is not JSON, identifiers in paths."""

from __future__ import annotations

import json
from typing import Any

import pytest

from trustwright.errors import (
    ConfigurationError,
    OutcomeUnknown,
    Rejected,
    Unavailable,
    VerificationError,
)
from trustwright.vault import replies
from trustwright.vault.replies import Call

pytestmark = pytest.mark.unit

READ = Call("GET", "pki/cert/0a")
WRITE = Call("POST", "pki/revoke", body={"serial_number": "0a"}, effect=True)


def _json(**members: Any) -> bytes:
    return json.dumps(members).encode()


def test_the_data_of_a_good_reply() -> None:
    """``data`` is what counts; 204 has none."""
    assert replies.judge(READ, 200, _json(data={"a": 1}, warnings=None)) == {"a": 1}
    assert replies.judge(WRITE, 204, b"") == {}
    assert replies.judge(WRITE, 200, _json(data=None)) == {}


def test_what_is_not_there_is_none_only_for_a_plain_404() -> None:
    """A missing namespace or mount is no missing certificate, and a write needs its target."""
    assert replies.judge(READ, 404, _json(errors=[])) is None
    with pytest.raises(Rejected):
        replies.judge(READ, 404, _json(errors=["namespace not found"]))
    with pytest.raises(Rejected):
        replies.judge(WRITE, 404, _json(errors=[]))


def test_an_unexpected_warning_is_an_error() -> None:
    """The rest of the reply is not used."""
    reply = _json(data={"certificate": "x"}, warnings=["TTL is longer than permitted maxTTL"])
    with pytest.raises(VerificationError) as error:
        replies.judge(WRITE, 200, reply)
    assert error.value.rule == "VAULT-WARNING"
    assert "maxTTL" in error.value.what


def test_an_expected_warning_hides_no_other() -> None:
    """Each warning is held against the patterns of its call."""
    call = Call("POST", "pki/roles/x", effect=True, warnings=("no default issuing certificate",))
    expected = "Issuing Certificate was set, but no default issuing certificate is set"
    assert replies.judge(call, 200, _json(data={}, warnings=[expected])) == {}
    with pytest.raises(VerificationError) as error:
        replies.judge(call, 200, _json(data={}, warnings=[expected, "something else"]))
    assert error.value.what == "the server warns: something else"


@pytest.mark.parametrize("content", [b"<html>", b"[1]", b"\xff", b'"text"'])
def test_a_reply_that_is_not_json(content: bytes) -> None:
    """Something else answers at the address; what it answers in trouble still has its status."""
    with pytest.raises(VerificationError) as error:
        replies.judge(READ, 200, content)
    assert error.value.rule == "VAULT-REPLY"
    with pytest.raises(Unavailable):
        replies.judge(READ, 502, content)
    with pytest.raises(OutcomeUnknown):
        replies.judge(WRITE, 502, content)


@pytest.mark.parametrize("data", [None, {}, {"csr": ""}, {"csr": 7}, {"csr": None}])
def test_a_member_that_must_be_text(data: dict[str, Any] | None) -> None:
    """Absent, empty or of another type: the reply is not believed."""
    with pytest.raises(VerificationError) as error:
        replies.text(data, "csr", "key test-g1")
    assert error.value.what == "the reply has no csr"


@pytest.mark.parametrize(
    "value", ["", ".", "..", "a/b", "a?b", "a#b", "a b", "../x", "ä", "x" * 129]
)
def test_what_cannot_be_a_segment(value: str) -> None:
    """It would reach another path."""
    with pytest.raises(ConfigurationError):
        replies.segment(value)


@pytest.mark.parametrize("value", ["0a:ff", "server", "f6d6290d-497e-41a1-b24d-bba38c74d5c3"])
def test_what_can_be_a_segment(value: str) -> None:
    """Serials, names, identifiers."""
    assert replies.segment(value) == value


def test_a_call_does_not_show_its_body() -> None:
    """A login's body holds the secret."""
    assert "s3cret" not in repr(Call("POST", "auth/x/login", body={"secret_id": "s3cret"}))
