"""``trustwright environments list``: what stands in the record beside what the estate names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.ports import FakePorts
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import bootstrap
from trustwright.cli.main import cli
from trustwright.cli.terminal import exit_code
from trustwright.lifecycle.environments import claim
from trustwright.x509 import parse

pytestmark = pytest.mark.unit


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world whose prod is ready and whose test is held, with nothing done yet."""
    made = World(tmp_path)

    @contextmanager
    def assembled(**_: object) -> Iterator[FakePorts]:
        yield made.ports

    monkeypatch.setattr("trustwright.assembly.assembled", assembled)
    bootstrap(made)
    claim(made.ports, "test", "run-1")
    return made


def test_what_is_ready_and_what_is_held(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The issuer's end and the anchor's fingerprint are those of the certificates themselves."""
    (issuer,) = world.ports.store.issuers.find()
    signed, anchor = (parse.certificate(pem or "") for pem in (issuer.certificate, issuer.anchor))
    assert exit_code(cli, "trustwright", ["environments", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "environment": "test",
            "domain": "test.example.internal",
            "phase": "planned",
            "issuer": None,
            "issuer until": None,
            "anchor": None,
            "held by": "run-1",
        },
        {
            "environment": "prod",
            "domain": "prod.example.internal",
            "phase": "ready",
            "issuer": "prod-g1",
            "issuer until": f"{signed.not_valid_after_utc:%Y-%m-%d %H:%M}",
            "anchor": parse.fingerprint(anchor)[:23],
            "held by": None,
        },
    ]


def test_the_table_has_no_holes(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """What is not known yet is a dash."""
    del world
    assert exit_code(cli, "trustwright", ["environments", "list"]) == 0
    heading, test, prod = capsys.readouterr().out.splitlines()
    assert heading.split()[:4] == ["environment", "domain", "phase", "issuer"]
    assert test.split() == ["test", "test.example.internal", "planned", "-", "-", "-", "run-1"]
    assert prod.split()[:4] == ["prod", "prod.example.internal", "ready", "prod-g1"]
