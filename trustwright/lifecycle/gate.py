"""From *requested* to *signed*: the approval is the signature, the record is the door.

A response comes in by the form in the Prefect UI or by ``trustwright ceremony submit``; both end
in `consider_response`, which runs the checks that the signer ran.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from trustwright.ceremony.checks import check_response
from trustwright.ceremony.response import binding, open_response
from trustwright.errors import (
    CeremonyViolation,
    ConfigurationError,
    ConflictError,
    PolicyViolation,
    TrustwrightError,
    VerificationError,
)
from trustwright.lifecycle.environments import advance
from trustwright.lifecycle.journal import note, tell_once
from trustwright.lifecycle.keys import check_key_kept
from trustwright.lifecycle.requests import expire_ceremony
from trustwright.lifecycle.rootcrl import accepted_root_crls
from trustwright.model.ceremony import CeremonyRecord, Request, Response
from trustwright.policy import notices
from trustwright.policy.naming import issuer_name
from trustwright.policy.quoting import reason_of
from trustwright.ports import Ports
from trustwright.x509 import parse
from trustwright.x509.crl import crl_number

SHORTEST_KEY = 6
"""Digits of a ceremony's identifier that may stand for it."""


@dataclass(frozen=True)
class Verdict:
    """What became of a response.

    Attributes:
        accepted: it is recorded; the flow goes on.
        reason: one line with the rule that refused it, or empty.
    """

    accepted: bool
    reason: str = ""


def ceremony_of(ports: Ports, key: str) -> CeremonyRecord:
    """Return the ceremony whose identifier starts with `key`, or the environment's pending one.

    Raises:
        ConfigurationError: none or several fit.
    """
    rows = [row for row in ports.records.ceremonies.find() if _fits(row, key)]
    if len(rows) != 1:
        what = "no ceremony fits" if not rows else f"{len(rows)} ceremonies fit"
        raise ConfigurationError(
            f"{what} {key!r}", rule="CEREMONY-NAME", hint="see: trustwright ceremony list"
        )
    return rows[0]


def ceremony_for(ports: Ports, data: bytes, name: str | None = None) -> CeremonyRecord:
    """Return the ceremony that a submitted response is judged by.

    That is the one that `name` names; else the one that the response says it answers; else the only
    pending one. So what cannot be read is refused by the gate too, where everybody hears of it.

    Raises:
        ConfigurationError: `name` fits none or several (rule ``CEREMONY-NAME``).
        CeremonyViolation: none can be told; nobody but the submitter hears of it.
    """
    if name is not None:
        return ceremony_of(ports, name)
    try:
        request = open_response(data).request
    except CeremonyViolation as error:
        return _only_pending(ports) or _nobodys(error.what, error.rule)
    answered = ports.records.ceremonies.get(request)
    what = f"no ceremony has the request {request[:12]}… that it answers"
    return answered or _only_pending(ports) or _nobodys(what, "CEREMONY-NAME")


def _only_pending(ports: Ports) -> CeremonyRecord | None:
    pending = list(ports.records.ceremonies.find(state="pending"))
    return pending[0] if len(pending) == 1 else None


def _nobodys(what: str, rule: str) -> NoReturn:
    raise CeremonyViolation(
        what, rule=rule, hint="send the file unchanged, or say whose it is: --ceremony NAME"
    )


def _fits(row: CeremonyRecord, key: str) -> bool:
    by_environment = row.environment == key and row.state == "pending"
    return by_environment or (len(key) >= SHORTEST_KEY and row.id.startswith(key))


def consider_response(ports: Ports, ceremony: CeremonyRecord, data: bytes) -> Verdict:
    """Check a response and record it, or record why it is refused; a bad one moves no phase.

    A response that was accepted before is accepted again without effect. Where somebody else writes
    the ceremony meanwhile (the form and ``ceremony submit`` at once), what they wrote is looked at.

    Raises:
        UpstreamError: the store or Vault does not answer; nothing was decided.
    """
    if ceremony.state == "accepted":
        return _compare_with_accepted(ceremony, data)
    if ceremony.state != "pending":
        return Verdict(accepted=False, reason=f"the ceremony is {ceremony.state} [GATE-CLOSED]")
    try:
        return _decide(ports, ceremony, data)
    except ConflictError:
        return consider_response(ports, ceremony_of(ports, ceremony.id), data)


def _decide(ports: Ports, ceremony: CeremonyRecord, data: bytes) -> Verdict:
    if ceremony.expires <= ports.clock.now():
        expire_ceremony(ports, ceremony)
        return Verdict(accepted=False, reason="the request has expired unsigned [GATE-EXPIRED]")
    _tell_submitted(ports, ceremony)
    try:
        response = _checked(ports, ceremony, data)
        _check_key(ports, ceremony)
    except (PolicyViolation, VerificationError) as error:
        # Only what the response itself broke: a store that is down refuses nothing.
        return _refuse(ports, ceremony, reason_of(error))
    return _accept(ports, ceremony, response)


def _tell_submitted(ports: Ports, ceremony: CeremonyRecord) -> None:
    """Tell people once for each question, however often a step is tried until Vault answers."""
    link = ports.runs.link(ceremony.flow_run)
    notice = notices.ceremony_submitted(ceremony, by=ports.actor, link=link)
    tell_once(ports, f"submitted/{ceremony.id}/{ceremony.refusals}", notice, ceremony.id)


