"""What the record and the published lists say: expiry, deliveries, breakers, CRLs, deadlines."""

from __future__ import annotations

from collections.abc import Iterator

from trustwright.errors import TrustwrightError, Unavailable, VerificationError
from trustwright.lifecycle.deadlines import deadlines
from trustwright.lifecycle.environments import settings_of
from trustwright.lifecycle.holdings import is_served
from trustwright.lifecycle.trust import is_anchored
from trustwright.model.records import IssuerRecord
from trustwright.policy import judgements
from trustwright.policy.findings import Finding, Seen, kinds_of
from trustwright.ports import Ports
from trustwright.x509 import parse
from trustwright.x509.crl import verify_crl


def judge_records(ports: Ports, environment: str) -> Seen:
    """Judge certificates in service, deliveries, breakers and the environment, from the store.

    The cost is that of what is due or not right; the rest of the inventory is not read.

    Raises:
        Unavailable: the store does not answer.
    """
    found = [
        *_late(ports, environment),
        *_deliveries(ports, environment),
        *_breakers(ports, environment),
        *_unfinished(ports, environment),
    ]
    return Seen(kinds_of("records"), tuple(found))


def _late(ports: Ports, environment: str) -> Iterator[Finding]:
    now = ports.clock.now()
    wanted = {each.name for each in ports.estate.consumers if each.environment == environment}
    for name, role in settings_of(ports, environment).roles.items():
        until = now + judgements.late_from(role)
        for row in ports.records.agenda.expiring(environment, name, until):
            delivery = ports.records.deliveries.get(f"{environment}/{row.subject}")
            in_service = delivery is not None and delivery.serial == row.serial
            judged = judgements.judge_certificate(row, role, now) if in_service else None
            if judged is not None and row.subject in wanted:
                yield judged


def _deliveries(ports: Ports, environment: str) -> Iterator[Finding]:
    now = ports.clock.now()
    wanted = {each.name for each in ports.estate.consumers if each.environment == environment}
    for row in ports.records.agenda.unsettled(environment, now):
        if row.consumer not in wanted:
            continue
        first = ports.records.findings.get(f"consumer-waiting/{environment}/{row.consumer}")
        since = first.opened if first is not None and first.state == "open" else now
        served = is_served(ports, row)
        judged = judgements.judge_delivery(row, served=served, since=since, now=now)
        if judged is not None:
            yield judged


def _breakers(ports: Ports, environment: str) -> Iterator[Finding]:
    for state in ("open", "half-open"):
        for row in ports.records.breakers.find(state=state, environment=environment):
            judged = judgements.judge_breaker(row)
            if judged is not None:
                yield judged


def _unfinished(ports: Ports, environment: str) -> Iterator[Finding]:
    record = ports.records.environments.get(environment)
    if record is None:
        return
    pending = ports.records.ceremonies.find(environment=environment, state="pending")
    asked = next(pending, None) is not None
    judged = judgements.judge_environment(record, asked=asked, now=ports.clock.now())
    if judged is not None:
        yield judged


def judge_crls(ports: Ports, environment: str) -> Seen:
    """Fetch each issuer's CRL as a relying party, verify it and judge its age.

    Raises:
        Unavailable: what publishes them does not answer.
    """
    found, unseen, problems = [], set(), []
    for issuer in ports.records.issuers.find(environment=environment):
        if not is_anchored(issuer):
            continue
        try:
            judged = _judge_crl(ports, issuer)
        except Unavailable:
            raise
        except TrustwrightError as error:
            unseen.add(issuer.id)
            problems.append(f"the CRL of {issuer.id}: {error}")
            continue
        found += [judged] if judged is not None else []
    return Seen(kinds_of("crls"), tuple(found), unseen=frozenset(unseen), problems=tuple(problems))


def _judge_crl(ports: Ports, issuer: IssuerRecord) -> Finding | None:
    name, now = issuer.environment, ports.clock.now()
    data = ports.signer(name).crl(issuer.issuer_id or "")
    try:
        crl = parse.crl(data)
        verify_crl(crl, parse.certificate(issuer.certificate or ""), at=now, freshness=False)
    except VerificationError as error:
        return judgements.judge_crl_refused(name, issuer.id, str(error))
    start = crl.last_update_utc
    return judgements.judge_crl_age(name, issuer.id, start, crl.next_update_utc or start, now)


def judge_deadlines(ports: Ports, environment: str) -> Seen:
    """Judge the deadlines of an environment, or of the root when it is empty.

    Raises:
        VerificationError: the newest root CRL on record is not the pinned root's.
    """
    now = ports.clock.now()
    judged = [
        judgements.judge_deadline(each, now)
        for each in deadlines(ports)
        if each.environment == environment
    ]
    return Seen(kinds_of("deadlines"), tuple(each for each in judged if each is not None))
