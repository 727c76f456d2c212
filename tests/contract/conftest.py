"""Fixtures that several contract modules share."""

from __future__ import annotations

from tests.contract.accounts import accounts
from tests.contract.postgres import postgres
from tests.contract.stores import postgres_schema, postgres_url, records, sqlite_url, url
from tests.contract.vaults import fresh_environment, make_place, openbao, place

__all__ = [
    "accounts",
    "fresh_environment",
    "make_place",
    "openbao",
    "place",
    "postgres",
    "postgres_schema",
    "postgres_url",
    "records",
    "sqlite_url",
    "url",
]
