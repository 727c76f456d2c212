"""What a dead run left: every intent ends as adopted, revoked or explained as never signed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from trustwright.errors import (
    ConflictError,
    PolicyViolation,
    TrustwrightError,
    Unavailable,
    VerificationError,
)
from trustwright.lifecycle.intents import (
    NOTHING_CAME,
    close_intent,
    inventory_row,
    is_beyond_doubt,
    put_in_doubt,
    set_aside,
)
from trustwright.lifecycle.issuance import Order, check_against_order, record_certificate
from trustwright.lifecycle.journal import note, tell_once
from trustwright.lifecycle.refusal import is_anothers, names_of, refuse_certificate
from trustwright.lifecycle.revocation import (
    finish_revocation,
    is_being_revoked,
    revoke_certificate,
)
from trustwright.model.records import CertificateRecord, IntentRecord
from trustwright.policy import notices
from trustwright.ports import Ports, Target
from trustwright.x509 import parse

if TYPE_CHECKING:
    from cryptography import x509

LEFT_BEHIND = timedelta(minutes=10)
"""No command holds an intent that long; after it, whoever opened it is gone."""


def settle_slot(ports: Ports, order: Order) -> CertificateRecord | None:
    """Close the open intent of an order's slot; return the certificate if it could be adopted.

    A certificate is adopted when its key is still of use and it is what the order asks for;
    otherwise it is revoked. When Vault has none, the intent is *suspect* from now on: its slot is
    free, and one that turns up later is revoked by the next run or the watch. Searching costs a
    look at every serial of the mount: it happens only after a crash between Vault's signature and
    our record of it.

    Raises:
        ConflictError: another run that is still alive works on it (rule ``LOCK-HELD``).
    """
    _look_again(ports, order)
    intent = next(ports.records.intents.find(slot=order.slot, state="open"), None)
    if intent is None:
        return None
    if _is_at_work(ports, intent):
        raise ConflictError(
            f"run {intent.actor} has a certificate signed for {intent.slot} at this moment",
            rule="LOCK-HELD",
            hint="wait for that run, then run again",
        )
    return _settle(ports, intent, order, search(ports, [intent]).get(intent.id))


def settle_all_left_behind(ports: Ports, environment: str) -> list[str]:
    """Close everything that dead runs and commands left in an environment of the estate.

    Nothing is adopted, for nobody asks for anything here: what exists is revoked. What cannot be
    settled now does not keep the rest waiting; people are told of it once a day.

    Returns:
        One phrase for each intent that went on, and for each that could not.
    """
    left = _left_behind(ports, environment=environment)
    phrases: list[str] = []
    problems: list[str] = []
    try:
        found = search(ports, left)
        for intent in left:
            phrases += _progress(ports, intent, found.get(intent.id), problems)
    except TrustwrightError as error:
        # Vault does not answer, or shows something unreadable: the others need not be tried.
        problems += [str(error)]
    if problems:
        _tell_unsettled(ports, environment, len(left), problems[0])
    return phrases + [f"{environment}: {each}" for each in problems]


def _progress(
    ports: Ports, intent: IntentRecord, pem: str | None, problems: list[str]
) -> list[str]:
    """Settle one intent; return what became of it, or add why nothing could.

    Raises:
        Unavailable: Vault or the store does not answer.
    """
    try:
        _settle(ports, intent, None, pem)
    except ConflictError:
        return []  # somebody else is settling it
    except Unavailable:
        raise
    except TrustwrightError as error:
        problems += [f"{intent.slot}: {error}"]
    newest = ports.records.intents.get(intent.id) or intent
    return [f"{intent.slot}: {newest.state}"] if newest.state != intent.state else []


def _tell_unsettled(ports: Ports, environment: str, count: int, problem: str) -> None:
    notice = notices.intents_unsettled(environment, count, problem)
    tell_once(ports, f"unsettled/{environment}/{ports.clock.now():%Y%m%d}", notice, environment)


def _look_again(ports: Ports, order: Order) -> None:
    """Finish what was announced or is in doubt about an order's subject, as far as that can be.

    It keeps nobody from being served: what fails here is tried again by the watch.
    """
    mine = {"environment": order.environment, "purpose": order.purpose, "subject": order.subject}
    doubtful = list(ports.records.intents.find(slot=order.slot, state="suspect"))
    revoking = list(ports.records.intents.find(kind="revoke", state="open", **mine))
    with suppress(TrustwrightError):
        found = search(ports, doubtful)
        for intent in (*revoking, *doubtful):
            if not (intent in revoking and _is_at_work(ports, intent)):
                _settle(ports, intent, None, found.get(intent.id))


def _is_at_work(ports: Ports, intent: IntentRecord) -> bool:
    return intent.actor not in {"", ports.actor} and ports.runs.alive(intent.actor)


def _left_behind(ports: Ports, **mine: str) -> list[IntentRecord]:
    """Return suspect intents, and open ones that nobody works on any more.

    A revocation that was announced need not grow old: two may carry it out at once.
    """
    latest = ports.clock.now() - LEFT_BEHIND
    found = ports.records.intents.find(state="open", **mine)
    old = [each for each in found if each.kind == "revoke" or each.opened <= latest]
    actors = {each.actor for each in old} - {""}
    living = {actor for actor in actors if ports.runs.alive(actor)}
    suspect = ports.records.intents.find(state="suspect", **mine)
    return [*(each for each in old if each.actor not in living), *suspect]


def search(ports: Ports, intents: Sequence[IntentRecord]) -> dict[str, str]:
    """Look among Vault's serials that the inventory does not know, once, for the intents' keys.

    Returns:
        By intent, the PEM of a certificate that it led to. Those whose outcome is known already
        (a reply was kept, a certificate recorded) are not searched for.
    """
    wanted = [each for each in intents if not _is_answered(ports, each)]
    found: dict[str, str] = {}
    if wanted:
        for spki, pem in _unknown(ports, wanted[0].environment):
            # A host's requests over one key may each have led to a certificate.
            over_it = (each for each in wanted if each.spki == spki and each.id not in found)
            intent = next(over_it, None)
            if intent is not None and not _is_claimed(ports, intent, wanted, pem):
                found[intent.id] = pem
            if len(found) == len(wanted):
                break
    return found


def _is_answered(ports: Ports, intent: IntentRecord) -> bool:
    return intent.kind == "revoke" or intent.pem is not None or _recorded(ports, intent) is not None


def _unknown(ports: Ports, environment: str) -> Iterator[tuple[str, str]]:
    """Yield key and PEM of every certificate in Vault that the inventory does not know."""
    signer = ports.signer(environment)
    for serial in signer.serials():
        if not _is_known(ports, environment, serial):
            pem = signer.certificate(serial)
            if pem is not None:
                yield parse.spki_sha256(parse.certificate(pem)), pem


def _is_known(ports: Ports, environment: str, serial: str) -> bool:
    """A mount stores one certificate under a serial, whichever of its issuers signed it."""
    found = ports.records.certificates.find(environment=environment, serial=serial)
    return next(found, None) is not None


def _is_claimed(
    ports: Ports, intent: IntentRecord, settled: Sequence[IntentRecord], pem: str
) -> bool:
    """Return whether it belongs to another intent over the same key (``key: host``).

    Whoever has it signed holds an open intent until it is in the inventory: asked in this order,
    one of the two shows it. The intents that are settled now belong to nobody any more.
    """
    ours = {each.id for each in settled}
    over_this_key = ports.records.intents.find(spki=intent.spki, state="open", kind="sign")
    if any(each.id not in ours for each in over_this_key):
        return True
    return is_anothers(ports, intent, parse.certificate(pem))


def _recorded(ports: Ports, intent: IntentRecord) -> CertificateRecord | None:
    """Return the certificate over its key that an intent led to; a refused one may have another."""
    return next(ports.records.certificates.find(intent=intent.id, spki=intent.spki), None)


def _settle(
    ports: Ports, intent: IntentRecord, order: Order | None, found: str | None
) -> CertificateRecord | None:
    """Close an intent, or put it in doubt.

    Args:
        ports: everything.
        intent: open or suspect, and nobody's at this moment.
        order: what is asked for today; None adopts nothing.
        found: what `search` found for it.
    """
    if intent.kind == "revoke":
        finish_revocation(ports, intent)
        return None
    row = _recorded(ports, intent)
    pem = (row and row.pem) or intent.pem or found
    if pem is None:
        _doubt(ports, intent)
        return None
    adopted = _adopt(ports, intent, order, pem) if order is not None else None
    if adopted is None:
        _dispose(ports, intent, pem)
    return adopted


def _doubt(ports: Ports, intent: IntentRecord) -> None:
    if intent.state == "open":
        put_in_doubt(ports, intent)
    elif is_beyond_doubt(ports, intent):
        close_intent(ports, intent, "abandoned", intent.serial, intent.note or NOTHING_CAME)


def _adopt(ports: Ports, intent: IntentRecord, order: Order, pem: str) -> CertificateRecord | None:
    row = _recorded(ports, intent)
    if not order.is_served_by(intent.spki) or (row is not None and not _stands(ports, row)):
        return None
    try:
        # Judged again even when it is recorded: an orphan is recorded on its way to revocation.
        check_against_order(ports, order, intent, parse.certificate(pem))
    except (PolicyViolation, VerificationError):
        return None
    row = row or record_certificate(ports, intent, order, pem)
    close_intent(ports, intent, "done", row.serial, "adopted after a crash")
    note(ports, "trustwright.certificate.adopted", row.environment, row.id)
    return row


def _stands(ports: Ports, row: CertificateRecord) -> bool:
    return row.state == "valid" and not is_being_revoked(ports, row)


def _dispose(ports: Ports, intent: IntentRecord, pem: str) -> None:
    """Revoke what nobody can use; what is not even what the intent announced is refused."""
    late = intent.state == "suspect"
    intent = set_aside(ports, intent)
    certificate, row = parse.certificate(pem), _recorded(ports, intent)
    refused = row is not None and row.state == "refused"
    if refused or not _is_announced(ports, intent, certificate):
        refuse_certificate(ports, intent, pem, "it is not what was ordered")
        return
    row = row or ports.records.certificates.insert(inventory_row(ports, intent, certificate))
    why = "came too late" if late else "left by a run that died; nobody can use it"
    revoke_certificate(ports, row, why)
    close_intent(ports, intent, "abandoned", row.serial, "orphan revoked")


def _is_announced(ports: Ports, intent: IntentRecord, certificate: x509.Certificate) -> bool:
    same_key = parse.spki_sha256(certificate) == intent.spki
    same_names = set(names_of(certificate)) == set(intent.names)
    return same_key and same_names and not is_anothers(ports, intent, certificate)


def revoke_undelivered(ports: Ports, target: Target, row: CertificateRecord) -> None:
    """Revoke a certificate whose delivery failed: nobody has its key.

    One that is in place all the same is left alone, and so is one that cannot be looked at or
    revoked now: the next run tidies up.
    """
    with suppress(TrustwrightError):
        found = target.observed()
        newest = ports.records.certificates.get(row.id)
        if newest is not None and (found is None or found.serial != row.serial):
            revoke_certificate(ports, newest, "its delivery failed; its key is lost")
