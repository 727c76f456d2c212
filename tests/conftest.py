"""How `make test` shares the whole suite between processes: file by file, the long ones first.

A file stays in one process, so what it starts is started once; servers of a session are started
in each process that needs them. A long file that is begun last would be waited for alone.
"""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the long files first in a process of pytest-xdist; elsewhere the order stays random."""
    if hasattr(config, "workerinput"):
        items[:] = long_ones_first(items)


def long_ones_first(items: list[pytest.Item]) -> list[pytest.Item]:
    """Order by the longest time that a test of the same file is allowed, else as it was."""
    longest: dict[Path, float] = {}
    for item in items:
        longest[item.path] = max(longest.get(item.path, 0.0), allowed(item))
    return sorted(items, key=lambda item: -longest[item.path])


def allowed(item: pytest.Item) -> float:
    """Return the seconds of a test's own timeout; 0 where it has none."""
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0]) if mark else 0.0
