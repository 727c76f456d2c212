"""The home of a stack: moved, spelled otherwise, somebody else's, without its keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.outside import TITLES, command, everything, namespace, prefect, state_of
from tests.ports import free_port
from tests.prefect.server import SERVED, importable
from trustwright.embedded.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

PATIENCE = 60.0
ODD = 'moved & "q\'uoted" $HOME ~ü@x:y;,=+#{b}[c]\\d'
"""Everything in a name that is not refused."""


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Return a stack that was never started; it is stopped in the end, whatever its name."""
    made = Stack(
        tmp_path / "home", openbao_port=free_port(), prefect_port=free_port(), module=SERVED
    )
    with importable():
        try:
            yield made
        finally:
            for home in tmp_path.iterdir():
                Stack(home).down()


def test_keys_may_be_away_and_come_back(stack: Stack) -> None:
    """Without the provisioner's key everything starts; without the seal key nothing does."""
    assert stack.up() == TITLES
    kept = namespace(stack)
    stack.down()
    away = stack.folder.home / "away"
    provisioner = stack.folder.identities / "provisioner.key"
    seal = stack.folder.openbao / "seal.key"
    provisioner.rename(away)
    assert stack.up() == TITLES
    assert not provisioner.exists()
    away.rename(provisioner)
    assert namespace(stack) == kept
    stack.down()
    seal.rename(away)
    done = command(stack, "up")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "[STACK-SEAL]" in done.stderr
    assert everything(stack) == []
    away.rename(seal)
    assert stack.up() == TITLES
    assert namespace(stack) == kept


def test_a_home_may_be_moved_and_spelled_otherwise(stack: Stack, tmp_path: Path) -> None:
    """What OpenBao, Prefect and the state remember holds no name of the folder."""
    assert stack.up() == TITLES
    kept, known = namespace(stack), state_of(stack)
    stack.down()
    home, link, moved = stack.folder.home, tmp_path / "link", tmp_path / ODD
    link.symlink_to(home)
    linked = Stack(link, module=SERVED)
    assert linked.up() == TITLES
    assert Stack(home / ".." / "home", module=SERVED).up() == ()
    linked.down()
    home.rename(moved)
    link.unlink()
    again = Stack(moved, module=SERVED)
    assert again.up() == TITLES
    assert (namespace(again), state_of(again).running({})) == (kept, known.running({}))
    assert command(again, "status").returncode == 0
    run = prefect(again).run_deployment("works/tests")
    assert prefect(again).wait(run.id, {"COMPLETED"}, deadline=PATIENCE).final
