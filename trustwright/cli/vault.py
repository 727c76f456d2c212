"""``trustwright vault``: what an operator of an existing server needs to see."""

from __future__ import annotations

import click

from trustwright.cli.terminal import say


@click.group()
def vault() -> None:
    """Policies of the identities, for a Vault or OpenBao that you run yourself."""


@vault.command()
@click.argument("environment")
def policies(environment: str) -> None:
    """Print the policies of ENVIRONMENT's identities (HCL)."""
    from trustwright.errors import ConfigurationError
    from trustwright.estatefile import load_estate
    from trustwright.settings import Settings
    from trustwright.vault.identities import IDENTITIES, policy_name
    from trustwright.vault.policies import provisioner, render

    settings = Settings.from_environment()
    found = load_estate(settings.estate).environments.get(environment)
    if found is None:
        raise ConfigurationError(
            f"no environment {environment!r}", rule="EST-ENVIRONMENT", where=str(settings.estate)
        )
    for identity in IDENTITIES:
        say(f"# --- {policy_name(identity)}, in the namespace {found.vault.namespace or '(root)'}")
        say(render(identity, environment, found))
    say("# --- trustwright-provisioner, in the root namespace")
    say(provisioner([(found.vault.namespace, found.vault.mount)]))
