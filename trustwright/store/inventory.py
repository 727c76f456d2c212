"""The inventory's questions: one index leads to each answer, and gives it its order.

A page begins where the one before ended, so an answer costs one pass over what the leading filter
leaves, however long it is. The other filters are hidden from the planner: an index that serves
them alone would have to sort everything again for each page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Engine,
    Row,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
)

from trustwright.model.inventory import Order, Selection, Tally
from trustwright.model.records import CertificateRecord, ShownState
from trustwright.store import tables
from trustwright.store.engine import reading
from trustwright.store.names import named

PAGE = 500
"""Rows that are held in memory at a time."""

FEW = 5000
"""Certificates of a name or a serial's beginning that are looked up by key; more are filtered."""

_CERTIFICATES = tables.certificates.c
_ORDERS = {"expires": _CERTIFICATES.not_after, "issued": _CERTIFICATES.recorded}
_LEADERS = {
    "expires": ("subject", "owner", "issuer", "environment", "state"),
    "issued": ("subject",),
}
"""The filters that an index serves in this order; the first one that is asked leads."""

_EQUAL = ("environment", "role", "owner", "subject", "issuer", "purpose")

Conditions = tuple[ColumnElement[bool], ...]


class SqlInventory:
    """`trustwright.ports.Inventory` over the store's tables."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def select(
        self,
        wanted: Selection,
        now: datetime,
        *,
        order: Order = "expires",
        limit: int | None = None,
    ) -> Iterator[CertificateRecord]:
        """Yield at most `limit` certificates in this order, equals by key.

        Each page is a short read of its own, so the caller may write while it iterates.

        Raises:
            Unavailable: the database does not answer; at the first row, like every error here.
        """
        keys = self._few_keys(wanted)
        found: Iterable[Row[Any]] = (
            self._in_pages(tuple(_conditions(wanted, now, order)), order, limit)
            if keys is None
            else self._by_key(keys, tuple(_conditions(wanted, now, None)), order, limit)
        )
        yield from (CertificateRecord.model_validate(row._asdict()) for row in found)

    def tallies(self, wanted: Selection, now: datetime) -> Sequence[Tally]:
        """Return how many fit of each environment and state, by both names.

        Asked for everything it counts the whole inventory, in an index alone.

        Raises:
            Unavailable: the database does not answer.
        """
        over = and_(_CERTIFICATES.state == "valid", _CERTIFICATES.not_after <= now)
        state = case((over, literal("expired")), else_=_CERTIFICATES.state).label("shown")
        groups = select(_CERTIFICATES.environment, state, func.count())
        groups = groups.where(*_conditions(wanted, now, "expires"))
        rows = self._rows(groups.group_by(_CERTIFICATES.environment, state))
        found: list[tuple[str, ShownState, int]] = [(row[0], row[1], row[2]) for row in rows]
        return [Tally(*each) for each in sorted(found)]

    def _few_keys(self, wanted: Selection) -> list[str] | None:
        """Return the keys that serial or name lead to; None when they are many, or not asked."""
        questions = []
        if wanted.serial is not None:
            begin = _pairs(wanted.serial)
            # No character of a serial sorts behind a g.
            inside = (_CERTIFICATES.serial >= begin, _CERTIFICATES.serial < begin + "g")
            questions.append(select(_CERTIFICATES.id).where(*inside))
        if wanted.name is not None:
            questions.append(named(wanted.name))
        for question in questions:
            rows = self._rows(question.limit(FEW + 1))
            if len(rows) <= FEW:
                return sorted({row[0] for row in rows})
        return None

    def _by_key(
        self, keys: list[str], conditions: Conditions, order: Order, limit: int | None
    ) -> Sequence[Row[Any]]:
        """Return what fits of a few keys, sorted here."""
        asked = select(tables.certificates).where(*conditions)
        pages = (keys[place : place + PAGE] for place in range(0, len(keys), PAGE))
        found = [row for page in pages for row in self._rows(asked.where(_of_keys(page)))]
        column = _ORDERS[order.removeprefix("-")].name
        found.sort(key=lambda row: (getattr(row, column), row.id), reverse=order.startswith("-"))
        return found[:limit]

    def _in_pages(
        self, conditions: Conditions, order: Order, limit: int | None
    ) -> Iterator[Row[Any]]:
        column, down = _ORDERS[order.removeprefix("-")], order.startswith("-")
        keys = (column, _CERTIFICATES.id)
        asked = select(tables.certificates).where(*conditions)
        asked = asked.order_by(*(key.desc() if down else key for key in keys))
        left, further = limit, asked
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            page = self._rows(further.limit(size))
            yield from page
            if len(page) < size:
                return
            left = None if left is None else left - size
            further = asked.where(*_behind(page[-1], column, down=down))

    def _rows(self, statement: Select[Any]) -> list[Row[Any]]:
        with reading(self._engine, "inventory") as connection:
            return list(connection.execute(statement))


def _conditions(
    wanted: Selection, now: datetime, order: Order | None
) -> Iterator[ColumnElement[bool]]:
    """Yield what a certificate has to be; without an order nothing but its key leads to it."""
    state = "valid" if wanted.state == "expired" else wanted.state
    asked = {name: getattr(wanted, name) for name in _EQUAL} | {"state": state}
    asked = {name: value for name, value in asked.items() if value is not None}
    leaders = _LEADERS[order.removeprefix("-")] if order else ()
    leader = next((name for name in leaders if name in asked), None)
    yield from (
        (_CERTIFICATES[name] if name == leader else _hidden(_CERTIFICATES[name])) == value
        for name, value in asked.items()
    )
    yield from _ends(wanted, now)
    if wanted.serial is not None:
        yield _hidden(_CERTIFICATES.serial).startswith(_pairs(wanted.serial))
    if wanted.name is not None:
        own = tables.certificate_names.c.certificate == _CERTIFICATES.id
        yield exists(named(wanted.name).where(own).correlate(tables.certificates))


def _ends(wanted: Selection, now: datetime) -> Iterator[ColumnElement[bool]]:
    if wanted.ends_after is not None:
        yield _CERTIFICATES.not_after > wanted.ends_after
    if wanted.ends_by is not None:
        yield _CERTIFICATES.not_after <= wanted.ends_by
    if wanted.state == "valid":
        yield _CERTIFICATES.not_after > now
    if wanted.state == "expired":
        yield _CERTIFICATES.not_after <= now


def _of_keys(keys: list[str]) -> ColumnElement[bool]:
    return _CERTIFICATES.id.in_(keys)


def _behind(last: Row[Any], column: ColumnElement[Any], *, down: bool) -> Conditions:
    """Return what follows a row in the order; the second condition is where its index begins."""
    value, own = getattr(last, column.name), _CERTIFICATES.id
    if down:
        return or_(column < value, and_(column == value, own < last.id)), column <= value
    return or_(column > value, and_(column == value, own > last.id)), column >= value


def _hidden(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a text column as an expression that no index serves."""
    return column.concat("")


def _pairs(digits: str) -> str:
    """Return hex digits as a serial shows them, in pairs."""
    return ":".join(digits[place : place + 2] for place in range(0, len(digits), 2))