def _check_key(ports: Ports, ceremony: CeremonyRecord) -> None:
    """Refuse a signature over a key that Vault has lost.

    A machine without the rotator's login (``ceremony submit`` on an operator's own) cannot look:
    the flow does, before it imports.

    Raises:
        VerificationError: rule ``KEY-LOST``.
        UpstreamError: Vault does not say; nothing is decided.
    """
    with suppress(ConfigurationError):
        check_key_kept(ports, ceremony.environment, ceremony.generation or 1)


def ask_again(ports: Ports, asked: CeremonyRecord, reason: str) -> None:
    """Have the gate ask once more because nothing could be decided; the form says why.

    Prefect answers a question that was answered: a new one needs a new number.
    """
    current = ceremony_of(ports, asked.id)
    if current.state == "pending" and current.refusals == asked.refusals:
        _refuse(ports, current, f"nothing was decided: {reason}")


def consider_answer(ports: Ports, asked: CeremonyRecord, data: bytes) -> Verdict:
    """Consider what was pasted into the form of a question.

    The question is known by the refusals at the time it was asked. When another response was
    refused since (``ceremony submit``), the form is out of date: nothing is counted twice, and the
    gate asks again with the newest reason.
    """
    current = ceremony_of(ports, asked.id)
    if current.refusals != asked.refusals and current.state == "pending" and not data.strip():
        return Verdict(accepted=False, reason=current.refusal)
    return consider_response(ports, current, data)


def _compare_with_accepted(ceremony: CeremonyRecord, data: bytes) -> Verdict:
    try:
        accepted = Response.parse((ceremony.response or "").encode())
        same = binding(open_response(data)) == binding(accepted)
    except TrustwrightError as error:
        return Verdict(accepted=False, reason=reason_of(error))
    reason = "" if same else "another response was accepted for this request [GATE-CLOSED]"
    return Verdict(accepted=same, reason=reason)


def _checked(ports: Ports, ceremony: CeremonyRecord, data: bytes) -> Response:
    if not data.strip():
        raise CeremonyViolation(
            "nothing was pasted", rule="GATE-EMPTY", hint="paste the whole response file"
        )
    response = open_response(data)
    # Responses for two environments may arrive in another order than they were signed in, so each
    # environment counts for itself, like the chain of its responses.
    seen = list(accepted_root_crls(ports, environment=ceremony.environment))
    check_response(
        response,
        Request.parse(ceremony.request.encode()),
        root=parse.certificate(ports.root_certificate),
        now=ports.clock.now(),
        known_serials=_known_serials(ports),
        domains={name: each.domain for name, each in ports.estate.environments.items()},
        last_crl_number=max(map(crl_number, seen), default=0),
        listed={entry.serial_number for crl in seen for entry in crl},
    )
    return response


def _known_serials(ports: Ports) -> set[int]:
    """Return the serials of every intermediate that the root has signed, as far as we know."""
    pems = (issuer.certificate for issuer in ports.records.issuers.find())
    return {parse.certificate(pem).serial_number for pem in pems if pem}


def _accept(ports: Ports, ceremony: CeremonyRecord, response: Response) -> Verdict:
    ports.records.ceremonies.replace(
        ceremony,
        state="accepted",
        response=response.canonical().decode(),
        closed=ports.clock.now(),
        refusal="",
    )
    note(
        ports,
        "trustwright.ceremony.accepted",
        ceremony.environment,
        ceremony.id,
        f"response {response.digest()}",
    )
    _tell_accepted(ports, ceremony, response)
    return Verdict(accepted=True)


def _tell_accepted(ports: Ports, ceremony: CeremonyRecord, response: Response) -> None:
    link = ports.runs.link(ceremony.flow_run)
    notice = notices.ceremony_accepted(ceremony, response, link=link)
    tell_once(ports, f"accepted/{ceremony.id}", notice, ceremony.id)


def _refuse(ports: Ports, ceremony: CeremonyRecord, reason: str) -> Verdict:
    ports.records.ceremonies.replace(ceremony, refusals=ceremony.refusals + 1, refusal=reason)
    note(ports, "trustwright.ceremony.refused", ceremony.environment, ceremony.id, reason)
    ports.notifier.tell(
        notices.ceremony_refused(ceremony, reason, link=ports.runs.link(ceremony.flow_run))
    )
    return Verdict(accepted=False, reason=reason)


def record_signed(ports: Ports, ceremony: CeremonyRecord) -> None:
    """Copy the accepted certificate to the issuer's record and advance to *signed*.

    Whoever accepted the response may have died before people were told: they are told here.
    """
    response = Response.parse((ceremony.response or "").encode())
    _tell_accepted(ports, ceremony, response)
    issuer = ports.records.issuers.get(issuer_name(ceremony.environment, ceremony.generation or 1))
    if issuer is not None and issuer.certificate is None:
        ports.records.issuers.replace(
            issuer, certificate=response.certificate, state="signed", updated=ports.clock.now()
        )
    advance(ports, ceremony.environment, "signed")
