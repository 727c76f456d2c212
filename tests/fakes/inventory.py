"""The inventory's questions, asked of a dictionary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice

from trustwright.model.inventory import Order, Selection, Tally, has_name
from trustwright.model.records import CertificateRecord
from trustwright.ports import Rows

EQUAL = ("environment", "role", "owner", "subject", "issuer", "purpose")


class FakeInventory:
    """`trustwright.ports.Inventory` over the fake's rows; counts what it has handed out."""

    def __init__(self, certificates: Rows[CertificateRecord]) -> None:
        self._certificates = certificates
        self.handed_out = 0

    def select(
        self,
        wanted: Selection,
        now: datetime,
        *,
        order: Order = "expires",
        limit: int | None = None,
    ) -> Iterator[CertificateRecord]:
        """Yield what fits, in this order."""
        rows = self._fitting(wanted, now)
        moment = "not_after" if order.endswith("expires") else "recorded"
        rows.sort(key=lambda row: (getattr(row, moment), row.id), reverse=order.startswith("-"))
        for row in islice(rows, limit):
            self.handed_out += 1
            yield row

    def tallies(self, wanted: Selection, now: datetime) -> Sequence[Tally]:
        """Count."""
        rows = self._fitting(wanted, now)
        found = Counter((row.environment, row.state_at(now)) for row in rows)
        return [Tally(*key, number) for key, number in sorted(found.items())]

    def _fitting(self, wanted: Selection, now: datetime) -> list[CertificateRecord]:
        equals = {name: getattr(wanted, name) for name in EQUAL}
        equals = {name: value for name, value in equals.items() if value is not None}
        return [row for row in self._certificates.find(**equals) if fits(row, wanted, now)]


def fits(row: CertificateRecord, wanted: Selection, now: datetime) -> bool:
    """Return whether a certificate is what is wanted, apart from what equals."""
    return (
        wanted.state in {None, row.state_at(now)}
        and (wanted.name is None or has_name(row.names, wanted.name))
        and row.serial.replace(":", "").startswith(wanted.serial or "")
        and (wanted.ends_after is None or row.not_after > wanted.ends_after)
        and (wanted.ends_by is None or row.not_after <= wanted.ends_by)
    )
