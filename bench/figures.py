"""How a series of measurements is shown: its median and how far it spreads."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Return ``median (lowest-highest)``."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:,.{digits}f} ({low:,.{digits}f}-{high:,.{digits}f})"


def ratios(upper: Iterable[float], lower: Iterable[float]) -> list[float]:
    """Return the quotients of what was measured side by side, pair by pair."""
    return [above / below for above, below in zip(upper, lower, strict=True)]
