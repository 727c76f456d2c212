"""What a consumer holds: which of its certificates stand, and whether its set is still current."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from trustwright.ids import sha256_hex
from trustwright.lifecycle.environments import settings_of
from trustwright.lifecycle.issuance import wanted_profile
from trustwright.lifecycle.journal import note_once
from trustwright.lifecycle.revocation import revoke_certificate
from trustwright.lifecycle.trust import trust_bundle
from trustwright.model.estate import Consumer
from trustwright.model.records import CertificateRecord, DeliveryRecord
from trustwright.policy.renewal import is_due
from trustwright.ports import Delivered, Ports
from trustwright.x509 import parse
from trustwright.x509.keys import key_kind
from trustwright.x509.lint.matches import matches_order
from trustwright.x509.profiles import VAULT_BACKDATE

if TYPE_CHECKING:
    from cryptography import x509

    from trustwright.model.profile import Profile

_ROUNDING = timedelta(seconds=60)
"""A certificate may live that much longer than its role's TTL and the backdating say."""


def valid_certificates(ports: Ports, consumer: Consumer) -> list[CertificateRecord]:
    """Return the consumer's certificates that stand as valid, whatever their role."""
    return list(
        ports.records.certificates.find(
            environment=consumer.environment,
            subject=consumer.name,
            purpose="consumer",
            state="valid",
        )
    )


def certificate_in_place(
    ports: Ports, consumer: Consumer, observed: Delivered | None
) -> CertificateRecord | None:
    """Return the certificate in place if it is the consumer's and stands as valid."""
    rows = valid_certificates(ports, consumer) if observed else []
    return next((row for row in rows if observed and row.serial == observed.serial), None)


def fitting_in_place(
    ports: Ports, consumer: Consumer, observed: Delivered | None, asked: str | None
) -> CertificateRecord | None:
    """Return the certificate in place if it is ours, as estate and host want it, and not due.

    The key counts as well: a managed one is in the set, a host's is not, and one that others could
    read does not fit any more.
    """
    row = certificate_in_place(ports, consumer, observed)
    if row is None or observed is None:
        return None
    return None if any(misfits_in_place(ports, consumer, row, observed, asked)) else row


def misfits_in_place(
    ports: Ports,
    consumer: Consumer,
    row: CertificateRecord,
    observed: Delivered,
    asked: str | None,
) -> Iterator[str]:
    """Yield why the certificate in place must be replaced, one sentence each; none when it fits."""
    if observed.with_key != (consumer.key == "managed"):
        yield "the set holds a key" if observed.with_key else "the set holds no key"
    if observed.exposed or key_was_exposed(ports, row):
        yield "others could read its key"
    yield from misfits(ports, consumer, row, asked)


def set_is_current(ports: Ports, consumer: Consumer, observed: Delivered) -> bool:
    """Return whether the set is in service, as the estate file wants it, and fresh.

    Its anchors are today's and more than half of every CRL's life is left.
    """
    return not any(staleness(ports, consumer, observed))


def staleness(ports: Ports, consumer: Consumer, observed: Delivered) -> Iterator[str]:
    """Yield why the set in place must be delivered again, one sentence each."""
    if not observed.in_service:
        yield "its reload and check have not passed yet"
    if observed.drift:
        yield f"drift: {observed.drift}"
    if observed.trust != sha256_hex(trust_bundle(ports, consumer).encode()):
        yield "its anchors are not today's"
    if observed.crl_due is None or ports.clock.now() >= observed.crl_due:
        yield "half of its CRLs' life is over"


def is_settled(
    ports: Ports, consumer: Consumer, observed: Delivered | None, asked: str | None
) -> bool:
    """Return whether what was observed needs nothing: serving the consumer would do nothing."""
    if observed is None or fitting_in_place(ports, consumer, observed, asked) is None:
        return False
    return set_is_current(ports, consumer, observed)


def fits(ports: Ports, consumer: Consumer, row: CertificateRecord, asked: str | None) -> bool:
    """Return whether the certificate says what today's estate and host ask for, and is not due."""
    return not any(misfits(ports, consumer, row, asked))


