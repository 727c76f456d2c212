"""Whatever dies, however often, in whatever order: a bootstrap converges.

Random kills over random call numbers, one to three deaths in a row, with the way back in between:
sometimes at once, sometimes much later, sometimes by the same run that Prefect retried.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.mortal import Mortal, ProcessDied
from tests.fakes.world import World, run_bootstrap
from trustwright.errors import PolicyViolation
from trustwright.ids import serial_text
from trustwright.model.records import EnvironmentPhase
from trustwright.policy.phases import ORDER, check_advance, reached
from trustwright.x509 import parse

pytestmark = pytest.mark.unit

HOUR = 3600
MANAGED = ("billing", "gateway", "collector")
DEATH = st.tuples(
    st.integers(min_value=1, max_value=330),
    st.sampled_from(["before", "after"]),
    st.sampled_from([0, 1, 60, HOUR, 30 * HOUR]),
    st.booleans(),
)
Death = tuple[int, Literal["before", "after"], int, bool]


def live_and_die(world: World, deaths: list[Death]) -> list[str]:
    """Let run after run die; return where. A death that lies behind the last call is none."""
    places: list[str] = []
    for number, (last, moment, pause, same_run) in enumerate(deaths, start=1):
        world.ports.through = mortal = Mortal(last=last, moment=moment)
        try:
            run_bootstrap(world.ports, "prod", world.answer)
        except ProcessDied:
            places.append(f"{moment} {mortal.calls[-1]}, then {pause} s")
        world.ports.process = f"process-{number + 1}"
        if not same_run:
            world.ports.actor = f"run-{number + 1}"
        world.clock.advance(seconds=pause)
        refresh_crl(world)
    return places


def refresh_crl(world: World) -> None:
    """Do what a server does by itself while nobody looks: `auto_rebuild`."""
    if world.ports.vault.mounts:
        world.ports.vault.signer("prod").rotate_crl()


def check_converged(world: World, when: str) -> None:
    """One key, one issuer, one valid certificate per consumer, everything else explained."""
    records, vault = world.ports.store, world.ports.vault
    assert list(vault.rotator("prod").keys().values()) == ["prod-g1"], when
    assert [each.name for each in vault.rotator("prod").issuers()] == ["prod-g1"], when
    (environment,) = records.environments.find()
    assert (environment.phase, environment.holder) == ("ready", None), when
    assert Counter(row.state for row in records.ceremonies.find()) == {"accepted": 1}, when
    assert list(records.intents.find(state="open")) == [], when
    now = world.clock.now()
    valid = [row for row in records.certificates.find(state="valid") if row.not_after > now]
    assert Counter(row.subject for row in valid) == dict.fromkeys(MANAGED, 1), when
    for row in valid:
        observed = world.ports.targets[f"prod/{row.subject}"].observed()
        assert observed is not None, when
        assert observed.serial == row.serial, when
    recorded = {row.serial for row in records.certificates.find()}
    assert set(vault.signer("prod").serials()) == recorded, when
    check_crl(world, when)


def check_crl(world: World, when: str) -> None:
    """What was revoked in the inventory is on the CRL, and nothing else is."""
    (issuer,) = world.ports.store.issuers.find()
    crl = parse.crl(world.ports.vault.signer("prod").crl(issuer.issuer_id or ""))
    revoked = {row.serial for row in world.ports.store.certificates.find(state="revoked")}
    assert {serial_text(entry.serial_number) for entry in crl} == revoked, when
    assert issuer.canary in revoked, when


@pytest.mark.timeout(300)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(deaths=st.lists(DEATH, min_size=1, max_size=3))
def test_any_deaths_converge(deaths: list[Death]) -> None:
    """The last run is left to finish; then a further one changes nothing."""
    with TemporaryDirectory() as folder:
        world = World(Path(folder))
        when = " | ".join(live_and_die(world, deaths)) or "nobody died"
        world.ports.through = lambda _name, part: part
        run_bootstrap(world.ports, "prod", world.answer)
        check_converged(world, when)
        signed = sorted(world.ports.vault.signer("prod").serials())
        served = run_bootstrap(world.ports, "prod", world.answer)
        assert [each.changed for each in served] == [False] * 4, when
        assert sorted(world.ports.vault.signer("prod").serials()) == signed, when
        assert len(world.root.responses) == 1, when


PHASE = st.sampled_from(ORDER)


@given(current=PHASE, wanted=PHASE)
def test_only_the_next_phase_follows(current: EnvironmentPhase, wanted: EnvironmentPhase) -> None:
    """Of all pairs only neighbours pass, and every phase reaches itself and those before it."""
    step = ORDER.index(wanted) - ORDER.index(current)
    assert reached(current, wanted) == (step <= 0)
    if step == 1:
        check_advance(current, wanted)
        return
    with pytest.raises(PolicyViolation) as refused:
        check_advance(current, wanted)
    assert refused.value.rule == "PHASE-ORDER"


@given(wishes=st.lists(PHASE, max_size=40))
def test_no_order_of_wishes_skips_a_phase(wishes: list[EnvironmentPhase]) -> None:
    """A walk goes through every phase up to where it stands, in order."""
    walk: list[EnvironmentPhase] = ["planned"]
    for wish in wishes:
        if reached(walk[-1], wish):
            continue
        try:
            check_advance(walk[-1], wish)
        except PolicyViolation:
            continue
        walk.append(wish)
    assert tuple(walk) == ORDER[: len(walk)]
