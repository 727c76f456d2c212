"""Every forged or damaged response is refused, by the rule that it breaks."""

from __future__ import annotations

import json
import time
from functools import cache

import pytest

from tests.unit.ceremony import material
from tests.unit.ceremony.attacks import Attack, attacks
from tests.unit.ceremony.material import DOMAINS, NOW
from trustwright.ceremony.checks import check_response
from trustwright.ceremony.response import open_response
from trustwright.errors import CeremonyViolation
from trustwright.ids import new_serial
from trustwright.model.ceremony import Request, Response

KNOWN = new_serial()
pytestmark = pytest.mark.unit


@cache
def ceremony() -> tuple[Request, Response]:
    """Return a request and the good response to it."""
    asked = material.request()
    return asked, material.response(asked)


def every_attack() -> list[Attack]:
    """Return the table."""
    asked, good = ceremony()
    return attacks(asked, good, material.root(), known_serial=KNOWN, foreign_domain=DOMAINS["prod"])


def submit(data: bytes) -> None:
    """Do what the gate does."""
    check_response(
        open_response(data),
        ceremony()[0],
        root=material.root().certificate,
        now=NOW,
        known_serials={KNOWN},
        domains=DOMAINS,
    )


@pytest.mark.parametrize("attack", every_attack(), ids=lambda attack: attack.name)
def test_attack_is_refused_by_its_rule(attack: Attack) -> None:
    """The response is refused, and by the rule that the table names."""
    with pytest.raises(CeremonyViolation) as refused:
        submit(attack.data)

    assert attack.rule == refused.value.rule


def test_endless_responses_cost_nothing() -> None:
    """Ten megabytes are refused by their size alone, before anything reads them."""
    endless = [each for each in every_attack() if len(each.data) >= 10_000_000]
    began = time.process_time()
    for attack in endless:
        with pytest.raises(CeremonyViolation):
            submit(attack.data)

    assert (len(endless), time.process_time() - began < 0.1) == (3, True)


def test_good_response_is_accepted() -> None:
    """The response that the attacks start from passes, so each attack fails for its own reason."""
    submit(ceremony()[1].canonical())


def test_good_response_is_accepted_however_it_is_laid_out() -> None:
    """White space and order of members come from forms and mail; the digest is the same."""
    good = ceremony()[1]
    members = dict(reversed(good.model_dump(mode="json").items()))
    data = ("\r\n" + json.dumps(members, indent=4) + "\r\n\r\n").encode()

    submit(data)

    assert good.digest() == open_response(data).digest()


def test_table_is_long_and_its_names_differ() -> None:
    """At least forty attacks, each with a name of its own."""
    names = [attack.name for attack in every_attack()]

    assert len(names) >= 40
    assert len(names) == len(set(names))
