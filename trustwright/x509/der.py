"""DER as bytes: the fields of a signed object exactly as they were encoded (X.690 §8, §10).

`cryptography` has parsed and accepted the object before it gets here. What it hides is the
encoding itself: the very bytes of a name, a key or an extension, which two objects must share,
and the choice between two spellings of a time. This module gives those back and judges nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from trustwright.errors import VerificationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.x509 import (
        Certificate,
        CertificateRevocationList,
        CertificateSigningRequest,
    )

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OID = 0x01, 0x02, 0x03, 0x04, 0x06
UTF8_STRING, PRINTABLE_STRING = 0x0C, 0x13
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31
_LONG = 0x80


@dataclass(frozen=True)
class Element:
    """One tag, length and value.

    Attributes:
        tag: identifier octet; all of ours fit into one.
        content: the value's octets.
        whole: all octets, tag and length included.
    """

    tag: int
    content: bytes
    whole: bytes

    def children(self) -> tuple[Element, ...]:
        """Return the elements inside a constructed one."""
        return tuple(_elements(self.content))


@dataclass(frozen=True)
class RawExtension:
    """An extension as it was encoded.

    Attributes:
        oid: dotted.
        value: octets inside extnValue.
    """

    oid: str
    critical: bool
    value: bytes


@dataclass(frozen=True)
class CertificateFields:
    """The fields of a TBSCertificate (RFC 5280 §4.1), as encoded.

    Attributes:
        version: 0 for v1, 2 for v3.
        not_before, not_after: elements, since their tags tell which kind of time was chosen.
        unique_ids: how many of issuerUniqueID and subjectUniqueID are there.
    """

    version: int
    serial: bytes
    algorithm: bytes
    issuer: bytes
    not_before: Element
    not_after: Element
    subject: bytes
    spki: bytes
    unique_ids: int
    extensions: tuple[RawExtension, ...]


@dataclass(frozen=True)
class CrlFields:
    """The fields of a TBSCertList (RFC 5280 §5.1), as encoded.

    Attributes:
        version: None when it is absent (v1), 1 for v2.
        revoked: None when the list is absent, as it must be when nothing is revoked.
    """

    version: int | None
    algorithm: bytes
    issuer: bytes
    this_update: Element
    next_update: Element | None
    revoked: Element | None
    extensions: tuple[RawExtension, ...]


def certificate_fields(certificate: Certificate) -> CertificateFields:
    """Return the fields of a certificate's TBSCertificate.

    Raises:
        VerificationError: the bytes are no TBSCertificate (rule ``X509-DER``).
    """
    return _fields(certificate.tbs_certificate_bytes)


# Of the same few certificates each check of a run asks for them again: chain, anchors, leaf.
@lru_cache(maxsize=256)
def _fields(tbs: bytes) -> CertificateFields:
    parts = list(element(tbs).children())
    version = 0
    if parts and parts[0].tag == 0xA0:  # noqa: PLR2004 - [0] EXPLICIT version
        version = int.from_bytes(parts.pop(0).children()[0].content, "big")
    try:
        serial, algorithm, issuer, validity, subject, spki, *rest = parts
        not_before, not_after = validity.children()
    except ValueError:
        raise _malformed("a TBSCertificate lacks a field") from None
    extensions = [part for part in rest if part.tag == 0xA3]  # noqa: PLR2004 - [3] EXPLICIT
    return CertificateFields(
        version=version,
        serial=serial.content,
        algorithm=algorithm.whole,
        issuer=issuer.whole,
        not_before=not_before,
        not_after=not_after,
        subject=subject.whole,
        spki=spki.whole,
        unique_ids=len(rest) - len(extensions),
        extensions=tuple(_extensions(extensions[0])) if extensions else (),
    )


def serial_of(signed: bytes) -> bytes:
    """Return the octets of the serial in a certificate that no library has read yet.

    They are empty where the octets are no certificate: whoever reads on finds that out.
    """
    try:
        tbs = element(signed).children()[0].children()
        numbers = [part.content for part in tbs[:2] if part.tag == INTEGER]
    except (VerificationError, IndexError):
        return b""
    return numbers[0] if numbers else b""


def crl_fields(crl: CertificateRevocationList) -> CrlFields:
    """Return the fields of a CRL's TBSCertList.

    Raises:
        VerificationError: the bytes are no TBSCertList (rule ``X509-DER``).
    """
    # Top level only: a list of a hundred thousand entries stays one element.
    parts = list(element(crl.tbs_certlist_bytes).children())
    version = None
    if parts and parts[0].tag == INTEGER:
        version = int.from_bytes(parts.pop(0).content, "big")
    try:
        algorithm, issuer, this_update, *rest = parts
    except ValueError:
        raise _malformed("a TBSCertList lacks a field") from None
    times = [part for part in rest if part.tag in {UTC_TIME, GENERALIZED_TIME}]
    lists = [part for part in rest if part.tag == SEQUENCE]
    extensions = [part for part in rest if part.tag == 0xA0]  # noqa: PLR2004 - [0] EXPLICIT
    return CrlFields(
        version=version,
        algorithm=algorithm.whole,
        issuer=issuer.whole,
        this_update=this_update,
        next_update=times[0] if times else None,
        revoked=lists[0] if lists else None,
        extensions=tuple(_extensions(extensions[0])) if extensions else (),
    )


def revoked_entries(crl: CertificateRevocationList) -> Iterator[tuple[Element, ...]]:
    """Yield the parts of each entry of a CRL: serial, revocation date, and extensions if any."""
    listed = crl_fields(crl).revoked
    for entry in _elements(listed.content) if listed else ():
        yield entry.children()


def subtrees(constraints: bytes) -> Iterator[tuple[Element, ...]]:
    """Yield the parts of each GeneralSubtree in a NameConstraints value: base, and any bounds."""
    for side in element(constraints).children():
        for subtree in side.children():
            yield subtree.children()


def request_spki(request: CertificateSigningRequest) -> bytes:
    """Return the SubjectPublicKeyInfo of a certification request (RFC 2986 §4.1), as encoded.

    Raises:
        VerificationError: the bytes are no CertificationRequestInfo (rule ``X509-DER``).
    """
    try:
        _version, _subject, spki, *_attributes = element(request.tbs_certrequest_bytes).children()
    except ValueError:
        raise _malformed("a CertificationRequestInfo lacks a field") from None
    return spki.whole


def outer_algorithm(signed: bytes) -> bytes:
    """Return the signatureAlgorithm of a signed object in DER, as encoded.

    A fingerprint still does not tell what was signed: of an ECDSA signature anybody can make a
    second one over the same octets. Compare the to-be-signed octets instead.

    Raises:
        VerificationError: the bytes are no signed object, or the signature's bit string does not
            fill its octets (rule ``X509-DER``).
    """
    try:
        _tbs, algorithm, signature = element(signed).children()
    except ValueError:
        raise _malformed("a signed object has three parts") from None
    if signature.content[:1] != b"\x00":
        raise _malformed("a signature does not fill its octets")
    return algorithm.whole


def element(data: bytes) -> Element:
    """Return the one element that `data` is.

    Raises:
        VerificationError: none, more than one, or not whole (rule ``X509-DER``).
    """
    found = list(_elements(data))
    if len(found) != 1:
        raise _malformed(f"{len(found)} elements where one is expected")
    return found[0]


def name_attributes(name: bytes) -> tuple[tuple[tuple[str, int], ...], ...]:
    """Return OID and string tag of each attribute of a name, one tuple per relative name."""
    return tuple(
        tuple(
            (_dotted(oid.content), text.tag)
            for oid, text in (attribute.children() for attribute in relative.children())
        )
        for relative in element(name).children()
    )


def _extensions(explicit: Element) -> Iterator[RawExtension]:
    for extension in explicit.children()[0].children():
        parts = extension.children()
        critical = len(parts) == 3 and parts[1].content == b"\xff"  # noqa: PLR2004 - OID, BOOLEAN, value
        yield RawExtension(_dotted(parts[0].content), critical, parts[-1].content)


def _dotted(content: bytes) -> str:
    arcs, value = [], 0
    for octet in content:
        value = value << 7 | octet & 0x7F
        if not octet & _LONG:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def _elements(data: bytes) -> Iterator[Element]:
    start = 0
    while start < len(data):
        begin, end = _bounds(data, start)
        yield Element(data[start], data[begin:end], data[start:end])
        start = end


def _bounds(data: bytes, start: int) -> tuple[int, int]:
    begin = start + 2
    length = data[start + 1] if begin <= len(data) else _LONG
    if length > _LONG:
        begin += length - _LONG
        length = int.from_bytes(data[start + 2 : begin], "big")
    elif length == _LONG:
        raise _malformed("an element has no definite length")
    if begin + length > len(data):
        raise _malformed("an element ends after its surroundings")
    return begin, begin + length


def _malformed(what: str) -> VerificationError:
    return VerificationError(f"not DER: {what}", rule="X509-DER")
