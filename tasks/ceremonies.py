"""Steps around the gate."""

from __future__ import annotations

from tasks.environments import this_run
from tasks.step import step
from trustwright.assembly import assembled, nothing_begun
from trustwright.lifecycle import announcement, gate, requests, watch
from trustwright.lifecycle.gate import Verdict
from trustwright.model.ceremony import CeremonyRecord


@step("seal the ceremony request")
def request_intermediate(environment: str) -> CeremonyRecord:
    """Return the ceremony of the current generation: accepted, pending, or newly sealed."""
    with assembled(actor=this_run()) as ports:
        return requests.request_intermediate(ports, environment)


@step("tell people that a signature is needed")
def announce_ceremony(ceremony: CeremonyRecord) -> str:
    """Write the request file, bind this run to the ceremony, tell people; return the page."""
    with assembled(actor=this_run()) as ports:
        return announcement.announce_ceremony(ports, ceremony.id, this_run())


@step("check the response")
def consider_response(ceremony: CeremonyRecord, response: str) -> Verdict:
    """Return the verdict on what was pasted; the phase never moves on a bad response."""
    with assembled(actor=this_run()) as ports:
        return gate.consider_answer(ports, ceremony, response.encode())


@step("record the signed intermediate")
def record_signed(environment: str) -> None:
    """Copy the accepted certificate to the issuer's record."""
    with assembled(actor=this_run()) as ports:
        gate.record_signed(ports, requests.request_intermediate(ports, environment))


@step("look after pending ceremonies")
def watch_ceremonies() -> list[str]:
    """Close what expired or was cancelled; return one phrase each."""
    if nothing_begun():
        return []
    with assembled(actor="watch-ceremonies") as ports:
        return watch.watch_ceremonies(ports)
