"""People are told once, and the request lies where they are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.world import World
from tests.unit.lifecycle.scenes import DAY, HOUR, bootstrap, events_told, reach_gate, twist
from trustwright.ceremony.words import digest_words
from trustwright.errors import Rejected, UpstreamError
from trustwright.lifecycle.announcement import announce_ceremony, tell_served, write_request
from trustwright.lifecycle.gate import ceremony_of

pytestmark = pytest.mark.unit


def test_people_are_told_once(world: World) -> None:
    """Digest, words, file and link; asking again tells nobody."""
    waiting = reach_gate(world)
    announce_ceremony(world.ports, waiting.id, "run-1")
    (notice,) = world.ports.chat.told
    shown = " ".join(notice.body.split())
    assert " ".join(digest_words(waiting.id)[:8]) in shown
    assert waiting.id[:8] in notice.body
    assert notice.link == "http://127.0.0.1:1/runs/run-1"
    assert (notice.severity, notice.environment) == ("warning", "prod")


def test_the_file_holds_the_request_as_it_was_sealed(world: World) -> None:
    """Named by environment, generation and digest; its bytes are the record's."""
    waiting = reach_gate(world)
    (path,) = world.ports.folder.iterdir()
    assert path.name == f"prod-g1-{waiting.id[:12]}.request.json"
    assert path.read_bytes() == waiting.request.encode()


def test_a_file_that_was_changed_is_written_anew(world: World) -> None:
    """Whoever edits it changes nothing: the record counts."""
    waiting = reach_gate(world)
    path = write_request(waiting, world.ports.folder)
    path.write_text("something else")
    announce_ceremony(world.ports, waiting.id, "run-1")
    assert path.read_text() == waiting.request


def test_a_new_run_is_bound_and_announced(world: World) -> None:
    """The run that waits now is the one to wake, and the link in the chat leads to it."""
    waiting = reach_gate(world)
    announce_ceremony(world.ports, waiting.id, "run-2")
    link = announce_ceremony(world.ports, waiting.id, "run-2")
    assert (link, ceremony_of(world.ports, "prod").flow_run) == (
        "http://127.0.0.1:1/runs/run-2",
        "run-2",
    )
    assert events_told(world) == ["ceremony.requested"] * 2
    assert [notice.link for notice in world.ports.chat.told] == [
        "http://127.0.0.1:1/runs/run-1",
        "http://127.0.0.1:1/runs/run-2",
    ]


def test_a_closed_ceremony_is_not_announced(world: World) -> None:
    """There is nothing to sign any more."""
    waiting = reach_gate(world)
    world.ports.store.ceremonies.replace(waiting, state="cancelled")
    announce_ceremony(world.ports, waiting.id, "run-2")
    found = world.ports.store.ceremonies.get(waiting.id)
    assert found is not None
    assert found.flow_run == "run-1"


def test_channels_that_failed_are_in_the_audit(world: World) -> None:
    """Being told is recorded together with who was not reached."""
    twist(world.ports, {"notifier.tell": lambda _honest, _notice: ("chat", "mail")})
    waiting = reach_gate(world)
    line = world.ports.store.audit.get(f"announced/{waiting.id}/run-1")
    assert line is not None
    assert line.detail == "nobody was told: chat, mail"


def test_a_folder_that_cannot_be_written(world: World, tmp_path: Path) -> None:
    """The error names the file; the run is not bound and nobody is told of a file that is not."""
    (tmp_path / "taken").write_text("a file where the folder should be")
    world.ports.folder = tmp_path / "taken"
    with pytest.raises(UpstreamError) as refused:
        reach_gate(world)
    assert refused.value.rule == "WORKSPACE"
    assert refused.value.where.startswith(str(tmp_path / "taken"))
    assert ceremony_of(world.ports, "prod").flow_run is None
    assert events_told(world) == []


def told_of_serving(world: World) -> list[str]:
    """Bootstrap prod and tell who was served, as the flow does; return the events since."""
    before = len(world.ports.chat.told)
    served = list(bootstrap(world).values())
    tell_served(world.ports, "prod", served, "link")
    return [each.event.removeprefix("trustwright.") for each in world.ports.chat.told[before:]]


def test_who_was_served_is_told_once_for_each_change(world: World) -> None:
    """A run that changes nothing says nothing; a failure is said each time."""
    assert "environment.served" in told_of_serving(world)
    assert told_of_serving(world) == []
    world.clock.advance(seconds=3 * DAY - HOUR)
    assert told_of_serving(world) == ["environment.served"]
    world.ports.targets["prod/billing"].lose()
    world.ports.targets["prod/billing"].closed = Rejected("read-only", rule="DLV-PERMISSION")
    assert told_of_serving(world) == ["environment.served", "consumer.failed"]
    assert told_of_serving(world) == ["consumer.failed"]
