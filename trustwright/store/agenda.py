"""What is to be looked at, asked so that an index answers it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Engine, Row, Select, and_, or_, select, tuple_

from trustwright.model.base import Artifact
from trustwright.model.records import CertificateRecord, DeliveryRecord
from trustwright.model.sweep import SweepRecord
from trustwright.ports import Recorded
from trustwright.store import tables
from trustwright.store.engine import reading

RecordT = TypeVar("RecordT", bound=Artifact)

PAGE = 250
"""Rows that are held in memory at a time."""

LISTED_PAGE = 2000
"""The same for the comparison with Vault, whose rows are short and many."""

_CERTIFICATES = tables.certificates.c
_DELIVERIES = tables.deliveries.c
_SWEEPS = tables.sweeps.c


class SqlAgenda:
    """`trustwright.ports.Agenda` over the store's tables."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def expiring(
        self, environment: str, role: str, before: datetime
    ) -> Iterator[CertificateRecord]:
        """Yield valid certificates of consumers that end at `before` or earlier, soonest first.

        Raises:
            Unavailable: the database does not answer.
        """
        wanted = select(tables.certificates).where(
            _CERTIFICATES.environment == environment,
            _CERTIFICATES.role == role,
            _CERTIFICATES.state == "valid",
            _CERTIFICATES.purpose == "consumer",
            _CERTIFICATES.not_after <= before,
        )
        pages = self._pages(wanted, _CERTIFICATES.not_after, _CERTIFICATES.id)
        yield from (_parsed(CertificateRecord, row) for row in pages)

    def unsettled(self, environment: str, crl_before: datetime) -> Iterator[DeliveryRecord]:
        """Yield deliveries that are not *delivered*, or whose CRLs are due at `crl_before`.

        One of both kinds is yielded once, unless its state changes meanwhile.
        """
        own = select(tables.deliveries).where(_DELIVERIES.environment == environment)
        for state in ("planned", "undone", "failed", "waiting"):
            yield from self._deliveries(own.where(_DELIVERIES.state == state))
        stale = own.where(_DELIVERIES.state == "delivered", _DELIVERIES.crl_due <= crl_before)
        yield from self._deliveries(stale, _DELIVERIES.crl_due)

    def longest_unlooked(self, environment: str, limit: int) -> Sequence[DeliveryRecord]:
        """Return at most `limit` deliveries, first those that nobody ever looked at."""
        own = select(tables.deliveries).where(_DELIVERIES.environment == environment)
        # Two questions, because the databases do not agree on where an empty value sorts.
        never = self._rows(
            own.where(_DELIVERIES.looked.is_(None)).order_by(_DELIVERIES.id).limit(limit)
        )
        looked = own.where(_DELIVERIES.looked.is_not(None))
        rest = self._rows(
            looked.order_by(_DELIVERIES.looked, _DELIVERIES.id).limit(limit - len(never))
        )
        return [_parsed(DeliveryRecord, row) for row in (*never, *rest)]

    def unserved(self, environment: str, names: Sequence[str]) -> Sequence[str]:
        """Return those of the consumers that have no delivery, in their order."""
        keys = [f"{environment}/{name}" for name in names]
        known: set[str] = set()
        for start in range(0, len(keys), PAGE):
            wanted = select(_DELIVERIES.id).where(_DELIVERIES.id.in_(keys[start : start + PAGE]))
            known |= {row.id for row in self._rows(wanted)}
        return [name for name, key in zip(names, keys, strict=True) if key not in known]

    def recorded(self, environment: str) -> Iterator[Recorded]:
        """Yield every certificate of an environment by serial, in byte order, a page at a time.

        The serials come in the order in which the server lists its own: both are pairs of digits,
        so that it makes no difference whether colons or hyphens stand between them.
        """
        columns = [_CERTIFICATES[each.name] for each in fields(Recorded)]
        own = select(*columns).where(_CERTIFICATES.environment == environment)
        own = own.order_by(_CERTIFICATES.serial, _CERTIFICATES.id).limit(LISTED_PAGE)
        page = self._rows(own)
        while page:
            yield from (Recorded(*row) for row in page)
            last = page[-1]
            after = tuple_(_CERTIFICATES.serial, _CERTIFICATES.id) > (last.serial, last.id)
            page = self._rows(own.where(after)) if len(page) == LISTED_PAGE else []

    def last_sweep(self, environment: str) -> SweepRecord | None:
        """Return the newest sweep of an environment (empty: of the whole estate) that ended."""
        ended = select(tables.sweeps).where(
            _SWEEPS.environment == environment, _SWEEPS.ended.is_not(None)
        )
        found = self._rows(ended.order_by(_SWEEPS.id.desc()).limit(1))
        return _parsed(SweepRecord, found[0]) if found else None

    def _deliveries(
        self, wanted: Select[Any], *first: ColumnElement[Any]
    ) -> Iterator[DeliveryRecord]:
        pages = self._pages(wanted, *first, _DELIVERIES.id)
        yield from (_parsed(DeliveryRecord, row) for row in pages)

    def _pages(self, wanted: Select[Any], *order: ColumnElement[Any]) -> Iterator[Row[Any]]:
        """Yield rows in an order that ends with the key; a page begins behind the one before."""
        further = wanted
        while True:
            page = self._rows(further.order_by(*order).limit(PAGE))
            yield from page
            if len(page) < PAGE:
                return
            further = wanted.where(*_behind(page[-1], order))

    def _rows(self, statement: Select[Any]) -> list[Row[Any]]:
        with reading(self._engine, "agenda") as connection:
            return list(connection.execute(statement))


def _behind(
    last: Row[Any], order: tuple[ColumnElement[Any], ...]
) -> tuple[ColumnElement[bool], ...]:
    """Return what follows a row in the order; the second condition is where its index begins."""
    *first, key = order
    if not first:
        return (key > last.id,)
    column, value = first[0], getattr(last, first[0].name)
    return or_(column > value, and_(column == value, key > last.id)), column >= value


def _parsed(record: type[RecordT], row: Row[Any]) -> RecordT:
    return record.model_validate(row._asdict())
