"""A home before anything runs in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from trustwright.embedded.folder import Folder
from trustwright.embedded.state import Ports, StackState


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return an empty home whose name needs quoting."""
    folder = Folder(tmp_path / 'a "home" of $mine')
    folder.create()
    return folder


@pytest.fixture
def state(folder: Folder) -> StackState:
    """Return the state of a stack with the default ports."""
    return StackState.fresh(Ports())
