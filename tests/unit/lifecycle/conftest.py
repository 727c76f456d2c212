"""A fresh world for every test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return two environments, five consumers in each, an offline root, and everything fake."""
    return World(tmp_path)
