"""From *prepared* to *requested*: a key inside Vault and a sealed ceremony request."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import timedelta

from trustwright.ceremony.request import seal_intermediate_request
from trustwright.ceremony.response import binding
from trustwright.errors import (
    ConfigurationError,
    ConflictError,
    Unavailable,
    VerificationError,
)
from trustwright.lifecycle.environments import (
    advance,
    check_holder,
    record_of,
    settings_of,
)
from trustwright.lifecycle.generations import finish_giving_up, why_given_up
from trustwright.lifecycle.journal import note, tell_once
from trustwright.lifecycle.keys import check_key_kept
from trustwright.model.ceremony import CeremonyRecord, Request, Response
from trustwright.model.estate import Environment
from trustwright.model.profile import Profile
from trustwright.model.records import IssuerRecord
from trustwright.policy import notices
from trustwright.policy.naming import issuer_name
from trustwright.policy.phases import reached
from trustwright.ports import KeyHandle, Ports
from trustwright.x509 import parse
from trustwright.x509.profiles import intermediate_profile

KIND = "sign-intermediate"
OUTDATED = "the estate file changed"
GIVEN_UP = "its generation was given up"


def request_intermediate(ports: Ports, name: str) -> CeremonyRecord:
    """Return the pending (or accepted) ceremony of the current generation, sealing one if needed.

    A pending one that expired, or that asks for something else than the estate file says today, is
    closed and sealed anew. A generation that was being given up is given up first.

    Raises:
        VerificationError: Vault has lost the key that was asked about (``KEY-LOST``), or its
            certification request is not over the recorded key, or not by it.
        ConfigurationError: the store does not know an issuer that Vault has (``STORE-LOST``), or
            the estate file says something else than what was signed (``ESTATE-CHANGED``).
        ConflictError: another run holds the environment (``LOCK-LOST``).
    """
    finish_giving_up(ports, name)
    # Asked for in this order: one that is accepted in between is found by the second question.
    pending = open_ceremony(ports, name)
    accepted = accepted_ceremony(ports, name, record_of(ports, name).generation)
    if accepted is None and pending is not None and _close_if_void(ports, pending):
        return request_intermediate(ports, name)
    if accepted is not None:
        _check_accepted(ports, name, accepted)
    elif pending is not None:
        # A server that is down says nothing: the gate looks again before a response is accepted.
        with suppress(Unavailable):
            check_key_kept(ports, name, pending.generation or 1)
    ceremony = accepted or pending or _seal(ports, name)
    # Also for one that was accepted: the run that sealed it may have died before it came here.
    advance(ports, name, "requested")
    return ceremony


def _close_if_void(ports: Ports, pending: CeremonyRecord) -> bool:
    """Close a request that is expired or outdated; return whether it was either."""
    expired = pending.expires <= ports.clock.now()
    outdated = _why_outdated(ports, pending)
    if not expired and outdated is None:
        return False
    check_holder(ports, pending.environment)
    # Somebody may close it, or accept a response, at this moment: then look again.
    with suppress(ConflictError):
        if expired:
            expire_ceremony(ports, pending)
        else:
            _close_outdated(ports, pending, outdated or OUTDATED)
    return True


def _why_outdated(ports: Ports, pending: CeremonyRecord) -> str | None:
    if pending.generation != record_of(ports, pending.environment).generation:
        return GIVEN_UP
    return None if _asks_for_today(ports, pending) else OUTDATED


def _asks_for_today(ports: Ports, ceremony: CeremonyRecord) -> bool:
    """Return whether the request's profile is the one that the estate file asks for today."""
    wanted = _profile(
        ports,
        ceremony.environment,
        settings_of(ports, ceremony.environment),
        ceremony.generation or 1,
    )
    return Request.parse(ceremony.request.encode()).profile == wanted


def _close_outdated(ports: Ports, ceremony: CeremonyRecord, why: str) -> None:
    # Decided first, for a response may be accepted at this moment; people are told when it is
    # sealed anew, also by the next run when this one dies.
    ports.records.ceremonies.replace(
        ceremony, state="cancelled", reason=why, closed=ports.clock.now()
    )
    note(ports, "trustwright.ceremony.outdated", ceremony.environment, ceremony.id, why)


def _tell_outdated(ports: Ports, name: str) -> None:
    closed = ports.records.ceremonies.find(environment=name, kind=KIND, state="cancelled")
    for ceremony in (each for each in closed if each.reason in {OUTDATED, GIVEN_UP}):
        notice = notices.ceremony_cancelled(ceremony, ceremony.reason or "")
        tell_once(ports, f"cancelled/{ceremony.id}", notice, ceremony.id)


def _check_accepted(ports: Ports, name: str, accepted: CeremonyRecord) -> None:
    """Refuse to introduce what the estate file does not ask for any more, or what has no key."""
    generation = accepted.generation or 1
    if reached(record_of(ports, name).phase, "introduced"):
        return
    if not _asks_for_today(ports, accepted):
        raise ConfigurationError(
            f"{issuer_name(name, generation)} was signed with other values than the "
            "estate file has now",
            rule="ESTATE-CHANGED",
            hint=f"put the old values back, finish the bootstrap, then rotate {name}",
            where=f"environments.{name}",
        )
    check_key_kept(ports, name, generation)


