"""Steps of a sweep. A look never fails: what could not be looked at is in what it returns."""

from __future__ import annotations

from tasks.environments import this_run
from tasks.step import step
from trustwright.assembly import assembled, nothing_begun
from trustwright.lifecycle import sweep as sweeps
from trustwright.policy.findings import Part, Seen


@step("begin the sweep")
def begin_sweep(environment: str) -> str:
    """Return the sweep's identifier; empty when there is no estate yet."""
    if nothing_begun():
        return ""
    with assembled(actor=this_run()) as ports:
        return sweeps.begin_sweep(ports, environment)


@step("see which environments there are")
def swept_environments(sweep: str, environment: str) -> list[str]:
    """Return the environments to sweep."""
    if not sweep:
        return []
    with assembled(actor=this_run()) as ports:
        return sweeps.environments_of(ports, environment)


@step("judge what the record says")
def judge_records(environment: str) -> Seen:
    """Judge certificates in service, deliveries and breakers."""
    return _look_at(environment, "records")


@step("judge the deadlines")
def judge_deadlines(environment: str) -> Seen:
    """Judge intermediates and ceremonies."""
    return _look_at(environment, "deadlines")


@step("fetch the CRLs as a relying party")
def fetch_crls(environment: str) -> Seen:
    """Verify the published CRLs and judge their age."""
    return _look_at(environment, "crls")


@step("compare Vault's list with the inventory")
def compare_with_vault(environment: str) -> Seen:
    """Look for what is rogue, orphan or missing."""
    return _look_at(environment, "vault")


@step("look at what lies at the targets")
def inspect_targets(environment: str) -> Seen:
    """Compare targets with what was delivered."""
    return _look_at(environment, "consumers")


@step("look at what is served")
def probe_endpoints(environment: str) -> Seen:
    """Compare what endpoints serve with what was delivered."""
    return _look_at(environment, "endpoints")


@step("record what was found and tell people")
def settle_findings(sweep: str, environment: str, looks: list[Seen]) -> None:
    """Open, refresh and close findings; tell what changed."""
    with assembled(actor=this_run()) as ports:
        sweeps.settle_looks(ports, sweep, environment, looks)


@step("hand over what is due")
def hand_over_due(sweep: str, environment: str) -> int:
    """Ring for the renewal; return how many consumers are due."""
    with assembled(actor=this_run()) as ports:
        return sweeps.hand_over_due(ports, sweep, environment)


@step("judge the root")
def judge_root(sweep: str) -> None:
    """Judge and record what concerns every environment."""
    if sweep:
        with assembled(actor=this_run()) as ports:
            sweeps.judge_root(ports, sweep)


@step("end the sweep")
def end_sweep(sweep: str) -> None:
    """Write that it came to its end."""
    if sweep:
        with assembled(actor=this_run()) as ports:
            sweeps.end_sweep(ports, sweep)


def _look_at(environment: str, part: Part) -> Seen:
    with assembled(actor=this_run()) as ports:
        return sweeps.look_at(ports, environment, part)
