"""Stores with an inventory of a given size, filled as fast as the database takes rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from heapq import merge
from itertools import count, islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, TableClause, column, insert, literal, select, table

from tests.fakes.world import World, consumer_settings
from trustwright.ids import sha256_hex
from trustwright.model.base import Artifact
from trustwright.model.estate import Consumer
from trustwright.model.records import (
    CertificateRecord,
    DeliveryRecord,
    EnvironmentRecord,
    IssuerRecord,
)
from trustwright.store import migrate, tables
from trustwright.store.engine import open_engine
from trustwright.store.names import name_rows

ENVIRONMENT, ROLE = "prod", "server"
CONSUMERS = 1000
DUE = 100
Row = dict[str, Any]
_BATCH = 5000
_WRITTEN = 10_000
"""Certificates that come from here; the database makes the others from those of them not due."""
_PATIENCE = 900
_SPKI = "ab" * 32
_PEM = f"-----BEGIN CERTIFICATE-----\n{('M' * 64 + chr(10)) * 17}-----END CERTIFICATE-----\n"


def names() -> list[str]:
    """Return the consumers of the estate, most of which are not due."""
    return [f"c{number:04}" for number in range(CONSUMERS)]


def estate_world(folder: Path) -> World:
    """Return a world whose prod has `CONSUMERS` consumers."""
    folder.mkdir(parents=True)
    world = World(folder)
    wanted = (consumer_settings(name, ENVIRONMENT, ROLE, "managed", folder) for name in names())
    consumers = tuple(map(Consumer.model_validate, wanted))
    world.ports.estate = world.ports.estate.model_copy(update={"consumers": consumers})
    return world


def fill(url: str, size: int, now: datetime) -> None:
    """Make a store with `size` certificates, of which `DUE` are to be renewed.

    Half of the others were superseded and have ended, half are valid for as long as they are new.
    """
    migrate(url)
    engine = open_engine(url, patience=_PATIENCE)
    wanted = (tables.certificates, tables.certificate_names)
    indexes = [index for each in wanted for index in each.indexes]
    with engine.begin() as connection:
        _hurry(connection)
        for index in indexes:
            index.drop(connection)
        _put(connection, tables.environments, iter([_row(_environment(now))]))
        _put(connection, tables.issuers, iter([_row(_issuer(now))]))
        _put(connection, tables.deliveries, (_row(_delivery(name, now)) for name in names()))
        _put(connection, tables.certificates, _certificates(min(size, _WRITTEN), now))
        _multiply(connection, size - _WRITTEN)
        for index in indexes:
            index.create(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.dialect.name == "postgresql":  # what autovacuum does a minute later
            connection.exec_driver_sql("VACUUM ANALYZE")
    engine.dispose()


def serials(size: int) -> Iterator[str]:
    """Yield the serials of a store of this size in byte order, from little memory."""
    written = [_serial(number) for number in range(min(size, _WRITTEN))]
    return merge(sorted(written), _copied(sorted(written[DUE:]), size - _WRITTEN))


def _copied(origin: list[str], missing: int) -> Iterator[str]:
    for copy, amount in _copies(missing):
        yield from (_before(copy) + serial for serial in origin[:amount])


def _copies(missing: int) -> Iterator[tuple[int, int]]:
    """Yield the number of each copy and how many certificates it has."""
    for copy in count(1):
        amount = min(missing, _WRITTEN - DUE)
        if amount <= 0:
            return
        missing -= amount
        yield copy, amount


def _before(copy: int) -> str:
    """Return what makes a copy's serials others, and neighbours in indexes."""
    return f"{copy:02x}:"


def _hurry(connection: Connection) -> None:
    """Let indexes be built in memory; a store of a bench need not survive a power cut."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL maintenance_work_mem = '256MB'")
    else:
        connection.exec_driver_sql("PRAGMA cache_size = -262144")


def _put(connection: Connection, into: Table, rows: Iterator[Row]) -> None:
    """Insert rows in large pieces, a certificate's names behind it."""
    while batch := list(islice(rows, _BATCH)):
        connection.execute(insert(into), batch)
        if into is tables.certificates:
            pairs = [pair for row in batch for pair in name_rows(row["id"], row["names"])]
            connection.execute(insert(tables.certificate_names), pairs)


