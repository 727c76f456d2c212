"""Deadlines are computed backwards from what would end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.world import environment_settings
from trustwright.model.estate import Environment
from trustwright.policy.deadlines import (
    Deadline,
    ceremony_deadline,
    issuer_deadlines,
    longest_ttl,
    root_crl_deadline,
    root_deadlines,
)

pytestmark = pytest.mark.unit
END = datetime(2028, 1, 31, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def environment() -> Environment:
    """Return an environment whose roles live for 72 hours at most."""
    vault = {"address": "https://127.0.0.1:1", "identity": "identities/prod"}
    return Environment.model_validate(
        environment_settings("prod", vault)
        | {"intermediate": {"overlap": "10d", "ceremony_lead": "20d"}}
    )


def by_kind(found: list[Deadline]) -> dict[str, tuple[datetime, datetime]]:
    """Return first warning and moment of each kind."""
    return {each.kind: (each.warn, each.at) for each in found}


def test_the_longest_ttl_is_that_of_the_slowest_role(environment: Environment) -> None:
    """It decides how long before its end an issuer stops to be of use."""
    assert longest_ttl(environment) == timedelta(hours=72)


def test_an_issuer_has_to_be_replaced_before_it_shortens_a_certificate(
    environment: Environment,
) -> None:
    """The ceremony comes first, then the overlap, then the horizon."""
    found = list(issuer_deadlines("prod", environment, "prod-g1", END, replaced=False))
    assert by_kind(found) == {
        "rotation": (END - 33 * DAY, END - 13 * DAY),
        "horizon": (END - 13 * DAY, END - 3 * DAY),
        "issuer-expiry": (END - 3 * DAY, END),
    }
    assert {(each.environment, each.subject) for each in found} == {("prod", "prod-g1")}


def test_a_replaced_issuer_has_its_end_and_nothing_else(environment: Environment) -> None:
    """Its successor was signed."""
    found = list(issuer_deadlines("prod", environment, "prod-g1", END, replaced=True))
    assert by_kind(found) == {"issuer-expiry": (END - 3 * DAY, END)}


def test_the_root_must_outlive_what_it_signs() -> None:
    """An intermediate of full length ends with the root at the latest."""
    found = list(root_deadlines(END, longest=730 * DAY, lead=14 * DAY))
    assert by_kind(found) == {
        "root-horizon": (END - 744 * DAY, END - 730 * DAY),
        "root-expiry": (END - 730 * DAY, END),
    }


def test_the_roots_list_is_asked_for_a_ceremony_lead_before_it_runs_out() -> None:
    """A ceremony takes people."""
    found = root_crl_deadline(END, 14 * DAY)
    assert (found.kind, found.warn, found.at) == ("root-crl", END - 14 * DAY, END)


def test_a_pending_ceremony_counts_from_its_first_moment() -> None:
    """Somebody is asked at once."""
    found = ceremony_deadline("prod", "ab" * 32, END - 7 * DAY, END)
    assert (found.warn, found.at) == (END - 7 * DAY, END)
    assert found.key == "ceremony/prod/abababababab"
