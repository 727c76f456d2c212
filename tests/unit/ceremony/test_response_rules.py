"""Each rule about a response is broken by an attack or by a case here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from tests.unit.ceremony import forge, material
from tests.unit.ceremony.attacks import attacks
from tests.unit.ceremony.material import DOMAINS, NOW, crl_request, request, response, revocation
from trustwright.ceremony.checks import RESPONSE_RULES, check_response
from trustwright.errors import CeremonyViolation
from trustwright.ids import new_serial
from trustwright.model.ceremony import Request, Response
from trustwright.x509.crl import Revoked

pytestmark = pytest.mark.unit
SERIAL = new_serial()


@dataclass(frozen=True)
class Case:
    """A response and what it meets."""

    request: Request
    response: Response
    domains: Mapping[str, str] = field(default_factory=lambda: DOMAINS)
    last_crl_number: int = 0
    days: int = 0
    listed: tuple[int, ...] = ()

    def check(self) -> None:
        """Enforce."""
        check_response(
            self.response,
            self.request,
            root=material.root().certificate,
            now=NOW + timedelta(days=self.days),
            known_serials=frozenset(),
            domains=self.domains,
            last_crl_number=self.last_crl_number,
            listed=self.listed,
        )


def good(**changes: object) -> Case:
    """Return a good case with members changed."""
    asked = request()
    return Case(asked, response(asked), **changes)  # type: ignore[arg-type]


def _revoked(*listed: int) -> Case:
    asked = revocation(SERIAL)
    entries = tuple(Revoked(serial, NOW - timedelta(hours=1)) for serial in listed)
    return Case(asked, response(asked, revoked=entries))


def _bad_profile() -> Case:
    asked = request(asked=material.profile(path_length=1))
    return Case(asked, response(asked))


CASES: dict[str, Callable[[], Case]] = {
    "CER-222": _bad_profile,
    "CER-223": lambda: good(domains=DOMAINS | {"inner": "a.test.example.internal"}),
    "CER-237": lambda: _revoked(new_serial()),
    "CER-239": lambda: good(listed=(SERIAL,)),
}
MORE: list[tuple[str, str, Callable[[], Case]]] = [
    ("CER-223", "an environment that nobody knows", lambda: good(domains={})),
    ("CER-223", "another domain", lambda: good(domains={"test": "other.example.internal"})),
    ("CER-233", "a CRL number that was seen", lambda: good(last_crl_number=1)),
    ("CER-234", "a CRL that went stale on the way", lambda: good(days=181)),
]


def attacked() -> set[str]:
    """Return the rules that the attacks break."""
    asked = request()
    table = attacks(
        asked, response(asked), material.root(), known_serial=SERIAL, foreign_domain=DOMAINS["prod"]
    )
    return {attack.rule for attack in table}


def test_every_rule_is_broken_by_something() -> None:
    """No rule without an attack or a case; no identifier twice."""
    identifiers = [rule.identifier for rule in RESPONSE_RULES]

    assert set(identifiers) == (attacked() | set(CASES)) - {"CER-JSON", "CER-SIZE", "CER-SHAPE"}
    assert len(identifiers) == len(set(identifiers))


@pytest.mark.parametrize("rule", sorted(CASES))
def test_rule_refuses_its_case(rule: str) -> None:
    """The rule is the first to refuse."""
    with pytest.raises(CeremonyViolation) as refused:
        CASES[rule]().check()

    assert rule == refused.value.rule


@pytest.mark.parametrize(("rule", "name", "make"), MORE, ids=[name for _, name, _ in MORE])
def test_rule_refuses_more(rule: str, name: str, make: Callable[[], Case]) -> None:
    """The same rules from another side."""
    assert name
    with pytest.raises(CeremonyViolation) as refused:
        make().check()

    assert rule == refused.value.rule


def test_every_kind_is_accepted() -> None:
    """Good responses of all three kinds pass."""
    good().check()
    _revoked(SERIAL).check()
    asked = crl_request()
    Case(asked, response(asked)).check()


def test_late_submission_is_accepted() -> None:
    """What was signed in time may be submitted after the request expired."""
    good(days=30).check()


def test_clocks_may_differ_a_little() -> None:
    """A signer whose clock is four minutes ahead is believed."""
    asked = request()
    Case(asked, response(asked, signed_at=NOW + timedelta(minutes=4))).check()


def test_crl_lint_is_not_reached_by_a_good_crl() -> None:
    """A CRL with a written reason passes."""
    asked = request()
    listed = forge.forged_crl(material.root(), NOW - timedelta(hours=1), listed=[new_serial()])
    Case(asked, response(asked, root_crl=listed)).check()
