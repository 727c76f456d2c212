"""The table of answers: what OpenBao says, and what it means."""

from __future__ import annotations

import pytest

from trustwright.errors import (
    Denied,
    OutcomeUnknown,
    Rejected,
    Unavailable,
    UpstreamError,
    VerificationError,
)
from trustwright.vault import classify

pytestmark = pytest.mark.unit

ISSUER_GONE = (
    "1 error occurred:\n\t* could not fetch the CA certificate (was one set?): "
    "unable to find PKI issuer for reference: nope\n\n"
)
RETIRED = (
    "error fetching CA certificate: error while attempting to use issuer 9a0d: requested usage "
    "issuing-certificates for issuer [id:9a0d / name:test-g1] but only had usage crl-signing"
)
URI_NOT_LISTED = (
    "URI Subject Alternative Names were provided via the API which are not valid for this role"
)
NO_URI_LISTED = (
    "URI Subject Alternative Names are not allowed in this role, but were provided via the API"
)

TABLE: list[tuple[int, list[str], type[UpstreamError], str]] = [
    (503, [], Unavailable, "VAULT-SEALED"),
    (503, ["Vault is sealed"], Unavailable, "VAULT-SEALED"),
    (429, ['request path "pki": rate limit quota exceeded'], Unavailable, "VAULT-QUOTA"),
    (307, [], Unavailable, "VAULT-STANDBY"),
    (302, [], Unavailable, "VAULT-STANDBY"),
    (412, ["required index state not present"], Unavailable, "VAULT-STANDBY"),
    (403, ["1 error occurred:\n\t* permission denied\n\n"], Denied, "VAULT-DENIED"),
    (401, [], Denied, "VAULT-DENIED"),
    (400, ["unknown role: nope"], Rejected, "VAULT-REFUSED"),
    (400, ["csr contains no data"], Rejected, "VAULT-REFUSED"),
    (400, ["common name evil.example.com not allowed by this role"], Rejected, "VAULT-REFUSED"),
    (400, [URI_NOT_LISTED], Rejected, "VAULT-ROLE"),
    (400, [NO_URI_LISTED], Rejected, "VAULT-ROLE"),
    (400, ["certificate with serial aa:bb not found."], Rejected, "VAULT-REFUSED"),
    (400, ["key name already in use"], Rejected, "VAULT-TAKEN"),
    (400, ["issuer name already in use"], Rejected, "VAULT-TAKEN"),
    (400, ["path is already in use at pki/"], Rejected, "VAULT-TAKEN"),
    (400, ["check-and-set parameter did not match the current version"], Rejected, "VAULT-STALE"),
    (400, ["Upgrading from non-versioned to versioned data."], Unavailable, "VAULT-DOWN"),
    (400, ["No secret engine mount at nope/"], Rejected, "VAULT-ABSENT"),
    (400, ["No auth engine at jwt-issuer/"], Rejected, "VAULT-ABSENT"),
    (400, ["could not load configuration"], Rejected, "VAULT-ABSENT"),
    (404, ['no handler for route "x". route entry not found.'], Rejected, "VAULT-ABSENT"),
    (404, ["namespace not found"], Rejected, "VAULT-ABSENT"),
    (404, ["1 error occurred:\n\t* unsupported path\n\n"], Rejected, "VAULT-ABSENT"),
    (405, ["1 error occurred:\n\t* unsupported operation\n\n"], Rejected, "VAULT-REFUSED"),
    (413, ["request body too large"], Rejected, "VAULT-REFUSED"),
    (500, [ISSUER_GONE], Rejected, "VAULT-REFUSED"),
    (500, [RETIRED], Rejected, "VAULT-REFUSED"),
    (500, ["no default issuer currently configured"], Rejected, "VAULT-REFUSED"),
    (500, ["unable to find PKI key for reference: x"], Rejected, "VAULT-REFUSED"),
]


@pytest.mark.parametrize("effect", [True, False])
@pytest.mark.parametrize(("status", "errors", "kind", "rule"), TABLE)
def test_an_answer_means_the_same_for_reads_and_writes(
    status: int, errors: list[str], kind: type[UpstreamError], rule: str, *, effect: bool
) -> None:
    """These answers say that nothing was done."""
    meaning = classify.answer(status, errors, effect=effect)
    assert meaning is not None
    assert (meaning.error, meaning.rule) == (kind, rule)


@pytest.mark.parametrize("status", [500, 502, 504, 520])
@pytest.mark.parametrize("text", ["context deadline exceeded", "storage: disk full", ""])
def test_an_answer_that_says_nothing_leaves_a_write_open(status: int, text: str) -> None:
    """A 500 of unknown text may come after the effect; a read can be repeated."""
    errors = [text] if text else []
    wrote = classify.answer(status, errors, effect=True)
    read = classify.answer(status, errors, effect=False)
    assert wrote is not None
    assert read is not None
    assert (wrote.error, read.error) == (OutcomeUnknown, Unavailable)


@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_good_answer_means_nothing(status: int) -> None:
    """No error for a 2xx."""
    assert classify.answer(status, [], effect=True) is None


def test_an_error_carries_the_servers_words_on_one_line() -> None:
    """Without list decoration, cut to a limit, with rule, remedy and place."""
    error = classify.error(classify.REFUSED, [ISSUER_GONE], where="POST pki/x")
    assert error.what == (
        "could not fetch the CA certificate (was one set?): "
        "unable to find PKI issuer for reference: nope"
    )
    assert (error.rule, error.where) == ("VAULT-REFUSED", "POST pki/x")
    assert error.hint
    assert len(classify.error(classify.REFUSED, ["x" * 9999], where="").what) == 300


def test_an_answer_without_words_still_says_something() -> None:
    """Never an empty message."""
    assert classify.error(classify.SEALED, [], where="").what == "no reason given (VAULT-SEALED)"


def test_broken_connections() -> None:
    """Before the request was sent, after it, and a server that cannot be trusted."""
    assert type(classify.not_sent("x", where="")) is Unavailable
    assert type(classify.not_answered("x", effect=True, where="")) is OutcomeUnknown
    assert type(classify.not_answered("x", effect=False, where="")) is Unavailable
    assert type(classify.not_trusted("x", where="")) is VerificationError
