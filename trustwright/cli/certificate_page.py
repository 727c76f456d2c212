"""One certificate on a page, and the lives of many in a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from trustwright.ceremony.extensions import explain_leaf, validity_words
from trustwright.lifecycle.histories import delivery_of, intent_of, life, lines_of
from trustwright.x509 import parse

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509

    from trustwright.lifecycle.histories import Act, Life
    from trustwright.model.records import CertificateRecord, DeliveryRecord
    from trustwright.ports import Ports

LIFE_HEADINGS = (
    "issued",
    "environment",
    "serial",
    "role",
    "state",
    "expires",
    "by",
    "what became of it",
)
_HIDDEN = frozenset({"pem", "version", "id", "intent"})
_MINUTE = "%Y-%m-%d %H:%M"


def page_data(ports: Ports, row: CertificateRecord) -> dict[str, Any]:
    """Return what stands beside a certificate's row, as JSON."""
    certificate, delivery = parse.certificate(row.pem), delivery_of(ports, row)
    intent = intent_of(ports, row)
    return {
        "fingerprint": parse.fingerprint(certificate),
        "extensions": [
            {"name": each.name, "critical": each.critical, "meaning": each.meaning}
            for each in explain_leaf(certificate)
        ],
        "delivery": delivery and delivery.model_dump(mode="json", exclude={"version"}),
        "in_place": delivery is not None and delivery.serial == row.serial,
        "ordered": intent and intent.model_dump(mode="json", exclude={"version", "pem"}),
        "audit": [
            line.model_dump(mode="json", exclude={"version"}) for line in lines_of(ports, row)
        ],
    }


def page_lines(ports: Ports, row: CertificateRecord) -> Iterator[str]:
    """Yield the page of one certificate."""
    certificate, seen = parse.certificate(row.pem), life(ports, row)
    fields = row.model_dump(mode="json") | {"state": seen.state}
    for key, value in fields.items():
        if key not in _HIDDEN and value is not None:
            text = ", ".join(value) if isinstance(value, list) else value
            yield f"{key.replace('_', ' '):11} {text}"
    yield f"{'validity':11} {validity_words(certificate)}"
    yield f"{'fingerprint':11} {parse.fingerprint(certificate)}"
    yield from _extensions(certificate)
    yield from _titled("ordered", _ordered(seen))
    yield from _titled("delivery", _delivery(row, delivery_of(ports, row), seen))
    lines = (
        f"{line.at:{_MINUTE}}  {line.event.removeprefix('trustwright.')} by {line.actor}"
        + (f": {line.detail}" if line.detail else "")
        for line in lines_of(ports, row)
    )
    yield from _titled("audit trail", lines)


def _titled(title: str, lines: Iterator[str]) -> Iterator[str]:
    yield ""
    yield title
    found = False
    for line in lines:
        found = True
        yield f"  {line}"
    if not found:
        yield "  nothing on record"


def _extensions(certificate: x509.Certificate) -> Iterator[str]:
    lines = (
        f"{each.name}{' (critical)' if each.critical else ''}: {each.meaning}"
        for each in explain_leaf(certificate)
    )
    return _titled("extensions", lines)


def _ordered(seen: Life) -> Iterator[str]:
    if seen.ordered is not None:
        yield f"{_act(seen.ordered)}, recorded {seen.certificate.recorded:{_MINUTE}}"


def _delivery(row: CertificateRecord, delivery: DeliveryRecord | None, seen: Life) -> Iterator[str]:
    if seen.delivered is not None:
        yield f"delivered {seen.delivered.at:{_MINUTE}} by {seen.delivered.actor}"
    if seen.replaced is not None:
        yield f"replaced {_act(seen.replaced)}"
    if delivery is None:
        return
    own = delivery.serial == row.serial
    place = "this certificate" if own else f"serial {delivery.serial or 'none'}"
    yield f"{delivery.state}: {place} at {delivery.target}, version {delivery.number}"
    if delivery.problem:
        yield f"problem: {delivery.problem}"
    if delivery.served is not None and delivery.probed is not None:
        yield f"served {delivery.probed:{_MINUTE}}: serial {delivery.served}"


def _act(act: Act) -> str:
    told = f"{act.at:{_MINUTE}} by {act.actor or 'somebody unknown'}"
    return f"{told}: {act.detail}" if act.detail else told


def life_cells(seen: Life) -> tuple[str, ...]:
    """Return a certificate's life as a row under `LIFE_HEADINGS`; times in UTC."""
    row = seen.certificate
    return (
        f"{row.recorded:{_MINUTE}}",
        row.environment,
        row.serial.replace(":", "")[:16],
        row.role,
        seen.state,
        f"{row.not_after:{_MINUTE}}",
        seen.ordered.actor if seen.ordered else "-",
        "; ".join(_became(seen)) or "never delivered",
    )


def _became(seen: Life) -> Iterator[str]:
    if seen.delivered is not None:
        yield f"delivered {seen.delivered.at:{_MINUTE}}"
    if seen.replaced is not None:
        yield f"replaced {seen.replaced.at:{_MINUTE}}"
    if seen.revoked is not None:
        yield f"revoked {_act(seen.revoked)}"


def life_data(seen: Life) -> dict[str, Any]:
    """Return a certificate's life as JSON."""
    row = seen.certificate.model_dump(mode="json", exclude={"pem", "version"})
    acts = ("ordered", "delivered", "replaced", "revoked")
    return row | {"state": seen.state, "acts": {name: _data(getattr(seen, name)) for name in acts}}


def _data(act: Act | None) -> dict[str, str] | None:
    if act is None:
        return None
    return {"at": _stamp(act.at), "actor": act.actor, "detail": act.detail}


def _stamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
