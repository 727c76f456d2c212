"""The gate against forged and damaged responses: in memory, and over OpenBao and a real store.

The list of attacks is the one that the ceremony's own rules are tested with; most are signed by the
true root, so that each gets as far as the rule that it breaks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.contract.openbao import OpenBao
from tests.e2e.real import RealWorld
from tests.fakes.world import World, run_bootstrap
from tests.unit.ceremony.attacks import Attack, attacks
from tests.unit.ceremony.material import RootMaterial
from tests.unit.lifecycle.scenes import dump, reach_gate
from trustwright.ceremony.response import binding, open_response
from trustwright.errors import TrustwrightError
from trustwright.lifecycle import environments, gate
from trustwright.model.ceremony import CeremonyRecord, Request, Response
from trustwright.x509 import parse

pytestmark = pytest.mark.contract

SERVICES = (("billing", "server", "managed"),)
_numbers = count(1)
CHANGED_BY_A_REFUSAL = {"refusals", "refusal", "version"}


@dataclass
class Siege:
    """A world whose environment *test* waits at the gate, with *prod* ready beside it.

    Attributes:
        world: a `World` or a `RealWorld`.
        waiting: the ceremony as it was when the run asked.
        good: the one response that opens the gate.
    """

    world: Any
    waiting: CeremonyRecord
    good: bytes

    def attacks(self) -> list[Attack]:
        """Return every attack on this ceremony."""
        root = self.world.root
        prod = self.world.ports.store.issuers.get("prod-g1")
        return attacks(
            Request.parse(self.waiting.request.encode()),
            Response.parse(self.good),
            RootMaterial(root.key, root.certificate, crl_number=len(root.responses)),
            known_serial=parse.certificate(prod.certificate).serial_number,
            foreign_domain=self.world.ports.estate.environments["prod"].domain,
        )

    def ceremony(self) -> CeremonyRecord:
        """Return the ceremony as it stands in the store."""
        found: CeremonyRecord = self.world.ports.store.ceremonies.get(self.waiting.id)
        return found

    def submit(self, data: bytes, *, by_form: bool = False) -> gate.Verdict:
        """Hand a response in, by the form or by the command."""
        consider = gate.consider_answer if by_form else gate.consider_response
        return consider(self.world.ports, self.ceremony(), data)

    def state(self) -> dict[str, Any]:
        """Return the whole store and what Vault holds, but for the traces of a refusal."""
        rows = dump(self.world.ports.store, without=("audit",))
        ceremonies = [
            {name: value for name, value in row.items() if name not in CHANGED_BY_A_REFUSAL}
            for row in rows["ceremonies"]
        ]
        return rows | {"ceremonies": ceremonies, "vault": list(self._vault())}

    def _vault(self) -> Iterator[object]:
        for name in ("test", "prod"):
            rotator, signer = self.world.ports.rotator(name), self.world.ports.signer(name)
            yield rotator.issuers()
            yield dict(rotator.keys())
            yield sorted(signer.serials())
            yield [signer.crl(each.issuer_id) for each in rotator.issuers()]


def besieged(world: Any) -> Siege:
    """Bring prod to *ready* and test to the gate."""
    run_bootstrap(world.ports, "prod", world.answer)
    waiting = reach_gate(world, "test")
    return Siege(world, waiting, world.answer(waiting.request))


@pytest.fixture(params=["fakes", "openbao"])
def siege(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Siege]:
    """Return the siege over fakes, and over a real OpenBao with a store on disk."""
    if request.param == "fakes":
        yield besieged(World(tmp_path))
        return
    server: OpenBao = request.getfixturevalue("openbao")
    world = RealWorld(server, tmp_path, f"siege-{next(_numbers)}", SERVICES)
    yield besieged(world)
    world.ports.store.close()


def rule_of(attack: Attack) -> str:
    """Return the rule that refuses it at the gate, which asks first whether anything is there."""
    return attack.rule if attack.data.strip() else "GATE-EMPTY"


def test_the_gate_stands(siege: Siege) -> None:
    """Each attack is refused by its own rule and changes nothing; then the good response opens."""
    found = siege.attacks()
    assert len(found) >= 40
    before = siege.state()
    for number, attack in enumerate(found, start=1):
        verdict = siege.submit(attack.data, by_form=number % 2 == 0)
        ceremony = siege.ceremony()
        assert not verdict.accepted, attack.name
        assert f"[{rule_of(attack)}]" in verdict.reason, (attack.name, verdict.reason)
        assert (ceremony.state, ceremony.response) == ("pending", None), attack.name
        assert (ceremony.refusals, ceremony.refusal) == (number, verdict.reason), attack.name
        assert siege.state() == before, attack.name
    assert environments.record_of(siege.world.ports, "test").phase == "requested"
    assert siege.submit(siege.good) == gate.Verdict(accepted=True)
    assert (siege.ceremony().response or "").encode() == siege.good


def says_the_same(data: bytes, good: bytes) -> bool:
    """Return whether two responses hold the same signed content."""
    try:
        return binding(open_response(data)) == binding(open_response(good))
    except TrustwrightError:
        return False


def test_an_opened_gate_is_not_opened_again(siege: Siege) -> None:
    """After the acceptance no attack changes anything, refusals included; the flow goes on.

    One that holds what the root signed, and lies only in members that nothing signs, says the same
    as the accepted one: it is taken for it, without effect.
    """
    found = siege.attacks()
    siege.submit(siege.good)
    accepted, before = siege.ceremony(), siege.state()
    for attack in found:
        assert siege.submit(attack.data).accepted == says_the_same(attack.data, siege.good), (
            attack.name
        )
        assert siege.ceremony() == accepted, attack.name
    assert siege.state() == before
    served = run_bootstrap(siege.world.ports, "test", siege.world.answer)
    assert served[0].state == "delivered"
    assert environments.record_of(siege.world.ports, "test").phase == "ready"


def test_a_replayed_response_opens_no_other_gate(siege: Siege) -> None:
    """The response that made prod's intermediate is good, signed by this root, and not for test."""
    prod = next(siege.world.ports.store.ceremonies.find(environment="prod"))
    before = siege.state()
    verdict = siege.submit((prod.response or "").encode())
    assert (verdict.accepted, "[CER-201]" in verdict.reason) == (False, True)
    assert siege.state() == before


def test_a_click_opens_nothing(siege: Siege) -> None:
    """Resuming the run with an empty form is a refusal, however often."""
    before = siege.state()
    for number in (1, 2, 3):
        assert not siege.submit(b"", by_form=True).accepted
        assert siege.ceremony().refusals == number
    assert siege.state() == before