def misfits(
    ports: Ports, consumer: Consumer, row: CertificateRecord, asked: str | None
) -> Iterator[str]:
    """Yield how the certificate differs from what today's estate and host ask for, or is due.

    Organization, role, names, usage, policy and kind of key are compared with the certificate
    itself. It may not live longer than the role allows today; a shorter life is no fault.
    """
    role = settings_of(ports, consumer.environment).roles[consumer.role]
    profile = wanted_profile(
        ports, consumer.environment, consumer.role, consumer.name, consumer.names
    )
    certificate = parse.certificate(row.pem)
    if is_due(row, role, ports.clock.now()):
        yield f"due: it is valid until {row.not_after:%Y-%m-%d %H:%M} UTC"
    if asked is not None and row.spki != parse.spki_sha256(parse.request(asked)):
        yield "the host asks for another key"
    kind = key_kind(certificate.public_key())
    if kind != role.key:
        yield f"its key is {kind}, the role wants {role.key}"
    yield from _misstatements(certificate, profile, row.spki)


def _misstatements(certificate: x509.Certificate, profile: Profile, spki: str) -> Iterator[str]:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    longest = timedelta(seconds=profile.validity + VAULT_BACKDATE) + _ROUNDING
    if end - start > longest:
        yield "it lives longer than its role allows"
    for each in matches_order(certificate, profile, spki, now=start):
        if each.clause != "ORDER-TTL":
            yield f"{each.message} [{each.clause}]"


def is_served(ports: Ports, row: DeliveryRecord) -> bool:
    """Return whether what is in place by the record is a certificate that stands."""
    if row.serial is None:
        return False
    rows = ports.records.certificates.find(environment=row.environment, serial=row.serial)
    return any(each.state_at(ports.clock.now()) == "valid" for each in rows)


def note_exposure(ports: Ports, consumer: Consumer, observed: Delivered | None) -> None:
    """Keep that others could read the key in place: its certificate is revoked once replaced.

    Written before another is ordered: whoever dies in between leaves the certificate marked.
    """
    row = certificate_in_place(ports, consumer, observed)
    if row is not None and observed is not None and observed.exposed:
        event, detail = (
            "trustwright.certificate.exposed",
            f"others could read its key: {observed.drift}",
        )
        note_once(ports, _exposure(row), event, row.environment, row.id, detail)


def key_was_exposed(ports: Ports, row: CertificateRecord) -> bool:
    """Return whether others could once read the certificate's key."""
    return ports.records.audit.get(_exposure(row)) is not None


def _exposure(row: CertificateRecord) -> str:
    return f"exposed/{row.id}"


def tidy(
    ports: Ports, consumer: Consumer, observed: Delivered | None, *, before: str | None
) -> None:
    """Leave one valid certificate: the one in place.

    The one in place before is *superseded*, and so is one that has expired; one whose key others
    could read is revoked as soon as another is in place. One that was signed and never delivered is
    revoked when its key died with the run that made it. A host still has its key: such a
    certificate waits to be delivered, until a later one is.
    """
    for row, why in leftovers(ports, consumer, observed, before=before):
        if why:
            revoke_certificate(ports, row, why)
        else:
            ports.records.certificates.replace(row, state="superseded")


def leftovers(
    ports: Ports, consumer: Consumer, observed: Delivered | None, *, before: str | None
) -> Iterator[tuple[CertificateRecord, str]]:
    """Yield what `tidy` closes: why a certificate is revoked, or nothing when it is superseded."""
    rows, now = valid_certificates(ports, consumer), ports.clock.now()
    in_place = next((row for row in rows if observed and row.serial == observed.serial), None)
    for row in (each for each in rows if each != in_place):
        late = in_place is not None and row.recorded <= in_place.recorded
        waited = consumer.key == "host" and late
        if row.not_after <= now:
            yield row, ""
        elif key_was_exposed(ports, row):
            if in_place is not None:
                yield row, "others could read its key; another is in place"
        elif row.serial == before or waited:
            yield row, ""
        elif consumer.key == "managed":
            yield row, "signed but never delivered; its key is lost"
