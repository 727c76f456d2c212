"""Which schema a store has, and whether this program can work with it."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, inspect, text

from trustwright.errors import ConfigurationError
from trustwright.store.engine import open_engine, reading
from trustwright.store.failures import MIGRATE
from trustwright.store.sqlite import store_file

HEAD = "0003"
"""The newest revision in `migrations/versions`; revisions count up in four digits."""


def revision_of(connection: Connection) -> str | None:
    """Return the store's schema revision, None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def check_revision(engine: Engine) -> None:
    """Refuse a store that this program cannot work with.

    Raises:
        ConfigurationError: there is none (rule ``STORE-ABSENT``), its schema is older
            (``STORE-BEHIND``) or newer (``STORE-AHEAD``).
    """
    file = store_file(engine)
    if file is not None and not file.is_file():
        raise ConfigurationError(
            "there is no store yet", rule="STORE-ABSENT", hint=MIGRATE, where=str(file)
        )
    with reading(engine, "store") as connection:
        found = revision_of(connection)
    if found is None or found < HEAD:
        raise ConfigurationError(
            f"the store's schema is {found or 'missing'}, this program wants {HEAD}",
            rule="STORE-BEHIND",
            hint=MIGRATE,
        )
    refuse_newer(found)


def refuse_behind(url: str) -> None:
    """Refuse to migrate a store that programs of an earlier release are at work with.

    Raises:
        ConfigurationError: its schema is older than this program's (rule ``STACK-RELEASE``), or
            the URL is wrong. One that is not there yet is fine.
        Unavailable: the database does not answer.
    """
    engine = open_engine(url)
    try:
        file = store_file(engine)
        if file is not None and not file.is_file():
            return
        with reading(engine, "store") as connection:
            found = revision_of(connection)
    finally:
        engine.dispose()
    if found is not None and found < HEAD:
        raise ConfigurationError(
            f"what runs here is of an earlier release: its store's schema is {found}, not {HEAD}",
            rule="STACK-RELEASE",
            hint="run: trustwright down; then: trustwright up",
        )


def refuse_newer(found: str | None) -> None:
    """Refuse a schema that this program has never heard of.

    Raises:
        ConfigurationError: rule ``STORE-AHEAD``.
    """
    if found is not None and found > HEAD:
        raise ConfigurationError(
            f"the store's schema is {found}, this program knows up to {HEAD}",
            rule="STORE-AHEAD",
            hint="install the Trustwright that wrote it, or a newer one",
        )
