"""The record of findings: what is told, to whom, how often, and by which of two sweeps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.fakes.world import World
from tests.unit.lifecycle.scenes import DAY, straighten, twist
from trustwright.errors import ConflictError
from trustwright.lifecycle.findings import Settled, settle_findings
from trustwright.model.estate import Notify, Route
from trustwright.model.sweep import FindingRecord
from trustwright.policy.finding_notices import ALONE, SHOWN
from trustwright.policy.findings import Finding, Seen, finding, kinds_of

pytestmark = pytest.mark.unit

KINDS = kinds_of("records")


def late(name: str = "billing", *, grown: bool = False) -> Finding:
    """Return a finding about a consumer."""
    return finding("certificate-late", "prod", name, f"{name} is late", grown=grown)


def settle(world: World, *found: Finding, **changes: Any) -> Settled:
    """Settle one look at the record; some time goes by before the next one."""
    settled = settle_findings(world.ports, "prod", [replace(Seen(KINDS, tuple(found)), **changes)])
    world.clock.advance(seconds=120)
    return settled


def row_of(world: World, found: Finding) -> FindingRecord:
    """Return a finding's row."""
    row = world.ports.store.findings.get(found.id)
    assert row is not None
    return row


def titles(world: World) -> list[str]:
    """Return the titles of what people were told since the last call."""
    told = [notice.title for notice in world.ports.chat.told]
    world.ports.chat.told.clear()
    return told


def test_milder_findings_come_in_one_message(world: World) -> None:
    """New and gone ones together; a second look says nothing."""
    assert len(settle(world, late("a"), late("b")).opened) == 2
    assert titles(world) == ["prod: findings: 2 new"]
    settled = settle(world, late("b"), late("c"))
    assert [row.subject for row in settled.opened] == ["c"]
    assert [row.subject for row in settled.closed] == ["a"]
    (notice,) = world.ports.chat.told
    assert notice.title == "prod: findings: 1 new, 1 gone"
    assert "New:\n- warning: c is late" in notice.body
    assert "Gone:\n- warning: a is late" in notice.body
    titles(world)
    settle(world, late("b"), late("c"))
    assert titles(world) == []


def test_a_critical_finding_has_a_message_of_its_own(world: World) -> None:
    """It is not lost in a list, and it is told even where only alarms are."""
    settle(world, late("a"), late("b", grown=True))
    told = [(notice.title, notice.severity) for notice in world.ports.chat.told]
    assert told == [("prod: certificate late", "critical"), ("prod: findings: 1 new", "warning")]
    assert "trustwright findings show certificate-late/prod/b" in world.ports.chat.told[0].body


def test_a_flood_of_alarms_comes_in_one_message(world: World) -> None:
    """A day on which everything ends does not ring a hundred times."""
    settle(world, *(late(f"c{number:02}", grown=True) for number in range(SHOWN + 5)))
    (notice,) = world.ports.chat.told
    assert (notice.severity, notice.title) == ("critical", f"prod: findings: {SHOWN + 5} new")
    assert notice.body.count("- critical:") == SHOWN
    assert "- and 5 more" in notice.body
    assert ALONE < SHOWN
    assert all(row.told for row in world.ports.store.findings.find())


def test_a_finding_that_grows_is_told_again(world: World) -> None:
    """Once when it was a warning, once when it became critical, never when it becomes milder."""
    settle(world, late())
    assert titles(world) == ["prod: findings: 1 new"]
    assert len(settle(world, late(grown=True)).opened) == 1
    assert titles(world) == ["prod: certificate late"]
    settle(world, late(grown=True))
    settle(world, late())
    assert titles(world) == []
    assert (row_of(world, late()).severity, row_of(world, late()).times) == ("warning", 1)


def test_what_was_not_looked_at_stays_open(world: World) -> None:
    """Neither another kind, nor a subject that could not be seen, nor one beyond the look."""
    settle(world, late())
    settle(world, kinds=kinds_of("vault"))
    settle(world, unseen=frozenset({"billing"}))
    settle(world, subjects=frozenset({"gateway"}))
    settle_findings(world.ports, "test", [Seen(KINDS)])
    assert row_of(world, late()).state == "open"
    settle(world, subjects=frozenset({"billing"}))
    assert row_of(world, late()).state == "closed"


def test_another_environments_finding_is_not_recorded_here(world: World) -> None:
    """A look at one environment speaks for it alone."""
    foreign = replace(late(), environment="test")
    settle(world, foreign)
    assert list(world.ports.store.findings.find()) == []


