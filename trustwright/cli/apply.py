"""``trustwright apply``: show the plan, ask, and have flows carry it out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from trustwright.cli.plan import View, look, refuse_incomplete, show
from trustwright.cli.terminal import note, say

if TYPE_CHECKING:
    from trustwright.assembly import Assembly
    from trustwright.model.plan import Change, EnvironmentPlan


@click.command()
@click.argument("environments", nargs=-1, metavar="[ENVIRONMENT]...")
@click.option("--yes", is_flag=True, help="Ask nothing; remove only what --destroy names.")
@click.option(
    "--destroy",
    multiple=True,
    metavar="ADDRESS",
    help="Remove what the plan shows at this address. May stand more than once.",
)
@click.option(
    "--patience",
    type=click.IntRange(min=1),
    default=300,
    show_default=True,
    help="Seconds to wait for each environment.",
)
def apply(
    environments: tuple[str, ...], *, yes: bool, destroy: tuple[str, ...], patience: int
) -> None:
    """Make Vault, record and delivered sets as the estate file says.

    All ENVIRONMENTs of the estate, when none is named. Shows the plan and asks before it starts;
    what removes something is asked for one by one, by name. An environment that is not there yet
    is bootstrapped, up to the signing gate. Run it again whenever it stopped.
    """
    from trustwright.assembly import assembled

    with assembled() as ports:
        view = look(ports, environments)
        show(view)
        refuse_incomplete(view)
        approved = _approved(view, destroy, asks=not yes)
        begun = _worth_it(view, approved)
        if not begun or not (yes or _confirmed()):
            return
        _carry_out(ports, begun, approved, patience)
        _show_left(look(ports, [plan.environment for plan in begun]))


def _approved(view: View, destroy: Sequence[str], *, asks: bool) -> list[str]:
    """Return the addresses of what may be removed: those named, and those that a person types."""
    shown = {
        change.address: change
        for plan in view.plans
        if not plan.bootstraps  # a bootstrap removes nothing
        for change in plan.destructive
    }
    for address in destroy:
        if address not in shown:
            note(f"nothing can be removed at {address}")
    named = [each for each in shown if each in destroy]
    if not asks:
        return named
    others = [change for address, change in shown.items() if address not in destroy]
    return named + [each.address for each in others if _is_typed(each)]


def _is_typed(change: Change) -> bool:
    """Ask for the name of what would be removed; anything else leaves it."""
    name = name_to_type(change.address)
    say(f"remove {change.address}?")
    for text in change.consequences:
        say(f"  {text}")
    answer = click.prompt(
        f"type {name} to remove it, nothing to leave it", default="", show_default=False
    )
    return str(answer).strip() == name


def name_to_type(address: str) -> str:
    """Return what tells it from others of its kind; a secret is named with its consumer."""
    return "/".join(address.split("/")[-2 if "/metadata/" in address else -1 :])


def _confirmed() -> bool:
    answer = click.prompt("type yes to start", default="", show_default=False)
    if str(answer).strip() == "yes":
        return True
    say("nothing was started")
    return False


def _worth_it(view: View, approved: Sequence[str]) -> list[EnvironmentPlan]:
    """Return the plans of which something would be carried out; say it when there is none."""
    found = [
        plan
        for plan in view.plans
        if any(not each.destructive or each.address in approved for each in plan.changes)
    ]
    if not found and any(plan.changes for plan in view.plans):
        say("nothing was started: what is left needs an approval by its address")
    return found


def _carry_out(
    ports: Assembly, plans: Sequence[EnvironmentPlan], approved: Sequence[str], patience: int
) -> None:
    """Have a run carry out each plan, one after the other; one that fails stops no other.

    Raises:
        TrustwrightError: why the first that failed did; the others are notes.
    """
    from trustwright.errors import TrustwrightError

    failed: list[TrustwrightError] = []
    for plan in plans:
        try:
            _carry_out_one(ports, plan, approved, patience)
        except TrustwrightError as error:
            failed.append(error)
    for other in failed[1:]:
        note(str(other))
    if failed:
        raise failed[0]


def _carry_out_one(
    ports: Assembly, plan: EnvironmentPlan, approved: Sequence[str], patience: int
) -> None:
    from trustwright.cli import runs

    name = plan.environment
    if plan.bootstraps:
        run = runs.start_bootstrap(ports, name)
        say(f"{name} is not ready yet; its bootstrap: {ports.runs.link(run)}")
        runs.follow(ports, name, run, patience)
        return
    mine = [each for each in approved if each.startswith(f"{name}/")]
    run = runs.start_application(ports, name, mine)
    say(f"apply {name}: {ports.runs.link(run)}")
    runs.follow_application(ports, name, run, patience)


def _show_left(view: View) -> None:
    """Show what differs still.

    Raises:
        UpstreamError: something that needs no approval is left in a ready environment's server.
    """
    from trustwright.errors import UpstreamError

    if view.differs:
        say("what differs still:")
    show(view)
    refuse_incomplete(view)
    left = [
        change.address
        for plan in view.plans
        if not plan.bootstraps
        for change in plan.changes
        if not change.destructive and change.address.startswith(f"{plan.environment}/vault/")
    ]
    if left:
        raise UpstreamError(
            f"the flows left {', '.join(left)}"[:900],
            rule="APPLY-LEFT",
            hint="look whether the provisioner's key is where the flows run, then run it again",
        )
