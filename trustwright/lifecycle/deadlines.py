"""The deadlines of the whole estate, from what is on record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from trustwright.lifecycle.rootcrl import newest_root_crl
from trustwright.model.records import IssuerRecord
from trustwright.policy.deadlines import (
    Deadline,
    ceremony_deadline,
    issuer_deadlines,
    root_crl_deadline,
    root_deadlines,
)
from trustwright.ports import Ports
from trustwright.x509 import parse

_ENDED = frozenset({"retired", "abandoned"})


def deadlines(ports: Ports) -> list[Deadline]:
    """Return every deadline, the nearest first; those that have passed are among them.

    Raises:
        VerificationError: the newest root CRL on record is not the pinned root's.
    """
    found = [*_of_root(ports), *_of_issuers(ports), *_of_ceremonies(ports)]
    return sorted(found, key=lambda each: (each.at, each.key))


def _of_root(ports: Ports) -> Iterator[Deadline]:
    settings = [each.intermediate for each in ports.estate.environments.values()]
    lead = timedelta(seconds=max(each.ceremony_lead for each in settings))
    longest = timedelta(seconds=max(each.validity for each in settings))
    root = parse.certificate(ports.root_certificate)
    yield from root_deadlines(root.not_valid_after_utc, longest, lead)
    crl = newest_root_crl(ports)
    if crl is not None and crl.next_update_utc is not None:
        yield root_crl_deadline(crl.next_update_utc, lead)


def _of_issuers(ports: Ports) -> Iterator[Deadline]:
    for name, settings in ports.estate.environments.items():
        standing = [
            each
            for each in ports.records.issuers.find(environment=name)
            if each.certificate and each.state not in _ENDED
        ]
        newest = max((each.generation for each in standing if each.canary), default=0)
        for issuer in standing:
            end, replaced = _end(issuer), issuer.generation < newest
            yield from issuer_deadlines(name, settings, issuer.id, end, replaced=replaced)


def _of_ceremonies(ports: Ports) -> Iterator[Deadline]:
    for each in ports.records.ceremonies.find(state="pending"):
        yield ceremony_deadline(each.environment, each.id, each.created, each.expires)


def _end(issuer: IssuerRecord) -> datetime:
    return parse.certificate(issuer.certificate or "").not_valid_after_utc