def test_when_nobody_hears_it_is_told_again(world: World) -> None:
    """Every channel failed: the next sweep tells; one that reached somebody is enough."""
    routes = (Route(channel="chat"), Route(channel="mail"))
    world.ports.estate = world.ports.estate.model_copy(update={"notify": Notify(routes=routes)})
    twist(world.ports, {"notifier.tell": lambda _honest, _notice: ("chat", "mail")})
    settle(world, late())
    assert (row_of(world, late()).told, row_of(world, late()).emitted is None) == (None, False)
    twist(world.ports, {"notifier.tell": lambda honest, notice: (*honest(notice), "mail")})
    settle(world, late())
    assert titles(world) == ["prod: findings: 1 new"]
    assert row_of(world, late()).told is not None
    settle(world, late())
    assert titles(world) == []


def test_what_was_not_heard_may_become_milder(world: World) -> None:
    """It is told as it is now, and once."""
    routes = (Route(channel="chat"),)
    world.ports.estate = world.ports.estate.model_copy(update={"notify": Notify(routes=routes)})
    twist(world.ports, {"notifier.tell": lambda _honest, _notice: ("chat",)})
    settle(world, late(grown=True))
    straighten(world.ports)
    settle(world, late())
    assert titles(world) == ["prod: findings: 1 new"]
    settle(world, late())
    assert titles(world) == []


def test_an_event_that_nobody_took_is_sent_again(world: World) -> None:
    """Prefect is away: people are told at once, flows when it is back."""
    world.ports.doorbell.down = True
    settle(world, late())
    assert titles(world) == ["prod: findings: 1 new"]
    world.ports.doorbell.down = False
    settle(world, late())
    assert titles(world) == []
    (event,) = world.ports.doorbell.emitted
    assert (event.name, event.environment) == ("trustwright.finding.opened", "prod")
    assert event.resource == "trustwright.finding.certificate-late.prod.billing"
    assert event.payload["id"] == "certificate-late/prod/billing"


def test_two_sweeps_at_once_tell_once(world: World) -> None:
    """Whoever writes the row first tells; the other one finds it told or being told."""
    inside: list[Settled] = []

    def meanwhile(honest: Any, record: FindingRecord) -> Any:
        straighten(world.ports)
        inside.append(settle_findings(world.ports, "prod", [Seen(KINDS, (late(),))]))
        return honest(record)

    twist(world.ports, {"records.findings.insert": meanwhile})
    assert settle_findings(world.ports, "prod", [Seen(KINDS, (late(),))]) == Settled()
    assert len(inside[0].opened) == 1
    assert titles(world) == ["prod: findings: 1 new"]


def test_a_sweep_that_is_telling_is_not_overtaken(world: World) -> None:
    """A row that was written a moment ago is told of by whoever wrote it."""

    def meanwhile(honest: Any, notice: Any) -> Any:
        straighten(world.ports)
        assert settle_findings(world.ports, "prod", [Seen(KINDS, (late(),))]) == Settled()
        return honest(notice)

    twist(world.ports, {"notifier.tell": meanwhile})
    settle(world, late())
    assert titles(world) == ["prod: findings: 1 new"]


def test_two_closings_at_once_tell_once(world: World) -> None:
    """A compare-and-swap decides."""
    settle(world, late())
    titles(world)

    def lost(_honest: Any, record: FindingRecord, **_changes: Any) -> Any:
        raise ConflictError(f"{record.id} was written", rule="STORE-STALE")

    twist(world.ports, {"records.findings.replace": lost})
    assert settle(world) == Settled()
    assert titles(world) == []


def test_what_came_and_went_untold_is_told_as_gone(world: World) -> None:
    """A sweep died after it wrote the row, and the condition is over by the next one."""

    def dies(_honest: Any, _events: Any) -> Any:
        raise KeyboardInterrupt

    twist(world.ports, {"events.emit": dies})
    with pytest.raises(KeyboardInterrupt):
        settle(world, late())
    straighten(world.ports)
    world.clock.advance(seconds=DAY)
    settle(world)
    (notice,) = world.ports.chat.told
    assert "Gone:\n- warning: billing is late" in notice.body
    assert [event.name for event in world.ports.doorbell.emitted] == ["trustwright.finding.closed"]


def test_a_foreign_text_is_harmless_in_a_message(world: World) -> None:
    """Names in a certificate that somebody else had signed come from somebody else."""
    evil = finding("certificate-rogue", "prod", "0a:0b", "@everyone [click](http://evil) `rm`")
    settle_findings(world.ports, "prod", [Seen(kinds_of("vault"), (evil,))])
    (notice,) = world.ports.chat.told
    assert "(at)everyone (click)(http: //evil) 'rm'" in notice.body
