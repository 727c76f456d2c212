"""Which phase may follow which."""

from __future__ import annotations

import pytest

from trustwright.errors import TransitionRefused
from trustwright.model.records import EnvironmentPhase
from trustwright.policy.phases import ORDER, check_advance, reached

pytestmark = pytest.mark.unit


def test_the_order_is_the_runbooks() -> None:
    """The flow's steps, as the architecture page lists them."""
    assert ORDER == (
        "planned",
        "prepared",
        "requested",
        "signed",
        "introduced",
        "proven",
        "ready",
    )


@pytest.mark.parametrize(
    ("current", "wanted"),
    [
        ("planned", "planned"),
        ("signed", "introduced"),
        ("ready", "planned"),
        ("proven", "signed"),
        ("planned", "requested"),
        ("requested", "ready"),
    ],
)
def test_reached(current: EnvironmentPhase, wanted: EnvironmentPhase) -> None:
    """A phase reaches itself and those before it."""
    assert reached(current, wanted) == (ORDER.index(current) >= ORDER.index(wanted))


def test_a_refusal_names_both_phases_and_the_remedy() -> None:
    """What a person reads."""
    with pytest.raises(TransitionRefused) as refused:
        check_advance("requested", "introduced")
    assert refused.value.rule == "PHASE-ORDER"
    assert refused.value.what == "phase introduced does not follow requested"
    assert "from the top" in refused.value.hint
    assert refused.value.exit_code == 3


@pytest.mark.parametrize("back", ["planned", "requested", "signed"])
def test_the_same_phase_and_a_step_back_are_refused(back: EnvironmentPhase) -> None:
    """`reached` is asked first; whoever does not ask is stopped."""
    with pytest.raises(TransitionRefused):
        check_advance("signed", back)
