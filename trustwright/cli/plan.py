"""``trustwright plan``: what differs between the estate file and the world; nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from trustwright.cli.terminal import as_json, note, paint

if TYPE_CHECKING:
    from trustwright.errors import TrustwrightError
    from trustwright.model.plan import EnvironmentPlan, Remark
    from trustwright.ports import Ports

CHANGES = 2
"""Exit code when something differs (docs/adr/0021)."""
FORMAT = 1
"""Of the JSON; a member may be added, none changes its meaning or goes."""


@dataclass(frozen=True)
class View:
    """What was planned.

    Attributes:
        remarks: about environments that the estate does not have.
        errors: why an environment could not be planned, by its name.
    """

    plans: tuple[EnvironmentPlan, ...]
    remarks: tuple[Remark, ...]
    errors: dict[str, TrustwrightError]

    @property
    def differs(self) -> bool:
        """Whether anything does."""
        return any(plan.differs for plan in self.plans)

    def data(self) -> dict[str, Any]:
        """Return the view as JSON."""
        from trustwright.model.plan import count

        outcome = "changes" if self.differs else "none"
        return {
            "format": FORMAT,
            "outcome": "incomplete" if self.errors else outcome,
            "counts": count(self.plans),
            "environments": [plan.data() for plan in self.plans],
            "remarks": [each.data() for each in self.remarks],
            "errors": [
                {"environment": name, **error.data()} for name, error in self.errors.items()
            ],
        }


@click.command()
@click.argument("environments", nargs=-1, metavar="[ENVIRONMENT]...")
@click.option("--json", "as_data", is_flag=True, help="Print JSON.")
@click.option(
    "--exit-code",
    "code",
    type=click.IntRange(0, 125),
    default=CHANGES,
    show_default=True,
    help="End with this code when something differs; 2 is also that of a wrong estate file.",
)
def plan(environments: tuple[str, ...], *, as_data: bool, code: int) -> None:
    """Show what differs between the estate file and Vault, record and delivered sets.

    All ENVIRONMENTs of the estate, when none is named. Nothing is changed. Exit code 0: nothing
    differs. 2: something does, and the plan stands on standard output.
    """
    from trustwright.assembly import assembled

    with assembled(orchestrated=False) as ports:
        view = look(ports, environments)
    show(view, as_data=as_data)
    refuse_incomplete(view)
    if view.differs:
        raise click.exceptions.Exit(code)


def look(ports: Ports, environments: Sequence[str]) -> View:
    """Plan the environments, one after the other; one that cannot be planned stops no other.

    Raises:
        ConfigurationError: the estate has no environment of one of these names.
    """
    from trustwright.errors import TrustwrightError
    from trustwright.lifecycle.environments import settings_of
    from trustwright.lifecycle.planning import forgotten_environments, plan_environment

    names = list(dict.fromkeys(environments)) or list(ports.estate.environments)
    for name in names:
        settings_of(ports, name)
    plans: list[EnvironmentPlan] = []
    errors: dict[str, TrustwrightError] = {}
    for name in names:
        try:
            plans.append(plan_environment(ports, name))
        except TrustwrightError as error:
            errors[name] = error
    forgotten = () if environments else forgotten_environments(ports)
    return View(tuple(plans), tuple(forgotten), errors)


def show(view: View, *, as_data: bool = False) -> None:
    """Print a view: its page, or JSON. An error prints no page: it is said by its own line."""
    from trustwright.cli.planpage import page

    if as_data:
        as_json(view.data())
    elif view.plans:
        for line in page(view.plans, view.remarks, tuple(view.errors)):
            paint(line.text, line.colour)


def refuse_incomplete(view: View) -> None:
    """End with the first error, when an environment could not be planned.

    Raises:
        TrustwrightError: that error; the others are notes.
    """
    for name, error in list(view.errors.items())[1:]:
        note(f"{name} was not planned: {error}")
    for error in view.errors.values():
        raise error
