"""A consumer's set: certificate, chain, anchors and CRLs, delivered and read back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from trustwright.errors import (
    ConfigurationError,
    ConflictError,
    OutcomeUnknown,
    PolicyViolation,
    TrustwrightError,
    Unavailable,
    UpstreamError,
    VerificationError,
)
from trustwright.lifecycle.breakers import note_delivered, note_failed_delivery
from trustwright.lifecycle.deliveries import (
    check_serving_alone,
    keep_failed,
    record_delivery,
    recorded_serial,
    serving_alone,
)
from trustwright.lifecycle.environments import settings_of
from trustwright.lifecycle.holdings import (
    certificate_in_place,
    fitting_in_place,
    note_exposure,
    set_is_current,
    tidy,
)
from trustwright.lifecycle.journal import note
from trustwright.lifecycle.orders import certificate_for, order_for
from trustwright.lifecycle.reconciliation import revoke_undelivered
from trustwright.lifecycle.trust import delivered_set
from trustwright.model.estate import Consumer
from trustwright.model.records import CertificateRecord, DeliveryState
from trustwright.policy.breaker import BREAKER_OPEN
from trustwright.policy.hostrequest import check_host_request
from trustwright.policy.naming import consumer_key, request_place_of
from trustwright.ports import Delivered, Ports, Target
from trustwright.x509 import parse


@dataclass(frozen=True)
class Served:
    """What became of one consumer.

    Attributes:
        changed: a new set was delivered in this call.
        rule: of the error, when it failed.
    """

    consumer: Consumer
    state: DeliveryState
    changed: bool = False
    problem: str = ""
    rule: str = ""

    @property
    def skipped(self) -> bool:
        """Return whether nothing was tried: another run holds it, or a breaker is open."""
        return self.rule in {"LOCK-HELD", BREAKER_OPEN}


def consumers_of(ports: Ports, environment: str) -> list[Consumer]:
    """Return the environment's consumers that flows serve.

    Admin certificates never pass through a service path: ``trustwright admin issue`` makes them
    on the admin's own machine.
    """
    return [
        each
        for each in ports.estate.consumers
        if each.environment == environment and each.role != "admin"
    ]


def consumer_named(ports: Ports, environment: str, name: str) -> Consumer:
    """Return a consumer of the estate.

    Raises:
        ConfigurationError: there is none of that name in this environment.
    """
    for each in ports.estate.consumers:
        if (each.environment, each.name) == (environment, name):
            return each
    raise ConfigurationError(
        f"no consumer {name!r} in environment {environment!r}",
        rule="EST-CONSUMER",
        hint="add it to the estate file",
    )


def consumers_touched_by(ports: Ports, environment: str) -> list[Consumer]:
    """Return the environment's consumers, and those of ready environments that trust it."""
    ready = {row.name for row in ports.records.environments.find(phase="ready")}
    others = [
        each
        for name in sorted(ready - {environment})
        for each in consumers_of(ports, name)
        if environment in each.trusts
    ]
    return consumers_of(ports, environment) + others


def serve_consumers(ports: Ports, consumers: Iterable[Consumer]) -> list[Served]:
    """Serve each consumer; one that fails is recorded and does not stop the others.

    Raises:
        Unavailable, OutcomeUnknown: Vault, the store or the orchestrator did not answer; the other
            consumers were served first. Run again when it is back.
    """
    served: list[Served] = []
    postponed: TrustwrightError | None = None
    for consumer in consumers:
        try:
            served.append(_serve_or_record(ports, consumer))
        except (Unavailable, OutcomeUnknown) as error:
            postponed = postponed or error
    if postponed is not None:
        raise postponed
    return served


def _serve_or_record(ports: Ports, consumer: Consumer) -> Served:
    try:
        return serve_consumer(ports, consumer)
    except TrustwrightError as error:
        # A conflict as well: a locked folder, or another run that serves this consumer at this
        # moment, is no reason to leave the others unserved. A run that was taken over is refused
        # when it wants to advance.
        if error.rule != BREAKER_OPEN:
            key = consumer_key(consumer)
            note(ports, "trustwright.consumer.failed", consumer.environment, key, str(error))
        if _waiting_helps(error):
            raise
        return Served(consumer, "failed", problem=str(error), rule=error.rule)


