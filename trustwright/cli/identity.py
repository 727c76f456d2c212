"""``trustwright identity``: the keys that the online side logs in to Vault with."""

from __future__ import annotations

import click

from trustwright.cli.terminal import note, say


@click.group()
def identity() -> None:
    """Login keys of an environment's identities (issuer, rotator, anchor, admin)."""


@identity.command()
@click.argument("environment")
@click.option("--only", metavar="IDENTITY", help="One of them, as on an admin's own machine.")
def create(environment: str, only: str | None) -> None:
    """Make the login keys of ENVIRONMENT where the estate says.

    Existing ones stay; a public key that is lost is made from its private key. A public key whose
    private key is not here stays as well: that key is kept on another machine.
    """
    from trustwright.errors import ConfigurationError
    from trustwright.estatefile import load_estate
    from trustwright.settings import Settings
    from trustwright.vault.identities import IDENTITIES, create_identity_keys, kept_elsewhere

    settings = Settings.from_environment()
    found = load_estate(settings.estate).environments.get(environment)
    if found is None:
        raise ConfigurationError(
            f"no environment {environment!r}", rule="EST-ENVIRONMENT", where=str(settings.estate)
        )
    wanted = tuple(each for each in IDENTITIES if only in (None, each))
    if not wanted:
        raise ConfigurationError(
            f"no identity {only!r}",
            rule="IDENTITY-NAME",
            hint=f"name one of: {', '.join(IDENTITIES)}",
            where="--only",
        )
    made = create_identity_keys(found.vault.identity, wanted)
    say(f"{found.vault.identity}: {', '.join(made) if made else 'nothing was missing'}")
    for name in kept_elsewhere(found.vault.identity):
        note(f"{name}.key is not here; should it be lost, remove {name}.pub and run this again")
