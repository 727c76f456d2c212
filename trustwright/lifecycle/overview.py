"""Gathers what reports, artifacts and metrics speak of: from the record alone, at its own cost.

Vault is not asked, no target is looked at: what they showed last stands in the record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from trustwright.lifecycle.deadlines import deadlines
from trustwright.lifecycle.rootcrl import newest_root_crl
from trustwright.lifecycle.trust import is_anchored
from trustwright.model.ceremony import CeremonyRecord
from trustwright.model.estate import Role
from trustwright.model.records import IssuerRecord
from trustwright.model.sweep import FindingRecord
from trustwright.policy.overview import (
    SEVERITIES,
    CeremonyFacts,
    EnvironmentFacts,
    IssuerFacts,
    Overview,
    RoleFacts,
    RootFacts,
)
from trustwright.policy.timeline import edges_from
from trustwright.ports import Ports
from trustwright.x509 import parse
from trustwright.x509.crl import crl_number

FAILED = "trustwright.consumer.failed"
"""What stands in the audit trail when a consumer could not be served."""

_BEGINNING = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def overview(ports: Ports) -> Overview:
    """Return the estate as the record has it now.

    Cost: the valid certificates are counted along an index; rows are read for what is due, failed,
    open or pending. History costs nothing.

    Raises:
        VerificationError: the newest root CRL on record is not the pinned root's.
        Unavailable: the store does not answer.
    """
    failures = ports.records.census.happened(FAILED)
    return Overview(
        at=ports.clock.now(),
        organization=ports.estate.organization,
        root=_root(ports),
        environments=tuple(
            _environment(ports, name, failures.get(name, 0)) for name in ports.estate.environments
        ),
        findings=tuple(sorted(ports.records.findings.find(state="open"), key=_worst_first)),
        ceremonies=tuple(map(_ceremony, ports.records.ceremonies.find(state="pending"))),
        deadlines=tuple(deadlines(ports)),
        breakers=tuple(
            row
            for state in ("open", "half-open")
            for row in ports.records.breakers.find(state=state)
        ),
        sweep=ports.records.agenda.last_sweep(""),
    )


def _worst_first(finding: FindingRecord) -> tuple[int, datetime, str]:
    return SEVERITIES.index(finding.severity), finding.opened, finding.id


def _root(ports: Ports) -> RootFacts:
    root, crl = parse.certificate(ports.root_certificate), newest_root_crl(ports)
    return RootFacts(
        name=root.subject.rfc4514_string(),
        fingerprint=parse.fingerprint(root),
        not_before=root.not_valid_before_utc,
        not_after=root.not_valid_after_utc,
        crl_number=None if crl is None else crl_number(crl),
        crl_until=None if crl is None else crl.next_update_utc,
    )


def _environment(ports: Ports, name: str, failures: int) -> EnvironmentFacts:
    settings, census = ports.estate.environments[name], ports.records.census
    record = ports.records.environments.get(name)
    consumers = [each for each in ports.estate.consumers if each.environment == name]
    names = frozenset(each.name for each in consumers)
    holding, sets = census.delivered(name)
    until = (until for consumer, until in census.list_ends(name) if consumer in names)
    return EnvironmentFacts(
        name=name,
        domain=settings.domain,
        policy=settings.policy,
        namespace=settings.vault.namespace,
        mount=settings.vault.mount,
        phase=record.phase if record else "planned",
        held=bool(record and record.holder),
        issuers=tuple(map(_issuer, ports.records.issuers.find(environment=name))),
        roles=tuple(
            _role(ports, name, role, found, names) for role, found in settings.roles.items()
        ),
        consumers=len(consumers),
        deliveries={"delivered": holding, **_not_delivered(ports, name, names)},
        sets=sets,
        failures=failures,
        crl_until=next(until, None),
        trusts=Counter(trusted for each in consumers for trusted in each.trusts),
    )


def _not_delivered(ports: Ports, environment: str, names: frozenset[str]) -> Mapping[str, int]:
    """Return how many of the estate's consumers are in each other state."""
    # No CRL is due before the beginning: only what is not delivered is asked for.
    rows = ports.records.agenda.unsettled(environment, _BEGINNING)
    return Counter(row.state for row in rows if row.consumer in names)


def _role(
    ports: Ports, environment: str, name: str, role: Role, names: frozenset[str]
) -> RoleFacts:
    now, census = ports.clock.now(), ports.records.census
    before = timedelta(seconds=role.renew_before)
    ends = (end for consumer, end in census.ends(environment, name) if consumer in names)
    due, later = _up_to(ends, now + before)
    return RoleFacts(
        name=name,
        ttl=timedelta(seconds=role.ttl),
        renew_before=before,
        ending=census.ending(environment, name, edges_from(now)),
        earliest=due[0] if due else later,
        due=len(due),
        overdue=sum(end <= now + before / 2 for end in due),
        expired=sum(end <= now for end in due),
    )


def _up_to(ends: Iterable[datetime], limit: datetime) -> tuple[list[datetime], datetime | None]:
    """Return the ends up to a limit, and the first one after it."""
    found: list[datetime] = []
    for end in ends:
        if end > limit:
            return found, end
        found.append(end)
    return found, None


def _issuer(record: IssuerRecord) -> IssuerFacts:
    signed = parse.certificate(record.certificate) if record.certificate else None
    anchor = parse.certificate(record.anchor) if record.anchor else None
    return IssuerFacts(
        id=record.id,
        generation=record.generation,
        state=record.state,
        not_before=signed.not_valid_before_utc if signed else None,
        not_after=signed.not_valid_after_utc if signed else None,
        fingerprint=parse.fingerprint(signed) if signed else None,
        anchor=parse.fingerprint(anchor) if anchor else None,
        anchored=is_anchored(record),
    )


def _ceremony(record: CeremonyRecord) -> CeremonyFacts:
    return CeremonyFacts(
        id=record.id,
        environment=record.environment,
        kind=record.kind,
        generation=record.generation,
        created=record.created,
        expires=record.expires,
        refusals=record.refusals,
    )
