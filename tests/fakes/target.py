"""A delivery target in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tests.fakes.clock import HeldClock
from trustwright.clock import Clock
from trustwright.delivery.manifest import contents, manifest_of
from trustwright.errors import ConflictError, Rejected, TrustwrightError
from trustwright.ids import sha256_hex
from trustwright.policy.bundle import check_key
from trustwright.ports import Bundles, Delivered, DeliverySet
from trustwright.x509 import parse

LONGEST_REQUEST = 16 * 1024


@dataclass(frozen=True)
class Version:
    """A set and the proof that it was in place."""

    proof: Delivered
    delivery: DeliverySet


class FakeTarget:
    """Behaves like a directory, with its disk in memory.

    Attributes:
        request: what the host left, or None.
        swapped: certificates that somebody put in place of ours.
        closed: raised before anything is written, until a test sets it to None.
        broken: raised by every reload, until a test sets it to None.
        unfit: raised by every check, until a test sets it to None.
        moment: told at every step inside a delivery; a test may let the process die there.
        attempts: every set that reached the swap, newest last.
        loaded: the set that software has read at its last reload, or None.
    """

    def __init__(self, consumer: str = "consumer", clock: Clock | None = None) -> None:
        self.request: str | None = None
        self.swapped: Bundles | None = None
        self.closed: TrustwrightError | None = None
        self.broken: TrustwrightError | None = None
        self.unfit: TrustwrightError | None = None
        self.moment: Callable[[str], None] = lambda _name: None
        self.attempts: list[DeliverySet] = []
        self.loaded: DeliverySet | None = None
        self._consumer = consumer
        self._clock = clock or HeldClock()
        self._place: Version | None = None
        self._passed: Version | None = None
        self._swapping = False

    @property
    def delivery(self) -> DeliverySet | None:
        """Return the set in place."""
        return self._place.delivery if self._place else None

    def ready(self, *, with_key: bool) -> None:
        """Raise what keeps a delivery from being written."""
        del with_key
        if self.closed is not None:
            raise self.closed

    def deliver(self, delivery: DeliverySet, *, expected: Delivered | None) -> Delivered:
        """Put a set in place; undone when a hook fails."""
        self.ready(with_key=delivery.key is not None)
        self._check_expected(expected)
        if delivery.keep_key and self.delivery is not None:
            delivery = replace(delivery, key=self.delivery.key)
        check_key(delivery.key, parse.certificate(delivery.certificate))
        version = self._written(delivery)
        self.attempts.append(delivery)
        self.moment("written")
        self._swapping = True
        self._place = version
        self.moment("swapped")
        return self._take_up(version)

    def finish(self, *, expected: Delivered) -> Delivered:
        """Run the hooks of the set in place, unless they have passed."""
        self._check_expected(expected)
        if self._place is None or expected.in_service:
            return expected
        return self._take_up(self._place)

    def observed(self) -> Delivered | None:
        """Return what is in place."""
        if self._place is None:
            return None
        settled = self._passed is self._place and not self._swapping
        return replace(self._place.proof, in_service=settled)

    def host_request(self) -> str | None:
        """Return the request, judged as a directory judges it."""
        if self.request is None:
            return None
        if len(self.request) > LONGEST_REQUEST or "BEGIN CERTIFICATE REQUEST" not in self.request:
            raise Rejected("host.csr is no request", rule="DLV-REQUEST")
        return self.request

    def bundles(self) -> Bundles | None:
        """Return what software reads, or what a test has put in its way."""
        if self.swapped is not None or self._place is None:
            return self.swapped
        return Bundles(self._place.delivery.trust, self._place.delivery.chain)

    def lose(self) -> None:
        """Forget what is in place, as when somebody empties the folder."""
        self._place = self._passed = None

    def disturb(self, **changes: Any) -> None:
        """Change what is observed of the set in place, as somebody at the target might."""
        assert self._place is not None
        settled = self._passed is self._place
        self._place = Version(replace(self._place.proof, **changes), self._place.delivery)
        self._passed = self._place if settled else self._passed

    def _check_expected(self, expected: Delivered | None) -> None:
        if expected != self.observed():
            raise ConflictError("something else is in place", rule="DLV-CONFLICT")

    def _written(self, delivery: DeliverySet) -> Version:
        number = (self._place.proof.number if self._place else 0) + 1
        manifest = manifest_of(
            delivery, consumer=self._consumer, number=number, delivered=self._clock.now()
        )
        proof = Delivered(
            number=number,
            serial=manifest.serial,
            manifest=manifest.digest(),
            trust=sha256_hex(contents(delivery)["trust.pem"]),
            crl_until=manifest.crl_until,
            crl_due=manifest.crl_due,
            with_key=delivery.key is not None,
        )
        return Version(proof, delivery)

    def _take_up(self, version: Version) -> Delivered:
        try:
            self._reload()
            if self.unfit is not None:
                raise self.unfit
            self.moment("checked")
        except TrustwrightError:
            self._undo(version)
            raise
        self._passed, self._swapping = version, False
        return replace(version.proof, in_service=True)

    def _undo(self, version: Version) -> None:
        if self._passed is version:
            return
        self._place = self._passed
        self.moment("undone")
        if self._place is not None and self.broken is None:
            self._reload()
            self._swapping = False

    def _reload(self) -> None:
        if self.broken is not None:
            raise self.broken
        self.loaded = self.delivery
        self.moment("reloaded")