def accepted_ceremony(ports: Ports, name: str, generation: int) -> CeremonyRecord | None:
    """Return the ceremony whose response made this generation, if it was accepted."""
    rows = ports.records.ceremonies.find(
        environment=name, kind=KIND, generation=generation, state="accepted"
    )
    return next(rows, None)


def open_ceremony(ports: Ports, name: str) -> CeremonyRecord | None:
    """Return the environment's pending ceremony (there is at most one), or None."""
    return next(ports.records.ceremonies.find(environment=name, kind=KIND, state="pending"), None)


def expire_ceremony(ports: Ports, ceremony: CeremonyRecord) -> CeremonyRecord:
    """Close a ceremony that nobody signed in time.

    Raises:
        ConflictError: somebody wrote it in between; it may be closed already.
    """
    closed = ports.records.ceremonies.replace(ceremony, state="expired", closed=ports.clock.now())
    note(ports, "trustwright.ceremony.expired", ceremony.environment, ceremony.id)
    return closed


def _seal(ports: Ports, name: str) -> CeremonyRecord:
    check_holder(ports, name)
    _tell_outdated(ports, name)
    _check_store_knows(ports, name)
    environment, generation = settings_of(ports, name), record_of(ports, name).generation
    profile = _profile(ports, name, environment, generation)
    # Vault would make another key under the lost one's name.
    check_key_kept(ports, name, generation)
    key = ports.rotator(name).ensure_key(
        issuer_name(name, generation), profile.subject, environment.intermediate.key
    )
    _record_key(ports, name, generation, key)
    now = ports.clock.now()
    request = seal_intermediate_request(
        environment=name,
        generation=generation,
        csr=key.csr,
        profile=profile,
        root_fingerprint=ports.estate.root.fingerprint,
        previous=_previous(ports, name),
        created=now,
        expires=now + timedelta(seconds=environment.intermediate.request_validity),
        reason=_reason(ports, name, generation),
        requested_by=f"run {ports.actor}",
    )
    return _record_request(ports, request)


def _reason(ports: Ports, name: str, generation: int) -> str:
    if generation == 1:
        return f"first intermediate of {name}"
    why = why_given_up(ports, issuer_name(name, generation - 1))
    if why is None:
        return f"rotation of {name}"
    return f"generation {generation - 1} of {name} was given up: {why}"[:300]


def _check_store_knows(ports: Ports, name: str) -> None:
    """Refuse to seal a request over a key that Vault has an issuer for already.

    The root would sign it, and no import would ever take it: Vault has that issuer's name.

    Raises:
        ConfigurationError: the store is not the one that this environment was made with.
    """
    ours = re.compile(rf"{re.escape(name)}-g[0-9]+")
    for issuer in ports.rotator(name).issuers():
        if not ours.fullmatch(issuer.name):
            continue
        found = ports.records.issuers.get(issuer.name)
        if found is None or found.certificate is None:
            raise ConfigurationError(
                f"Vault has the issuer {issuer.name}, and the store does not know it",
                rule="STORE-LOST",
                hint="restore the store from its backup, or name the right store; then run again",
                where=f"environments.{name}",
            )


def _profile(ports: Ports, name: str, environment: Environment, generation: int) -> Profile:
    return intermediate_profile(
        organization=ports.estate.organization,
        environment=name,
        domain=environment.domain,
        policy=environment.policy,
        generation=generation,
        validity=environment.intermediate.validity,
    )


def _record_key(ports: Ports, name: str, generation: int, key: KeyHandle) -> None:
    _check_key(key, issuer_name(name, generation))
    record = ports.records.issuers.get(issuer_name(name, generation))
    if record is None:
        ports.records.issuers.insert(
            IssuerRecord(
                id=issuer_name(name, generation),
                environment=name,
                generation=generation,
                key_id=key.key_id,
                spki=key.spki,
                updated=ports.clock.now(),
            )
        )
    elif record.spki != key.spki:
        raise VerificationError(
            f"key {record.id} in Vault is not the one that was recorded",
            rule="KEY-CHANGED",
            hint="somebody replaced the key; find out who before you go on",
            where=record.id,
        )


def _check_key(key: KeyHandle, where: str) -> None:
    csr = parse.request(key.csr)
    if not csr.is_signature_valid:
        what = "the certification request does not prove possession of its key"
        raise VerificationError(what, rule="CSR-PROOF", where=where)
    if parse.spki_sha256(csr) != key.spki:
        what = "the certification request is not over the key that Vault named"
        raise VerificationError(what, rule="CSR-KEY", where=where)


def _previous(ports: Ports, name: str) -> str | None:
    """Return the binding of the last accepted response for this environment (the chain)."""
    accepted = list(ports.records.ceremonies.find(environment=name, state="accepted"))
    if not accepted:
        return None
    newest = max(accepted, key=lambda ceremony: (ceremony.closed or ceremony.created, ceremony.id))
    return binding(Response.parse((newest.response or "").encode()))


def _record_request(ports: Ports, request: Request) -> CeremonyRecord:
    record = CeremonyRecord(
        id=request.digest(),
        environment=request.environment or "",
        kind=request.kind,
        generation=request.generation,
        request=request.canonical().decode(),
        created=request.created,
        expires=request.expires,
    )
    try:
        sealed = ports.records.ceremonies.insert(record)
    except ConflictError:
        # Another run of this flow was first: its request is the one that counts.
        first = open_ceremony(ports, record.environment)
        if first is None:
            raise
        return first
    note(ports, "trustwright.ceremony.opened", sealed.environment, sealed.id)
    return sealed