def refuse_held(served: Sequence[Served]) -> None:
    """Have the step tried again while other runs serve some of the consumers.

    They may have looked at the anchors before this run's was there.

    Raises:
        Unavailable: rule ``CONSUMER-HELD``; everybody else was served.
    """
    held = [each for each in served if each.rule == "LOCK-HELD"]
    if held:
        names = ", ".join(f"{each.consumer.environment}/{each.consumer.name}" for each in held)
        raise Unavailable(
            f"other runs serve {names} at this moment",
            rule="CONSUMER-HELD",
            hint="wait for them, then run again",
        )


def _waiting_helps(error: TrustwrightError) -> bool:
    """Return whether the step is to be tried again; a full disk is its consumer's own matter."""
    away = isinstance(error, Unavailable | OutcomeUnknown)
    return away and not error.rule.startswith("DLV-")


def serve_consumer(ports: Ports, consumer: Consumer) -> Served:
    """Give a consumer a valid, current set; does nothing when it holds one.

    Raises:
        TrustwrightError: it could not be issued or delivered; what was in place before still is.
            The delivery's row says so, unless another run holds it (rule ``LOCK-HELD``).
    """
    with serving_alone(ports, consumer):
        try:
            return _serve(ports, consumer)
        except TrustwrightError as error:
            # A breaker that is open has a record of its own; what failed before still counts.
            if error.rule != BREAKER_OPEN:
                with suppress(ConflictError):
                    record_delivery(ports, consumer, "failed", problem=str(error))
            raise


def _serve(ports: Ports, consumer: Consumer) -> Served:
    target = ports.target(consumer)
    found = target.observed()
    observed = _taken_up(ports, consumer, target, found)
    asked = _asked_by_host(ports, consumer, target, observed)
    recorded = recorded_serial(ports, consumer)
    note_exposure(ports, consumer, observed)
    tidy(ports, consumer, observed, before=recorded)
    row = fitting_in_place(ports, consumer, observed, asked)
    current = row and observed and set_is_current(ports, consumer, observed)
    if observed is not None and (current or observed.serial != recorded):
        record_delivery(ports, consumer, "delivered", delivered=observed)
    if current:
        # The run that ordered it may have died before it could say that it went well.
        note_delivered(ports, consumer)
        return Served(consumer, "delivered", changed=observed != found)
    if row is not None and (served := _refresh(ports, consumer, target, row, observed)):
        return served
    if consumer.key == "host" and asked is None:
        return _wait_for_host(ports, consumer, target, observed)
    try:
        return _serve_anew(ports, consumer, target, observed, asked)
    except PolicyViolation as error:
        if error.rule == BREAKER_OPEN:
            _keep_fresh(ports, consumer, target, observed)
        raise


def _taken_up(
    ports: Ports, consumer: Consumer, target: Target, found: Delivered | None
) -> Delivered | None:
    """Run the hooks for a set whose delivery was cut; return what is in place then.

    A set that never passed them gives way to the one before, and its key is lost. One that passed
    them once stays; it does not count as current, so that it is delivered again or replaced.
    """
    if found is None or found.in_service:
        return found
    check_serving_alone(ports, consumer)
    try:
        observed = target.finish(expected=found)
    except UpstreamError:
        row, left = certificate_in_place(ports, consumer, found), target.observed()
        if left is not None and left.number == found.number:
            return left
        if row is not None and consumer.key == "managed":
            revoke_undelivered(ports, target, row)
        raise
    _note_delivered(ports, consumer, observed)
    return observed


def _refresh(
    ports: Ports,
    consumer: Consumer,
    target: Target,
    row: CertificateRecord,
    observed: Delivered | None,
) -> Served | None:
    """Deliver today's anchors, CRLs, modes and owners beside certificate and key in place.

    Returns None when the key in place is not that of the certificate: then it takes a new one.
    """
    try:
        return _deliver(ports, consumer, target, row, None, observed, keep_key=True)
    except VerificationError as error:
        if error.rule != "BUNDLE-KEY":
            raise
        return None


