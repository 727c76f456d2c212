"""What is to be looked at, asked so that an index answers it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Engine, Row, Select, and_, or_, select, tuple_

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
        order = (_CERTIFICATES.not_after, _CERTIFICATES.id)
        page = self._rows(wanted.order_by(*order).limit(PAGE))
        while page:
            yield from (_parsed(CertificateRecord, row) for row in page)
            if len(page) < PAGE:
                return
            last = page[-1]
            later = wanted.where(
                or_(
                    _CERTIFICATES.not_after > last.not_after,
                    and_(_CERTIFICATES.not_after == last.not_after, _CERTIFICATES.id > last.id),
                ),
                _CERTIFICATES.not_after >= last.not_after,
            )
            page = self._rows(later.order_by(*order).limit(PAGE))

    def unsettled(self, environment: str, crl_before: datetime) -> Iterator[DeliveryRecord]:
        """Yield deliveries that are not *delivered*, or whose CRLs are due at `crl_before`.

        One of both kinds is yielded once.
        """
        own = _DELIVERIES.environment == environment
        seen: set[str] = set()
        for state in ("planned", "undone", "failed", "waiting"):
            for row in self._by_key(
                select(tables.deliveries).where(own, _DELIVERIES.state == state)
            ):
                seen.add(row.id)
                yield row
        stale = select(tables.deliveries).where(own, _DELIVERIES.crl_due <= crl_before)
        yield from (row for row in self._by_key(stale) if row.id not in seen)

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

    def _by_key(self, wanted: Select[Any]) -> Iterator[DeliveryRecord]:
        page = self._rows(wanted.order_by(_DELIVERIES.id).limit(PAGE))
        while page:
            yield from (_parsed(DeliveryRecord, row) for row in page)
            if len(page) < PAGE:
                return
            after = wanted.where(_DELIVERIES.id > page[-1].id)
            page = self._rows(after.order_by(_DELIVERIES.id).limit(PAGE))

    def _rows(self, statement: Select[Any]) -> list[Row[Any]]:
        with reading(self._engine, "agenda") as connection:
            return list(connection.execute(statement))


def _parsed(record: type[RecordT], row: Row[Any]) -> RecordT:
    return record.model_validate(row._asdict())
