"""The catalogue of events: what is emitted, what it is about, and which flow it starts.

An event is a doorbell, never a fact: a flow that it starts looks at the record.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from trustwright.model.records import AuditRecord
from trustwright.ports import Event

Source = Literal["line", "notice", "sweep", "record"]
"""*line*: goes out with the audit line of its name. *notice*: when people are told for the first
time. *sweep*: from a sweep, with no audit line. *record*: an audit line alone."""

CONSUMERS_DUE: Final = "trustwright.consumers.due"
"""Starts a renewal."""
FINDING_OPENED: Final = "trustwright.finding.opened"
FINDING_CLOSED: Final = "trustwright.finding.closed"
LONGEST_DETAIL = 500
_LONGEST_RESOURCE = 300
_LINE = ("environment", "subject", "actor", "detail")
_ENVIRONMENT = "environment.{environment}"
_CONSUMER = "consumer.{subject}"
_CEREMONY = "ceremony.{subject}"
_CERTIFICATE = "certificate.{subject}"
_ISSUER = "issuer.{subject}"
_BREAKER = "breaker.{subject}"
_FINDING = "finding.{kind}.{environment}.{subject}"
_FOUND = ("id", "kind", "subject", "severity", "summary", "times")


@dataclass(frozen=True)
class EventKind:
    """One name of the catalogue.

    Attributes:
        name: ``trustwright.<noun>.<verb>``.
        about: the resource's identifier behind ``trustwright.``; the subject's slashes become dots.
        when: it is emitted.
        source: what it goes out with.
        payload: names of its members.
        starts: the flow that it starts, or empty.
    """

    name: str
    about: str
    when: str
    source: Source = "line"
    payload: tuple[str, ...] = _LINE
    starts: str = ""


def _phases() -> Iterator[EventKind]:
    reached = {
        "prepared": "Vault is prepared: mount, policies, logins, roles",
        "requested": "the key is made and the request to the root is sealed",
        "signed": "a response passed every check",
        "introduced": "the intermediate is imported and its anchor made",
        "proven": "the issuer and its CRL are proven; only now is anything else signed",
        "ready": "the consumers are served and the separation is proven",
    }
    for phase, when in reached.items():
        yield EventKind(f"trustwright.environment.{phase}", _ENVIRONMENT, when)


_KINDS = (
    *_phases(),
    EventKind(
        "trustwright.environment.served",
        _ENVIRONMENT,
        "a bootstrap has changed who holds which set",
        "notice",
    ),
    EventKind("trustwright.default.restored", _ENVIRONMENT, "the default issuer was put right"),
    EventKind(
        "trustwright.default.skipped",
        _ENVIRONMENT,
        "the default issuer could not be looked at without the rotator's key",
    ),
    EventKind(
        "trustwright.environment.applied",
        _ENVIRONMENT,
        "a run has applied the estate file; the detail says what was done and what is left",
    ),
    EventKind(
        "trustwright.environment.taken-over",
        _ENVIRONMENT,
        "a run or a person took an environment from a dead run",
    ),
    EventKind(
        "trustwright.preparation.skipped",
        _ENVIRONMENT,
        "the provisioner's key is not here and Vault was prepared before",
    ),
    EventKind(
        "trustwright.vault.absent", _ENVIRONMENT, "the server lacks an ability that is of use"
    ),
    EventKind("trustwright.vault.changed", _ENVIRONMENT, "preparing changed something in Vault"),
    EventKind(
        "trustwright.default.restored",
        _ISSUER,
        "the mount's default pointed elsewhere and points at the current issuer again",
    ),
    EventKind(
        "trustwright.default.skipped",
        _ENVIRONMENT,
        "the rotator's login is not here: where the default points was not looked at",
    ),
    EventKind("trustwright.separation.proven", _ENVIRONMENT, "each judgement came out as it must"),
    EventKind(
        "trustwright.intents.unsettled",
        _ENVIRONMENT,
        "what dead runs left could not be explained yet; once a day",
        "notice",
    ),
    EventKind("trustwright.ceremony.opened", _CEREMONY, "a request was sealed"),
    EventKind(
        "trustwright.ceremony.requested", _CEREMONY, "people are asked for a signature", "notice"
    ),
    EventKind(
        "trustwright.ceremony.reminded", _CEREMONY, "people are reminded; once a day", "notice"
    ),
    EventKind("trustwright.ceremony.submitted", _CEREMONY, "a response is being checked", "notice"),
    EventKind("trustwright.ceremony.refused", _CEREMONY, "a response broke a rule"),
    EventKind("trustwright.ceremony.accepted", _CEREMONY, "a response passed every check"),
    EventKind("trustwright.ceremony.outdated", _CEREMONY, "the estate asks for something else now"),
    EventKind("trustwright.ceremony.expired", _CEREMONY, "nobody signed in time"),
    EventKind("trustwright.ceremony.cancelled", _CEREMONY, "a person ended it"),
    EventKind("trustwright.issuer.imported", _ISSUER, "Vault holds the signed intermediate"),
    EventKind("trustwright.anchor.made", _ISSUER, "Vault signed the intermediate's twin"),
    EventKind("trustwright.issuer.issuing", _ISSUER, "it is the mount's default and signs"),
    EventKind(
        "trustwright.generation.abandoned", _ISSUER, "a person gave an unproven generation up"
    ),
    EventKind("trustwright.consumer.delivered", _CONSUMER, "a set is in service at its target"),
    EventKind("trustwright.consumer.enrolled", _CONSUMER, "a host is given its consumer's login"),
    EventKind("trustwright.consumer.failed", _CONSUMER, "a set could not be issued or delivered"),
    EventKind(
        "trustwright.consumer.retired",
        _CONSUMER,
        "it left the estate file, a person approved, its certificates are revoked",
    ),
    EventKind(
        "trustwright.consumer.taken-over", _CONSUMER, "a run took a consumer from a dead one"
    ),
    EventKind(
        "trustwright.consumers.renewed",
        _ENVIRONMENT,
        "a renewal delivered new sets",
        "notice",
    ),
    EventKind("trustwright.renewal.ended", _ENVIRONMENT, "a renewal came to its end"),
    EventKind(
        "trustwright.breaker.opened",
        _BREAKER,
        "nothing more is issued for a consumer or role for some time",
        "notice",
    ),
    EventKind("trustwright.breaker.closed", _BREAKER, "an order went well again", "notice"),
    EventKind("trustwright.breaker.reset", _BREAKER, "a person forgot what it had counted"),
    EventKind(
        "trustwright.certificate.failed",
        "{subject}",
        "no certificate came of an order; the subject is its slot, like consumer/prod/billing",
    ),
    EventKind(
        "trustwright.certificate.refused",
        "{subject}",
        "Vault returned what nobody ordered; the subject is the order's slot",
    ),
    EventKind("trustwright.certificate.adopted", _CERTIFICATE, "one that a dead run left is kept"),
    EventKind("trustwright.certificate.revoked", _CERTIFICATE, "it is on the CRL"),
    EventKind("trustwright.certificate.exposed", _CERTIFICATE, "others could read its key"),
    EventKind(
        "trustwright.admin.issued",
        "admin.{environment}.{subject}",
        "an admin made a certificate; where that machine knows Prefect",
    ),
    EventKind(
        "trustwright.admin.undelivered",
        "admin.{environment}.{subject}",
        "an admin's certificate could not be written",
    ),
    EventKind("trustwright.run.woken", "run.{subject}", "a suspended run was woken"),
    EventKind("trustwright.run.failed", "run.{subject}", "a run ended with an error of ours"),
    EventKind("trustwright.flow.failed", "flow.{subject}", "a run of the flow ended with an error"),
    EventKind("trustwright.flow.crashed", "flow.{subject}", "the process of a run died"),
    EventKind(
        "trustwright.notice.failed",
        "channel.{subject}",
        "a channel did not take a message",
        "record",
    ),
    EventKind(
        FINDING_OPENED,
        _FINDING,
        "a sweep found something new, or it became critical; the root's environment is `estate`",
        "sweep",
        _FOUND,
    ),
    EventKind(
        FINDING_CLOSED,
        _FINDING,
        "a sweep looked for it and it is gone",
        "sweep",
        _FOUND,
    ),
    EventKind(
        CONSUMERS_DUE,
        _ENVIRONMENT,
        "a sweep found consumers that are to be renewed",
        "sweep",
        ("environment", "count"),
        starts="renew-consumers",
    ),
)
CATALOGUE: Mapping[str, EventKind] = MappingProxyType({each.name: each for each in _KINDS})


def event_of(line: AuditRecord, *, told: bool = False) -> Event | None:
    """Return the event of an audit line; None for one that stays in the record.

    What is both noted and told is one event, that of the note.

    Args:
        line: as it was written.
        told: the line says that people were told.
    """
    kind = CATALOGUE.get(line.event)
    if kind is None or kind.source != ("notice" if told else "line"):
        return None
    subject = line.subject.replace("/", ".")
    about = kind.about.format(environment=line.environment, subject=subject)
    return Event(
        name=line.event,
        resource=f"trustwright.{about}"[:_LONGEST_RESOURCE],
        environment=line.environment,
        payload={
            "environment": line.environment,
            "subject": line.subject,
            "actor": line.actor,
            "detail": line.detail[:LONGEST_DETAIL],
        },
        key=f"{line.id} {line.at:%Y%m%dT%H%M%S.%fZ}",
        occurred=line.at,
        run=_run(line.actor),
    )


def consumers_due(environment: str, count: int) -> Event:
    """Return the event that starts a renewal of one environment."""
    return Event(
        name=CONSUMERS_DUE,
        resource=f"trustwright.environment.{environment}",
        environment=environment,
        payload={"environment": environment, "count": count},
    )


def _run(actor: str) -> str:
    """Return the actor if it is a flow run; commands and people have names."""
    try:
        return str(uuid.UUID(actor))
    except ValueError:
        return ""
