"""Clauses: one function, one identifier, one table in which they can be counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from cryptography import x509

from trustwright.x509 import der

Kind = Literal["root", "intermediate", "anchor", "end-entity"]
"""What a certificate is meant to be; *anchor* is the self-signed twin of an intermediate."""

ALL: tuple[Kind, ...] = ("root", "intermediate", "anchor", "end-entity")
AUTHORITIES: tuple[Kind, ...] = ("root", "intermediate", "anchor")
END_ENTITY: tuple[Kind, ...] = ("end-entity",)

ItemT = TypeVar("ItemT")
ExtensionT = TypeVar("ExtensionT", bound=x509.ExtensionType)
Check = Callable[[ItemT, Kind], Iterator[str]]


@dataclass(frozen=True)
class Finding:
    """What a clause found.

    Attributes:
        clause: identifier of the clause, like ``RFC5280-4.2.1.9``.
        message: what is wrong, in words.
    """

    clause: str
    message: str


@dataclass(frozen=True)
class Clause(Generic[ItemT]):
    """A rule and what it applies to.

    Attributes:
        check: yields one message per breach; nothing when the rule holds.
        kinds: certificates that it applies to; of no meaning for CRLs and requests.
    """

    identifier: str
    check: Check[ItemT]
    kinds: tuple[Kind, ...]

    @property
    def rule(self) -> str:
        """The rule in words: first line of the function's docstring."""
        return (self.check.__doc__ or "").splitlines()[0]

    def findings(self, item: ItemT, kind: Kind) -> Iterator[Finding]:
        """Yield what is wrong with `item`."""
        for message in self.check(item, kind):
            yield Finding(self.identifier, message)


class Table(Generic[ItemT]):
    """Clauses over one kind of object, in the order in which they are written."""

    def __init__(self) -> None:
        self._clauses: dict[str, Clause[ItemT]] = {}

    def __iter__(self) -> Iterator[Clause[ItemT]]:
        return iter(self._clauses.values())

    def clause(
        self, identifier: str, kinds: tuple[Kind, ...] = ALL
    ) -> Callable[[Check[ItemT]], Check[ItemT]]:
        """Enter the decorated function under this identifier; each identifier stands once."""

        def enter(check: Check[ItemT]) -> Check[ItemT]:
            if identifier in self._clauses:
                raise ValueError(identifier)
            self._clauses[identifier] = Clause(identifier, check, kinds)
            return check

        return enter

    def findings(self, item: ItemT, kind: Kind) -> Iterator[Finding]:
        """Yield the findings of every clause that applies to `kind`."""
        for clause in self:
            if kind in clause.kinds:
                yield from clause.findings(item, kind)


def found(
    item: x509.Certificate | x509.CertificateRevocationList, kind: type[ExtensionT]
) -> x509.Extension[ExtensionT] | None:
    """Return the extension of this kind with its criticality, or None."""
    try:
        return item.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def raw_extension(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> bytes:
    """Return the value of an extension that is there, as it was encoded."""
    extensions = der.certificate_fields(certificate).extensions
    return next(each.value for each in extensions if each.oid == oid.dotted_string)


def unusual_strings(name: bytes) -> bool:
    """Return whether a name, as encoded, holds other strings than UTF8String and PrintableString.

    RFC 5280 §4.1.2.4 allows others only where a CA has always used them.
    """
    usual = {der.UTF8_STRING, der.PRINTABLE_STRING}
    return any(tag not in usual for relative in der.name_attributes(name) for _oid, tag in relative)


def unshowable(name: x509.Name) -> bool:
    """Return whether a name holds a character that a terminal obeys, or shows as nothing."""
    texts = (attribute.value for attribute in name)
    return any(not (isinstance(text, str) and text.isprintable()) for text in texts)
