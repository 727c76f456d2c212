"""Steps around the gate."""

from __future__ import annotations

from tasks.environments import this_run
from tasks.step import step
from trustwright.assembly import assembled, nothing_begun
from trustwright.lifecycle import announcement, gate, reconciliation, requests, watch
from trustwright.lifecycle.gate import Verdict
from trustwright.model.ceremony import CeremonyRecord

WATCH = "watch-ceremonies"
"""Who acts when nobody asked."""


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


@step("ask again, because nothing could be decided")
def ask_again(ceremony: CeremonyRecord, reason: str) -> None:
    """Have the gate put its question anew and say why."""
    with assembled(actor=this_run()) as ports:
        gate.ask_again(ports, ceremony, reason)


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
    with assembled(actor=WATCH) as ports:
        return watch.watch_ceremonies(ports)


@step("account for what dead runs left behind, everywhere")
def settle_left_behind_everywhere() -> list[str]:
    """Revoke or explain it, in every environment; return one phrase each."""
    if nothing_begun():
        return []
    with assembled(actor=WATCH) as ports:
        names = sorted(ports.estate.environments)
        return [
            phrase
            for name in names
            for phrase in reconciliation.settle_all_left_behind(ports, name)
        ]
