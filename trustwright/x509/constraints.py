"""Names of an end entity, and the constraints of the CAs above them (RFC 5280 §4.2.1.10).

Two decisions go beyond the RFC, because relying parties differ where it leaves a gap:

* The common name must be one of the DNS names. Some stacks read a common name as a DNS name, most
  do not constrain it; with this rule both see the same names.
* A permitted DNS subtree binds the host of a URI as well. The RFC's own URI constraints make some
  stacks refuse every URI, so our CAs carry none.

What cannot be judged is refused: an unknown kind of name or subtree, a wildcard, a leading dot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import NameOID

from trustwright.errors import VerificationError
from trustwright.x509 import parse

if TYPE_CHECKING:
    from collections.abc import Iterable

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DNS = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_URI = re.compile(
    rf"[a-z][a-z0-9+.-]{{0,30}}://(?P<host>{_LABEL}(\.{_LABEL})*)(/[A-Za-z0-9._~/-]*)?"
)
_DNS_LIMIT = 253
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

Address = IPv4Address | IPv6Address


@dataclass(frozen=True)
class Names:
    """The subject alternative names of an end entity.

    Attributes:
        dns: in lower case; at least one.
        uris: as they stand.
    """

    dns: tuple[str, ...]
    uris: tuple[str, ...]
    addresses: tuple[Address, ...]

    def match(self, name: str) -> bool:
        """Return whether `name` is one of them: DNS names without regard to case, no wildcard."""
        return (
            name.lower() in self.dns
            or name in self.uris
            or name in {str(address) for address in self.addresses}
        )


def end_entity_names(certificate: x509.Certificate) -> Names:
    """Return the names of an end entity.

    Raises:
        VerificationError: no DNS name (``PATH-SAN``), a kind or form of name that we do not judge
            (``PATH-NAME-FORM``), or a common name that is none of the DNS names (``PATH-CN``).
    """
    found = parse.extension(certificate, x509.SubjectAlternativeName)
    if found is None:
        raise _broken("PATH-SAN", "the certificate has no subject alternative name")
    names = _sorted_out(found)
    if not names.dns:
        raise _broken("PATH-SAN", "the certificate has no DNS name")
    for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        if str(attribute.value).lower() not in names.dns:
            raise _broken("PATH-CN", f"common name {attribute.value!r} is none of the DNS names")
    return names


def check_constraints(names: Names, authority: x509.Certificate) -> None:
    """Check the names against one CA's name constraints, if it has any.

    Raises:
        VerificationError: a name lies outside (``PATH-NC``), or the constraints cannot be judged
            (``PATH-NC-FORM``).
    """
    try:
        extension = authority.extensions.get_extension_for_class(x509.NameConstraints)
    except x509.ExtensionNotFound:
        return
    if not extension.critical:
        raise _broken("PATH-NC-FORM", "name constraints that are not critical")
    permitted = _subtrees(extension.value.permitted_subtrees or ())
    excluded = _subtrees(extension.value.excluded_subtrees or ())
    for host in (*names.dns, *(_host(uri) for uri in names.uris)):
        _check_host(host, permitted, excluded)
    for address in names.addresses:
        _check_address(address, permitted, excluded)


@dataclass(frozen=True)
class _Subtrees:
    dns: tuple[str, ...]
    networks: tuple[IPv4Network | IPv6Network, ...]


def _sorted_out(found: x509.SubjectAlternativeName) -> Names:
    dns: list[str] = []
    uris: list[str] = []
    addresses: list[Address] = []
    for name in found:
        match name:
            case x509.DNSName(value=value) if _is_dns(value.lower()):
                dns.append(value.lower())
            case x509.UniformResourceIdentifier(value=value) if _URI.fullmatch(value):
                uris.append(value)
            case x509.IPAddress(value=IPv4Address() | IPv6Address() as value):
                addresses.append(value)
            case _:
                raise _broken("PATH-NAME-FORM", f"alternative name {_shown(name)} is not judged")
    return Names(tuple(dns), tuple(uris), tuple(addresses))


def _subtrees(bases: Iterable[x509.GeneralName]) -> _Subtrees:
    dns: list[str] = []
    networks: list[IPv4Network | IPv6Network] = []
    for base in bases:
        match base:
            case x509.DNSName(value=value) if _is_dns(value.lower()):
                dns.append(value.lower())
            case x509.IPAddress(value=IPv4Network() | IPv6Network() as value):
                networks.append(value)
            case _:
                raise _broken("PATH-NC-FORM", f"subtree {_shown(base)} is not judged")
    return _Subtrees(tuple(dns), tuple(networks))


def _check_host(host: str, permitted: _Subtrees, excluded: _Subtrees) -> None:
    if permitted.dns and not any(_below(host, base) for base in permitted.dns):
        raise _broken("PATH-NC", f"{host!r} lies outside {', '.join(permitted.dns)}")
    if any(_below(host, base) for base in excluded.dns):
        raise _broken("PATH-NC", f"{host!r} lies in an excluded subtree")


def _check_address(address: Address, permitted: _Subtrees, excluded: _Subtrees) -> None:
    if permitted.networks and not any(address in network for network in permitted.networks):
        raise _broken("PATH-NC", f"{address} lies outside the permitted networks")
    if any(address in network for network in excluded.networks):
        raise _broken("PATH-NC", f"{address} lies in an excluded network")


def _below(host: str, base: str) -> bool:
    return host == base or host.endswith(f".{base}")


def _is_dns(value: str) -> bool:
    # A number as last label is what resolvers and TLS stacks read as an IPv4 address.
    fits = len(value) <= _DNS_LIMIT and _DNS.fullmatch(value) is not None
    return fits and not _NUMBER.fullmatch(value.rpartition(".")[2])


def _host(uri: str) -> str:
    found = _URI.fullmatch(uri)
    return found["host"] if found else ""


def _shown(name: x509.GeneralName) -> str:
    return f"{type(name).__name__} {str(name.value)[:100]!r}"


def _broken(rule: str, what: str) -> VerificationError:
    return VerificationError(what, rule=rule, hint="do not use this certificate")
