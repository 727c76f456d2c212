"""Certificate profiles as data: what a certificate must say, before anybody signs it (RFC 5280)."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from trustwright.model.base import Artifact, DnsName, Oid

KeyKind = Literal["ec-p256", "ec-p384"]
"""Key algorithms that this project makes and accepts."""

KeyUsage = Literal["digital_signature", "key_cert_sign", "crl_sign"]
"""The bits of RFC 5280 §4.2.1.3 that our profiles use."""

Usage = Literal["server", "client"]
"""Extended key usage: id-kp-serverAuth, id-kp-clientAuth (RFC 5280 §4.2.1.12)."""

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_POINTER = re.compile(
    rf"http://{_LABEL}(?:\.{_LABEL})*(?::(?P<port>[1-9][0-9]{{0,4}}))?/[A-Za-z0-9._~/-]*", re.ASCII
)
_LAST_PORT = 65_535
POINTERS = 4
"""How many URLs one extension of a certificate may hold."""


def is_pointer(url: str) -> bool:
    """Return whether a URL is one that a certificate may point to: see `PointerUrl`."""
    # "." and ".." would be taken out by whoever fetches, after the prefix was judged.
    found = _POINTER.fullmatch(url)
    if found is None or {".", ".."} & set(url.split("/")):
        return False
    return int(found["port"] or 0) <= _LAST_PORT


def _pointer(url: str) -> str:
    if not is_pointer(url):
        msg = "not http://host[:port]/path with letters, digits, '-', '_', '~' and '.' in its path"
        raise ValueError(msg)
    return url


PointerUrl = Annotated[str, StringConstraints(max_length=200), AfterValidator(_pointer)]
"""Where a CRL or an issuer can be fetched: ``http://host[:port]/path`` and nothing more.

No query, fragment, escape, user, dot segment or upper-case host, so that its text has one reading.
Plain http, as RFC 5280 §8 advises: fetching over TLS would need the very path that is looked for.
"""


LONGEST_NAME = 64
"""Octets in UTF-8. The bounds of RFC 5280, appendix A.1 (ub-common-name and its like) are in
characters, but libraries count octets: what both accept is a name that everybody can encode."""


def _short(text: str) -> str:
    if len(text.encode()) > LONGEST_NAME:
        msg = f"has {len(text.encode())} octets in UTF-8, at most {LONGEST_NAME} are allowed"
        raise ValueError(msg)
    return text


NameText = Annotated[str, StringConstraints(min_length=1), AfterValidator(_short)]
"""One value in a distinguished name."""


class Subject(Artifact):
    """A distinguished name, encoded as O, OU, CN in this order."""

    organization: NameText
    unit: NameText | None = None
    common_name: NameText


class NameConstraints(Artifact):
    """Name constraints (RFC 5280 §4.2.1.10), always critical.

    Attributes:
        permitted_dns: subtrees without a leading dot.
        excluded_ip: networks; our profiles exclude every address.
    """

    permitted_dns: tuple[DnsName, ...] = Field(min_length=1)
    excluded_ip: tuple[str, ...] = ("0.0.0.0/0", "::/0")


class Profile(Artifact):
    """Everything that a certificate says, except serial, key, dates and key identifiers.

    Attributes:
        validity: seconds from signing to notAfter; notBefore lies `backdate` before signing.
        backdate: seconds that notBefore lies before signing, for clocks that are behind.
        path_length: pathLenConstraint; None for a root and for an end entity.
        dns_names: SAN dNSName entries (end entities only).
        crl_urls, issuer_urls: where the issuer's CRL and certificate can be fetched.
        uris: SAN URI entries (end entities only).
    """

    subject: Subject
    validity: int = Field(ge=60, le=60 * 60 * 24 * 366 * 40)
    backdate: int = Field(default=3600, ge=0, le=86_400)
    ca: bool
    path_length: int | None = Field(default=None, ge=0, le=4)
    key_usage: tuple[KeyUsage, ...]
    extended_key_usage: tuple[Usage, ...] = ()
    name_constraints: NameConstraints | None = None
    policies: tuple[Oid, ...] = ()
    crl_urls: tuple[PointerUrl, ...] = Field(default=(), max_length=POINTERS)
    issuer_urls: tuple[PointerUrl, ...] = Field(default=(), max_length=POINTERS)
    dns_names: tuple[DnsName, ...] = ()
    uris: tuple[str, ...] = ()
