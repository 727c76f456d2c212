"""A delivery target in memory."""

from __future__ import annotations

from dataclasses import replace

from tests.fakes.clock import HeldClock
from trustwright.clock import Clock
from trustwright.delivery.manifest import contents, manifest_of
from trustwright.errors import Rejected, TrustwrightError
from trustwright.ids import sha256_hex
from trustwright.policy.bundle import check_key
from trustwright.ports import Delivered, DeliverySet
from trustwright.x509 import parse

LONGEST_REQUEST = 16 * 1024


class FakeTarget:
    """Behaves like a directory, with its disk in memory.

    Attributes:
        request: what the host left, or None.
        closed: raised before anything is written, until a test sets it to None.
        broken: raised by deliveries after the swap, until a test sets it to None.
        attempts: every set that reached the swap, newest last.
        delivery: the set in place, or None.
    """

    def __init__(self, consumer: str = "consumer", clock: Clock | None = None) -> None:
        self.request: str | None = None
        self.closed: TrustwrightError | None = None
        self.broken: TrustwrightError | None = None
        self.attempts: list[DeliverySet] = []
        self.delivery: DeliverySet | None = None
        self._consumer = consumer
        self._clock = clock or HeldClock()
        self._place: Delivered | None = None

    def ready(self, *, with_key: bool) -> None:
        """Raise what keeps a delivery from being written."""
        del with_key
        if self.closed is not None:
            raise self.closed

    def deliver(self, delivery: DeliverySet) -> Delivered:
        """Put a set in place; undone when `broken` is set."""
        self.ready(with_key=delivery.key is not None)
        if delivery.keep_key and self.delivery is not None:
            delivery = replace(delivery, key=self.delivery.key)
        check_key(delivery.key, parse.certificate(delivery.certificate))
        number = (self._place.number if self._place else 0) + 1
        manifest = manifest_of(
            delivery, consumer=self._consumer, number=number, delivered=self._clock.now()
        )
        self.attempts.append(delivery)
        if self.broken is not None:
            raise self.broken
        trust = sha256_hex(contents(delivery)["trust.pem"])
        self._place = Delivered(
            number=number,
            serial=manifest.serial,
            manifest=manifest.digest(),
            trust=trust,
            crl_until=manifest.crl_until,
            crl_due=manifest.crl_due,
        )
        self.delivery = delivery
        return self._place

    def observed(self) -> Delivered | None:
        """Return what is in place."""
        return self._place

    def host_request(self) -> str | None:
        """Return the request, judged as a directory judges it."""
        if self.request is None:
            return None
        if len(self.request) > LONGEST_REQUEST or "BEGIN CERTIFICATE REQUEST" not in self.request:
            raise Rejected("host.csr is no request", rule="DLV-REQUEST")
        return self.request

    def lose(self) -> None:
        """Forget what is in place, as when somebody empties the folder."""
        self._place = self.delivery = None