def _multiply(connection: Connection, missing: int) -> None:
    """Copy certificates that are not due, under serials of their own, until enough are there."""
    connection.exec_driver_sql(
        "CREATE TEMPORARY TABLE origin AS SELECT * FROM certificates WHERE owner = 'platform'"
    )
    origin = table("origin", *(column(each.name, each.type) for each in tables.certificates.c))
    for copy, amount in _copies(missing):
        _copy(connection, origin, amount, _before(copy))


def _copy(connection: Connection, origin: TableClause, amount: int, before: str) -> None:
    """Write certificates again, with `before` at the beginning of their serials."""
    chosen = select(origin).order_by(origin.c.serial).limit(amount).subquery()
    new = {
        "id": literal(f"{ENVIRONMENT}-g1/{before}") + chosen.c.serial,
        "serial": literal(before) + chosen.c.serial,
    }
    values = [new.get(each.name, chosen.c[each.name]) for each in tables.certificates.c]
    into = insert(tables.certificates)
    connection.execute(into.from_select(list(tables.certificates.c.keys()), select(*values)))
    carried = tables.certificate_names
    names_too = select(new["id"], carried.c.name).join_from(
        chosen, carried, carried.c.certificate == chosen.c.id
    )
    connection.execute(insert(carried).from_select(["certificate", "name"], names_too))


def _row(record: Artifact) -> Row:
    return {name: getattr(record, name) for name in type(record).model_fields}


def _certificates(size: int, now: datetime) -> Iterator[Row]:
    usual, services, life = _row(_certificate(now)), names(), timedelta(hours=72)
    for number in range(size):
        # Ends differ by the second, as those of real certificates do.
        if number < DUE:
            ends, state = now + timedelta(minutes=number), "valid"
        elif number % 2:
            ends, state = now - timedelta(seconds=number), "superseded"
        else:
            ends, state = now + timedelta(hours=49, seconds=number % 80_000), "valid"
        serial, subject = _serial(number), services[number % CONSUMERS]
        yield usual | {
            "id": f"{ENVIRONMENT}-g1/{serial}",
            "serial": serial,
            "subject": subject,
            "names": (f"{subject}.{ENVIRONMENT}.example.internal",),
            "not_before": ends - life,
            "not_after": ends,
            "recorded": ends - life,
            "state": state,
            "owner": "somebody" if number < DUE else "platform",
        }


def _serial(number: int) -> str:
    # As random as a real one, and the same in every run.
    digits = sha256_hex(str(number).encode())[:40]
    return ":".join(digits[place : place + 2] for place in range(0, 40, 2))


def _certificate(now: datetime) -> CertificateRecord:
    return CertificateRecord(
        id="",
        environment=ENVIRONMENT,
        issuer=f"{ENVIRONMENT}-g1",
        serial="",
        role=ROLE,
        purpose="consumer",
        subject="",
        owner="platform",
        names=(),
        spki=_SPKI,
        not_before=now,
        not_after=now,
        pem=_PEM,
        intent="i",
        recorded=now,
    )


def _environment(now: datetime) -> EnvironmentRecord:
    return EnvironmentRecord(name=ENVIRONMENT, phase="ready", updated=now)


def _issuer(now: datetime) -> IssuerRecord:
    return IssuerRecord(
        id=f"{ENVIRONMENT}-g1",
        environment=ENVIRONMENT,
        generation=1,
        state="issuing",
        key_id="k",
        spki=_SPKI,
        updated=now,
    )


def _delivery(name: str, now: datetime) -> DeliveryRecord:
    return DeliveryRecord(
        id=f"{ENVIRONMENT}/{name}",
        environment=ENVIRONMENT,
        consumer=name,
        target=f"/etc/{name}",
        state="delivered",
        number=1,
        crl_due=now + timedelta(days=1),
        looked=now,
        updated=now,
    )
