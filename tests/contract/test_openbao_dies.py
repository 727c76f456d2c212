"""OpenBao dies, or is sealed, under a bootstrap: at every call that reaches it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.contract.openbao import OpenBao, on_disk, running
from tests.contract.test_kill_openbao import check_converged, world
from tests.e2e.real import RealWorld, untouched
from tests.fakes.mortal import Mortal
from tests.fakes.world import run_bootstrap
from trustwright.errors import OutcomeUnknown, Unavailable

pytestmark = pytest.mark.contract

AT_VAULT = frozenset({"provisioner", "rotator", "anchor", "signer"})
Fault = Literal["killed", "sealed"]


class Calls(Mortal):
    """Brings the server down at the n-th call that reaches it, before or after the call."""

    def __init__(
        self,
        bring_down: Callable[[], object] = lambda: None,
        last: int = 0,
        moment: Literal["before", "after"] = "before",
    ) -> None:
        super().__init__(last, moment)
        self.bring_down = bring_down

    def cross(self, name: str, act: Callable[[], Any]) -> Any:
        """Count calls to the server only."""
        return super().cross(name, act) if name.partition(".")[0] in AT_VAULT else act()

    def die(self, name: str) -> None:
        """Bring the server down; the process lives on."""
        del name
        self.bring_down()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    """A server that keeps its data, because it is to be started again."""
    folder = tmp_path_factory.mktemp("mortal")
    with running(folder, on_disk(folder)) as made:
        yield made


def calls_of_a_whole_run(server: OpenBao, folder: Path, name: str) -> list[str]:
    """Return the calls that reach the server in an undisturbed bootstrap."""
    whole = world(server, folder, name)
    whole.ports.through = counting = Calls()
    run_bootstrap(whole.ports, "prod", whole.answer)
    whole.ports.store.close()
    return counting.calls


def seal(server: OpenBao) -> None:
    """Seal it, as an operator does in an emergency."""
    server.operator().write("sys/seal", {})


@pytest.mark.timeout(600)
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("fault", ["killed", "sealed"])
def test_it_goes_down_at_every_call(
    server: OpenBao, tmp_path: Path, fault: Fault, moment: Literal["before", "after"]
) -> None:
    """The run stops with an error that waiting helps; when the server is back, it converges."""
    calls = calls_of_a_whole_run(server, tmp_path / "whole", f"whole-{fault}-{moment}")
    assert {call.partition(".")[0] for call in calls} == AT_VAULT
    for number in range(1, len(calls) + 1):
        when = f"{fault} {moment} call {number} of {len(calls)}, {calls[number - 1]}"
        found = world(server, tmp_path / str(number), f"{fault}-{moment}-{number}")
        down = server.kill if fault == "killed" else lambda: seal(server)
        found.ports.through = Calls(down, number, moment)
        assert went_down(found) or (number, moment) == (len(calls), "after"), when
        server.start_again()
        found.ports.through = untouched
        run_bootstrap(found.ports, "prod", found.answer)
        check_converged(found, when)


def went_down(found: RealWorld) -> bool:
    """Bootstrap; return whether the run, or a consumer in it, was stopped by a server that is gone.

    No other error may come of it.
    """
    try:
        served = run_bootstrap(found.ports, "prod", found.answer)
    except (Unavailable, OutcomeUnknown):
        return True
    return "failed" in {each.state for each in served}
