"""``trustwright certificates``: what is shown is true at the time of the look."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.ports import FakePorts
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import DAY, HOUR, bootstrap
from trustwright.cli.main import cli
from trustwright.cli.terminal import exit_code
from trustwright.model.records import CertificateRecord

pytestmark = pytest.mark.unit


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world whose prod is ready: agent for a day, server and proxy for three."""
    made = World(tmp_path)

    @contextmanager
    def assembled(**_: object) -> Iterator[FakePorts]:
        yield made.ports

    monkeypatch.setattr("trustwright.assembly.assembled", assembled)
    bootstrap(made)
    return made


def listed(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, str]:
    """Return what the list shows: subject and state."""
    capsys.readouterr()
    command = ["certificates", "list", "--json", *options]
    assert exit_code(cli, "trustwright", command) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return {row["subject"]: row["state"] for row in rows}


def test_a_certificate_that_ran_out_is_expired(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """From its notAfter on, in table, JSON and the page of one; the record itself says *valid*."""
    (row,) = world.ports.store.certificates.find(subject="collector")
    world.clock.advance(seconds=DAY - 1)
    assert listed(capsys)["collector"] == "valid"
    world.clock.advance(seconds=1)
    assert listed(capsys) == {
        "trustwright-canary": "revoked",
        "billing": "valid",
        "gateway": "valid",
        "collector": "expired",
    }
    for command in (["list"], ["show", row.serial]):
        assert exit_code(cli, "trustwright", ["certificates", *command]) == 0
        assert "expired" in capsys.readouterr().out
    assert [each.state for each in world.ports.store.certificates.find(subject="collector")] == [
        "valid"
    ]


@pytest.mark.parametrize(
    ("state", "subjects"),
    [
        ("valid", {"billing", "gateway"}),
        ("expired", {"collector"}),
        ("revoked", {"trustwright-canary"}),
        ("superseded", set()),
        ("refused", set()),
    ],
)
def test_states_are_asked_for_as_they_are_shown(
    world: World, capsys: pytest.CaptureFixture[str], state: str, subjects: set[str]
) -> None:
    """A dead one is not among the valid."""
    world.clock.advance(seconds=DAY)
    assert listed(capsys, "--state", state).keys() == subjects


def test_what_is_over_is_not_about_to_end(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Within three days the living ones end; the dead one has ended."""
    assert listed(capsys, "--expiring-within", "24h").keys() == {"collector"}
    world.clock.advance(seconds=DAY + HOUR)
    assert listed(capsys, "--expiring-within", "72h").keys() == {"billing", "gateway"}
    assert listed(capsys, "--expiring-within", "1h") == {}


@pytest.mark.parametrize("state", ["superseded", "revoked", "refused"])
def test_what_counted_no_more_stays_what_it_was(world: World, state: str) -> None:
    """Only a valid one expires."""
    (row,) = world.ports.store.certificates.find(subject="billing")
    closed: CertificateRecord = row.model_copy(update={"state": state})
    assert closed.state_at(row.not_after) == state
    assert row.state_at(row.not_after) == "expired"
