"""Clauses for CRLs: RFC 5280 §5, and ours. A CRL that anybody should heed is whole and plain.

The parser by itself refuses unknown versions and two different signature algorithms (§5.1.1.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509

from trustwright.x509 import der
from trustwright.x509.lint.clause import Kind, Table, found, unshowable, unusual_strings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

Crl = x509.CertificateRevocationList
CRL: Table[Crl] = Table()

SIGNATURES = {
    x509.SignatureAlgorithmOID.ECDSA_WITH_SHA256,
    x509.SignatureAlgorithmOID.ECDSA_WITH_SHA384,
}
_NUMBER_BITS = 159
_SERIAL_OCTETS = 20
_GENERALIZED_FROM = 2050
_UNWRITTEN = {x509.ReasonFlags.unspecified, x509.ReasonFlags.remove_from_crl}
_ALLOWED = {x509.AuthorityKeyIdentifier.oid, x509.CRLNumber.oid}
_ENTRY = {x509.CRLReason.oid, x509.InvalidityDate.oid}
_PARTIAL = {x509.IssuingDistributionPoint.oid, x509.DeltaCRLIndicator.oid}


@CRL.clause("RFC5280-5.1.2.1")
def version(crl: Crl, _kind: Kind) -> Iterator[str]:
    """A CRL with extensions is of version 2."""
    if der.crl_fields(crl).version != 1:
        yield "the version is not 2"


@CRL.clause("RFC5280-5.1.2.3")
def issuer(crl: Crl, _kind: Kind) -> Iterator[str]:
    """The issuer is a name that is not empty, as UTF8String or PrintableString."""
    if not list(crl.issuer):
        yield "the issuer is empty"
    if unusual_strings(der.crl_fields(crl).issuer):
        yield "the issuer uses an unusual string type"


@CRL.clause("RFC5280-5.1.2.4")
def this_update(crl: Crl, _kind: Kind) -> Iterator[str]:
    """The time thisUpdate is UTCTime up to 2049, GeneralizedTime after."""
    yield from _kind_of_time(der.crl_fields(crl).this_update, crl.last_update_utc)


@CRL.clause("RFC5280-5.1.2.5")
def next_update(crl: Crl, _kind: Kind) -> Iterator[str]:
    """The time nextUpdate is there, lies after thisUpdate and is of the right kind."""
    moment, field = crl.next_update_utc, der.crl_fields(crl).next_update
    if moment is None or field is None:
        yield "there is no nextUpdate"
        return
    if moment <= crl.last_update_utc:
        yield "nextUpdate does not lie after thisUpdate"
    yield from _kind_of_time(field, moment)


@CRL.clause("RFC5280-4.1.2.2")
def serials(crl: Crl, _kind: Kind) -> Iterator[str]:
    """Each serial is one that a certificate can have: positive, at most 20 octets."""
    for serial, *_ in der.revoked_entries(crl):
        number = int.from_bytes(serial.content, "big", signed=True)
        if number <= 0 or len(serial.content) > _SERIAL_OCTETS:
            yield f"the serial of an entry is {number:x}"


@CRL.clause("RFC5280-5.1.2.6")
def revoked(crl: Crl, _kind: Kind) -> Iterator[str]:
    """The list is left out when empty; no serial stands twice; dates are of the right kind."""
    listed = der.crl_fields(crl).revoked
    if listed is not None and not listed.content:
        yield "an empty list"
    entries = list(der.revoked_entries(crl))
    if len({serial.content for serial, *_ in entries}) != len(entries):
        yield "a serial stands twice"
    for (_serial, date, *_), entry in zip(entries, crl, strict=True):
        yield from _kind_of_time(date, entry.revocation_date_utc)


@CRL.clause("RFC5280-5.2.1")
def authority_key_identifier(crl: Crl, _kind: Kind) -> Iterator[str]:
    """The authority key identifier is there, not critical, with a key identifier."""
    extension = found(crl, x509.AuthorityKeyIdentifier)
    if extension is None or extension.critical or not extension.value.key_identifier:
        yield "the authority key identifier is missing, critical or without a key identifier"


@CRL.clause("RFC5280-5.2.3")
def number(crl: Crl, _kind: Kind) -> Iterator[str]:
    """The CRL number is there, not critical, and has at most 20 octets."""
    extension = found(crl, x509.CRLNumber)
    if extension is None or extension.critical:
        yield "the CRL number is missing or critical"
    elif not 0 <= extension.value.crl_number < 1 << _NUMBER_BITS:
        yield "the CRL number is negative or longer than 20 octets"


@CRL.clause("RFC5280-5.3")
def entry_extensions(crl: Crl, _kind: Kind) -> Iterator[str]:
    """No entry has a critical extension, as only indirect CRLs need, or an empty list of them."""
    for entry in crl:
        if any(extension.critical for extension in entry.extensions):
            yield f"the entry of {entry.serial_number:x} has a critical extension"
    for serial, _date, *extensions in der.revoked_entries(crl):
        if any(not each.content for each in extensions):
            yield f"the entry of {serial.content.hex()} has an empty list of extensions"


@CRL.clause("RFC5280-5.3.1")
def reasons(crl: Crl, _kind: Kind) -> Iterator[str]:
    """A reason is left out where it says nothing, and removeFromCRL stands in delta CRLs only."""
    for entry in crl:
        for extension in entry.extensions:
            value = extension.value
            if isinstance(value, x509.CRLReason) and value.reason in _UNWRITTEN:
                yield f"the entry of {entry.serial_number:x} says {value.reason.value}"


@CRL.clause("RFC5280-5.3.3")
def certificate_issuers(crl: Crl, _kind: Kind) -> Iterator[str]:
    """No entry names a certificate issuer: that is critical, and for indirect CRLs."""
    for entry in crl:
        for extension in entry.extensions:
            if isinstance(extension.value, x509.CertificateIssuer):
                critical = "" if extension.critical else ", and not critically"
                yield f"the entry of {entry.serial_number:x} names an issuer{critical}"


@CRL.clause("HOUSE-CRL-WHOLE")
def whole(crl: Crl, _kind: Kind) -> Iterator[str]:
    """The CRL speaks for all certificates of its issuer: neither delta nor partial."""
    if any(extension.oid in _PARTIAL for extension in crl.extensions):
        yield "a partial or delta CRL"


@CRL.clause("HOUSE-CRL-EXTENSIONS")
def extensions(crl: Crl, _kind: Kind) -> Iterator[str]:
    """No extension but the key identifier and the number."""
    for extension in crl.extensions:
        if extension.oid not in _ALLOWED | _PARTIAL:
            yield f"extension {extension.oid.dotted_string} has no place here"


@CRL.clause("HOUSE-CRL-ENTRY")
def entry_contents(crl: Crl, _kind: Kind) -> Iterator[str]:
    """An entry says why and since when it is invalid, and nothing else."""
    for entry in crl:
        for extension in entry.extensions:
            if extension.oid not in _ENTRY:
                oid = extension.oid.dotted_string
                yield f"extension {oid} in the entry of {entry.serial_number:x}"


@CRL.clause("HOUSE-CRL-TEXT")
def text(crl: Crl, _kind: Kind) -> Iterator[str]:
    """The issuer can be shown: no control character, no invisible one."""
    if unshowable(crl.issuer):
        yield "the issuer has a character that cannot be shown"


@CRL.clause("HOUSE-CRL-TIMES")
def times(crl: Crl, _kind: Kind) -> Iterator[str]:
    """Nothing was revoked after the CRL was made."""
    for entry in crl:
        if entry.revocation_date_utc > crl.last_update_utc:
            yield f"the entry of {entry.serial_number:x} lies after thisUpdate"


@CRL.clause("HOUSE-CRL-SIGNATURE")
def signature(crl: Crl, _kind: Kind) -> Iterator[str]:
    """The signature is ECDSA with SHA-256 or SHA-384."""
    if crl.signature_algorithm_oid not in SIGNATURES:
        yield f"signed with {crl.signature_algorithm_oid.dotted_string}"


def _kind_of_time(field: der.Element, moment: datetime) -> Iterator[str]:
    if (field.tag == der.GENERALIZED_TIME) != (moment.year >= _GENERALIZED_FROM):
        yield f"{moment} is written as the wrong kind of time"
