"""Merging two sorted streams finds what subtracting two sets finds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trustwright.errors import VerificationError
from trustwright.policy.differences import differences
from trustwright.ports import Recorded

pytestmark = pytest.mark.unit

END = datetime(2026, 11, 26, tzinfo=UTC)
SERIALS = st.lists(
    st.binary(min_size=1, max_size=3).map(lambda octets: octets.hex(":")), max_size=30
)
"""Few octets, so that many are equal and many begin alike."""


def recorded(serials: list[str]) -> list[Recorded]:
    """Return rows of an inventory, in its order; a serial may stand twice, of two issuers."""
    return [
        Recorded(f"g{number % 2}/{serial}", serial, "billing", "valid", END)
        for number, serial in enumerate(sorted(serials))
    ]


@given(listed=SERIALS, known=SERIALS)
def test_the_merge_is_the_difference_of_the_sets(listed: list[str], known: list[str]) -> None:
    """Both ways, nothing twice that was not there twice, and in order."""
    serials, rows = sorted(set(listed)), recorded(known)
    found = list(differences(iter(serials), iter(rows)))
    assert [each for each in found if isinstance(each, str)] == sorted(set(listed) - set(known))
    assert [each for each in found if not isinstance(each, str)] == [
        row for row in rows if row.serial not in set(listed)
    ]


@given(serials=SERIALS)
def test_hyphens_and_colons_sort_alike(serials: list[str]) -> None:
    """The server sorts what it stores with hyphens, the inventory what it stores with colons."""
    hyphens = sorted(serial.replace(":", "-") for serial in serials)
    assert [serial.replace("-", ":") for serial in hyphens] == sorted(serials)


@given(serials=SERIALS.filter(lambda serials: len(set(serials)) > 1))
def test_a_stream_out_of_order_is_refused(serials: list[str]) -> None:
    """Nothing is concluded from it."""
    backwards = sorted(set(serials), reverse=True)
    with pytest.raises(VerificationError) as raised:
        list(differences(iter(backwards), iter(())))
    assert raised.value.rule == "LIST-ORDER"
    rows = list(reversed(recorded(sorted(set(serials)))))
    with pytest.raises(VerificationError):
        list(differences(iter(()), iter(rows)))


def test_streams_are_not_gathered() -> None:
    """A million of each are held one at a time."""
    held: list[int] = []
    alive = 0

    class Counted(str):
        __slots__ = ()

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def serials() -> object:
        nonlocal alive
        for number in range(2000):
            alive += 1
            held.append(alive)
            yield Counted(f"{number:06x}")

    for _ in differences(serials(), iter(recorded([f"{n:06x}" for n in range(2000)]))):  # type: ignore[arg-type]
        pass
    assert max(held) < 10
