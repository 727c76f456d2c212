"""``trustwright vault``: what an operator of an existing server needs to see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustwright.cli.terminal import say

if TYPE_CHECKING:
    from trustwright.model.estate import Environment
    from trustwright.settings import Settings


@click.group()
def vault() -> None:
    """Policies and abilities, for a Vault or OpenBao that you run yourself."""


@vault.command()
@click.argument("environment")
def policies(environment: str) -> None:
    """Print the policies of ENVIRONMENT's identities (HCL)."""
    from trustwright.vault.identities import IDENTITIES, policy_name
    from trustwright.vault.policies import provisioner, render

    _, found = _environment(environment)
    for identity in IDENTITIES:
        say(f"# --- {policy_name(identity)}, in the namespace {found.vault.namespace or '(root)'}")
        say(render(identity, environment, found))
    say("# --- trustwright-provisioner, in the root namespace")
    place = found.vault
    say(provisioner([(place.namespace, place.mount, place.delivery)]))


@vault.command()
@click.argument("environment")
def probe(environment: str) -> None:
    """Say what ENVIRONMENT's server is and what it lacks.

    It fails when the server cannot hold ENVIRONMENT. Nobody logs in: no key is needed.
    """
    from trustwright.lifecycle.preparation import refuse_unfit
    from trustwright.vault import connect

    settings, found = _environment(environment)
    abilities = connect.provisioner(environment, found, settings.provisioner_key).probe()
    say(f"{found.vault.address}: {abilities.product} {abilities.version}")
    for each in abilities.absent:
        say(f"lacks {each}")
    refuse_unfit(environment, found, abilities)
    say(f"it can hold {environment}")


def _environment(name: str) -> tuple[Settings, Environment]:
    """Return the settings, and what the estate says of an environment.

    Raises:
        ConfigurationError: the estate names no such environment.
    """
    from trustwright.errors import ConfigurationError
    from trustwright.estatefile import load_estate
    from trustwright.settings import Settings

    settings = Settings.from_environment()
    found = load_estate(settings.estate).environments.get(name)
    if found is None:
        raise ConfigurationError(
            f"no environment {name!r}", rule="EST-ENVIRONMENT", where=str(settings.estate)
        )
    return settings, found
