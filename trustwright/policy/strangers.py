"""A certificate in Vault that nobody announced: what it is, and what is to be done about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from trustwright.clock import utc_text
from trustwright.ids import serial_text
from trustwright.model.estate import Environment
from trustwright.model.profile import Usage
from trustwright.policy.findings import Finding, finding
from trustwright.policy.naming import workload_uri
from trustwright.policy.quoting import one_line
from trustwright.ports import Signing
from trustwright.x509 import parse
from trustwright.x509.profiles import VAULT_BACKDATE

REMEMBERED: Final = timedelta(days=30)
"""An unknown certificate that ended longer ago is nobody's concern: Vault keeps them for years."""

_SLACK = timedelta(seconds=VAULT_BACKDATE + 60)
_USAGES: Final[dict[Usage, x509.ObjectIdentifier]] = {
    "server": ExtendedKeyUsageOID.SERVER_AUTH,
    "client": ExtendedKeyUsageOID.CLIENT_AUTH,
}
_SHOWN_NAMES = 5


@dataclass(frozen=True)
class Stranger:
    """What can be read off an unknown certificate.

    Attributes:
        subject: RFC 4514.
        names: DNS names and other names that it carries.
        life: from notBefore to notAfter.
        ca: it may sign certificates.
    """

    serial: str
    subject: str
    unit: str
    names: tuple[str, ...]
    uris: tuple[str, ...]
    usages: frozenset[x509.ObjectIdentifier]
    policies: frozenset[str]
    not_before: datetime
    not_after: datetime
    ca: bool

    @property
    def life(self) -> timedelta:
        """Return how long it is valid."""
        return self.not_after - self.not_before


def stranger(certificate: x509.Certificate) -> Stranger:
    """Read an unknown certificate.

    Raises:
        VerificationError: an extension cannot be read.
    """
    parse.readable(certificate)
    names = parse.extension(certificate, x509.SubjectAlternativeName)
    usage = parse.extension(certificate, x509.ExtendedKeyUsage)
    policies = parse.extension(certificate, x509.CertificatePolicies)
    constraints = parse.extension(certificate, x509.BasicConstraints)
    units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    uris = names.get_values_for_type(x509.UniformResourceIdentifier) if names else []
    return Stranger(
        serial=serial_text(certificate.serial_number),
        subject=certificate.subject.rfc4514_string(),
        unit=str(units[0].value) if len(units) == 1 else "",
        names=tuple(_shown(name) for name in names or ()),
        uris=tuple(uris),
        usages=frozenset(usage or ()),
        policies=frozenset(each.policy_identifier.dotted_string for each in policies or ()),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        ca=bool(constraints and constraints.ca),
    )


def _shown(name: x509.GeneralName) -> str:
    return str(getattr(name, "value", name))


def likely_roles(found: Stranger, name: str, environment: Environment) -> tuple[str, ...]:
    """Return the roles that could have signed it, by unit, policy, usage and life.

    A name that belongs to one role decides between several.
    """
    if found.unit != name or found.policies != {environment.policy}:
        return ()
    fitting = [
        role
        for role, facts in environment.roles.items()
        if found.usages == {_USAGES[each] for each in facts.usage}
        and found.life <= timedelta(seconds=facts.ttl) + _SLACK
    ]
    named = [
        role
        for role in fitting
        if any(uri.startswith(workload_uri(environment, role, "")) for uri in found.uris)
    ]
    return tuple(named or fitting)


def judge_stranger(
    name: str,
    environment: Environment,
    found: Stranger,
    signing: Signing | None,
    silence: str,
    remark: str = "",
) -> Finding:
    """Return the finding for a certificate that was signed behind our back.

    Args:
        name: of the environment whose mount holds it.
        environment: what the estate says of it.
        found: the certificate.
        signing: what the audit log says of it; None when it says nothing.
        silence: why it says nothing.
        remark: what else is known.
    """
    # What its maker chose comes last: however long it is, a message that is cut says the rest.
    parts = [
        f"serial {found.serial}",
        _role_of(found, likely_roles(found, name, environment), signing),
        _who(signing, silence),
        f"valid {utc_text(found.not_before)} to {utc_text(found.not_after)}",
        remark,
        one_line(found.subject),
        f"for {_listed(found.names) or 'no name'}",
    ]
    return finding(
        "certificate-rogue",
        name,
        found.serial,
        "signed behind our back: " + "; ".join(part for part in parts if part),
        remedy=_remedy(environment, found.serial),
        due=found.not_after,
    )


def judge_unreadable(name: str, environment: Environment, serial: str, problem: str) -> Finding:
    """Return the finding for something under a serial that is no certificate as we know them."""
    return finding(
        "certificate-rogue",
        name,
        serial,
        f"not ours, and not to be read: serial {serial}; {one_line(problem)}",
        remedy=_remedy(environment, serial),
    )


def _role_of(found: Stranger, roles: Sequence[str], signing: Signing | None) -> str:
    kind = "a CA certificate, " if found.ca else ""
    if signing is not None:
        return f"{kind}signed through {one_line(signing.role)}"
    return f"{kind}looks like role {' or '.join(roles)}" if roles else f"{kind}fits no role"


def _who(signing: Signing | None, silence: str) -> str:
    if signing is None:
        return f"who is not known: {silence}" if silence else "who is not known"
    who, entity = one_line(signing.who) or "no name", one_line(signing.entity) or "none"
    where, request = one_line(signing.address), one_line(signing.request)
    return f"by {who} (entity {entity}) from {where} at {utc_text(signing.at)}, request {request}"


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _SHOWN_NAMES} more" if len(every) > _SHOWN_NAMES else ""
    return ", ".join(one_line(each, 100) for each in every[:_SHOWN_NAMES]) + more


def _remedy(environment: Environment, serial: str) -> str:
    """Return how to revoke it: nothing of it is done by itself, for it may be in use."""
    vault = environment.vault
    space = f"-namespace={vault.namespace} " if vault.namespace else ""
    return (
        f"Find out who. Then revoke it: `bao write {space}{vault.mount}/revoke "
        f"serial_number={serial}`, and `bao read {space}{vault.mount}/crl/rotate`."
    )
