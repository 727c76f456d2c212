"""How `make test` shares the whole suite between processes: file by file, the long ones first.

A file stays in one process, so what it starts is started once; servers of a session are started
in each process that needs them. A long file that is begun last would be waited for alone.
"""

from __future__ import annotations

from pathlib import Path

import pytest

WITH_SERVERS = ("contract", "e2e", "packaging", "prefect", "stacks")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the long files first in a process of pytest-xdist; elsewhere the order stays random."""
    if hasattr(config, "workerinput"):
        items[:] = long_ones_first(items)


def long_ones_first(items: list[pytest.Item]) -> list[pytest.Item]:
    """Order by what the heaviest test of the same file weighs, else as it was."""
    heaviest: dict[Path, tuple[float, bool]] = {}
    for item in items:
        heaviest[item.path] = max(heaviest.get(item.path, (0.0, False)), weight(item))
    return sorted(items, key=lambda item: heaviest[item.path], reverse=True)


def weight(item: pytest.Item) -> tuple[float, bool]:
    """Return the seconds of a test's own timeout, 0 without one, and whether it needs servers."""
    own = item.get_closest_marker("timeout")
    return float(own.args[0]) if own else 0.0, any(map(item.get_closest_marker, WITH_SERVERS))
