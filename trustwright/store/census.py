"""Counts and first places that an index answers: what reports and metrics ask, at every scrape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, case, func, or_, select

from trustwright.store import tables
from trustwright.store.engine import reading

PAGE = 250
"""Rows that are held in memory at a time."""

_CERTIFICATES = tables.certificates.c
_DELIVERIES = tables.deliveries.c
_AUDIT = tables.audit.c


class SqlCensus:
    """`trustwright.ports.Census` over the store's tables."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ending(self, environment: str, role: str, edges: Sequence[datetime]) -> tuple[int, ...]:
        """Return how many valid certificates end up to each edge, then those that end later.

        Raises:
            Unavailable: the database does not answer.
        """
        # One walk along the index; each interval would be another one.
        place = case(
            *((_CERTIFICATES.not_after <= edge, at) for at, edge in enumerate(edges)),
            else_=len(edges),
        ).label("place")
        counted = (
            select(place, func.count())
            .where(
                _CERTIFICATES.environment == environment,
                _CERTIFICATES.role == role,
                _CERTIFICATES.state == "valid",
            )
            .group_by(place)
        )
        with reading(self._engine, "census") as connection:
            found = {at: int(count) for at, count in connection.execute(counted)}
        return tuple(found.get(at, 0) for at in range(len(edges) + 1))

    def ends(self, environment: str, role: str) -> Iterator[tuple[str, datetime]]:
        """Yield consumers with the notAfter of their valid certificates, soonest first."""
        end = _CERTIFICATES.not_after
        wanted = select(_CERTIFICATES.subject, end, end, _CERTIFICATES.id).where(
            _CERTIFICATES.environment == environment,
            _CERTIFICATES.role == role,
            _CERTIFICATES.state == "valid",
            _CERTIFICATES.purpose == "consumer",
        )
        yield from self._walk(wanted, end, _CERTIFICATES.id)

    def delivered(self, environment: str) -> tuple[int, int]:
        """Return how many consumers hold what was delivered last, and how many sets ever were."""
        holding = func.count().filter(_DELIVERIES.state == "delivered")
        versions = func.coalesce(func.sum(_DELIVERIES.number), 0)
        counted = select(holding, versions).where(_DELIVERIES.environment == environment)
        with reading(self._engine, "census") as connection:
            found = connection.execute(counted).one()
        return int(found[0]), int(found[1])

    def list_ends(self, environment: str) -> Iterator[tuple[str, datetime]]:
        """Yield consumers with the nextUpdate of their CRLs, those first that are due first."""
        due, until = _DELIVERIES.crl_due, func.coalesce(_DELIVERIES.crl_until, _DELIVERIES.crl_due)
        wanted = select(_DELIVERIES.consumer, until, due, _DELIVERIES.id).where(
            _DELIVERIES.environment == environment, due.is_not(None)
        )
        yield from self._walk(wanted, due, _DELIVERIES.id)

    def happened(self, event: str) -> Mapping[str, int]:
        """Return how often something stands in the audit trail, by environment."""
        counted = (
            select(_AUDIT.environment, func.count())
            # Lines of what happened begin with the time; what people were told has keys of its own.
            .where(_AUDIT.event == event, _AUDIT.id < ":")
            .group_by(_AUDIT.environment)
        )
        with reading(self._engine, "census") as connection:
            return {name: int(count) for name, count in connection.execute(counted)}

    def _walk(
        self, wanted: Select[Any], order: ColumnElement[datetime], key: ColumnElement[str]
    ) -> Iterator[tuple[str, datetime]]:
        """Yield name and time of each row; its last two columns say where the next page begins."""
        later = wanted
        while True:
            with reading(self._engine, "census") as connection:
                page = list(connection.execute(later.order_by(order, key).limit(PAGE)))
            yield from ((row[0], row[1]) for row in page)
            if len(page) < PAGE:
                return
            place, last = page[-1][2:]
            later = wanted.where(order >= place, or_(order > place, key > last))