def _serve_anew(
    ports: Ports, consumer: Consumer, target: Target, observed: Delivered | None, asked: str | None
) -> Served:
    target.ready(with_key=asked is None)
    order, key = order_for(ports, consumer, asked)
    certificate = certificate_for(ports, consumer, order)
    try:
        served = _deliver(ports, consumer, target, certificate, key, observed)
    except TrustwrightError as error:
        if key is not None:
            revoke_undelivered(ports, target, certificate)
        note_failed_delivery(ports, consumer, error)
        raise
    note_delivered(ports, consumer)
    return served


def _deliver(
    ports: Ports,
    consumer: Consumer,
    target: Target,
    certificate: CertificateRecord,
    key: bytes | None,
    observed: Delivered | None,
    *,
    keep_key: bool = False,
) -> Served:
    """Deliver one certificate's set over what was observed in place, and record it."""
    delivery = delivered_set(ports, consumer, certificate, key, keep_key=keep_key)
    check_serving_alone(ports, consumer)
    _check_still_valid(ports, certificate)
    delivered = target.deliver(delivery, expected=observed)
    # Whoever has taken over meanwhile has a certificate of its own, which is not to be tidied away.
    check_serving_alone(ports, consumer)
    # Before the record: what was in place until now is known from it after a crash.
    tidy(ports, consumer, delivered, before=observed.serial if observed else None)
    record_delivery(ports, consumer, "delivered", delivered=delivered)
    _note_delivered(ports, consumer, delivered)
    return Served(consumer, "delivered", changed=True)


def _note_delivered(ports: Ports, consumer: Consumer, delivered: Delivered) -> None:
    detail = f"serial {delivered.serial}, version {delivered.number}"
    key = consumer_key(consumer)
    note(ports, "trustwright.consumer.delivered", consumer.environment, key, detail)


def _check_still_valid(ports: Ports, certificate: CertificateRecord) -> None:
    found = ports.records.certificates.get(certificate.id)
    if found is None or found.state != "valid":
        raise ConflictError(
            f"{certificate.id} is {found.state if found else 'unknown'} before it was delivered",
            rule="CERTIFICATE-STATE",
            hint="somebody revoked it meanwhile; run again",
        )


def host_request(ports: Ports, consumer: Consumer, target: Target) -> str | None:
    """Return the request that the host left, judged, or None."""
    csr = target.host_request() if consumer.key == "host" else None
    if csr is not None:
        role = settings_of(ports, consumer.environment).roles[consumer.role]
        check_host_request(parse.request(csr), consumer, role)
    return csr


def _asked_by_host(
    ports: Ports, consumer: Consumer, target: Target, observed: Delivered | None
) -> str | None:
    """Return the request that the host left, judged, or None.

    One that is refused keeps a new certificate from being made; the set in place is kept fresh all
    the same, or its CRLs would end.
    """
    try:
        return host_request(ports, consumer, target)
    except TrustwrightError as error:
        if not _waiting_helps(error):
            _keep_fresh(ports, consumer, target, observed)
        raise


def _wait_for_host(
    ports: Ports, consumer: Consumer, target: Target, observed: Delivered | None
) -> Served:
    """Record what is waited for. A set in place that does not fit any more is kept fresh."""
    changed = _keep_fresh(ports, consumer, target, observed)
    problem = f"waits for the host's certification request at {request_place_of(consumer)}"
    record_delivery(ports, consumer, "waiting", problem=problem)
    return Served(consumer, "waiting", changed=changed, problem=problem)


def _keep_fresh(
    ports: Ports, consumer: Consumer, target: Target, observed: Delivered | None
) -> bool:
    """Keep a valid set fresh that does not fit any more and cannot be replaced yet.

    One that is not in service is left alone: its hooks have failed just now. A failure on record
    stays there: what could not be replaced still waits to be.
    """
    row = certificate_in_place(ports, consumer, observed)
    if row is None or observed is None or row.not_after <= ports.clock.now():
        return False
    if not observed.in_service or set_is_current(ports, consumer, observed):
        return False
    with keep_failed(ports, consumer):
        return _refresh(ports, consumer, target, row, observed) is not None
