"""``trustwright store``: the database."""

from __future__ import annotations

import click

from trustwright.cli.terminal import say


@click.group()
def store() -> None:
    """The database that holds intents, inventory and ceremonies."""


@store.command(short_help="Make the store, or bring it up to date.")
def migrate() -> None:
    """Create the store, or bring its schema to this version; running it twice is harmless."""
    from trustwright.settings import Settings
    from trustwright.store.migrate import migrate as bring_up_to_date

    changed = bring_up_to_date(Settings.from_environment().store_url)
    say("the store was migrated" if changed else "the store is up to date")
