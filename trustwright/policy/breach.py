"""What a rule over the estate says when it is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from trustwright.model.estate import Estate

Location = tuple[str | int, ...]
"""Where in the estate: keys and list positions from the top, as pydantic writes them."""


@dataclass(frozen=True)
class Breach:
    """One broken rule.

    Attributes:
        place: the value that should change.
        what: what is wrong, as a sentence.
        hint: the remedy.
    """

    place: Location
    what: str
    hint: str


Rule = Callable[[Estate], Iterator[Breach]]
"""A rule reads the estate and yields its breaches; it reads no file and asks no server."""


def below(name: str, subtree: str) -> bool:
    """Say whether a DNS name lies in a subtree (RFC 5280 §4.2.1.10): equal or labels in front."""
    return name == subtree or name.endswith(f".{subtree}")


def duration_text(seconds: int) -> str:
    """Return seconds as the estate file writes them, in the largest unit that fits exactly."""
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
