"""Vault's list of certificates against the inventory: rogue, orphan, missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from trustwright.errors import TrustwrightError, VerificationError
from trustwright.ids import serial_text
from trustwright.lifecycle.environments import settings_of
from trustwright.lifecycle.reconciliation import LEFT_BEHIND
from trustwright.lifecycle.refusal import names_of
from trustwright.model.records import IntentRecord
from trustwright.policy.differences import differences
from trustwright.policy.findings import Finding, Seen, finding, kinds_of
from trustwright.policy.strangers import (
    REMEMBERED,
    Stranger,
    judge_stranger,
    judge_unreadable,
    stranger,
)
from trustwright.ports import Ports, Recorded, Testimony
from trustwright.x509 import parse
from trustwright.x509.crl import is_revoked, verify_crl

if TYPE_CHECKING:
    from cryptography import x509

MOST = 200
"""Findings of one comparison: a flood is said, and does not fill memory."""

LOOKS = 5000
"""Certificates that one comparison fetches from Vault."""

A_DAY = timedelta(days=1)


def compare_with_vault(ports: Ports, environment: str) -> Seen:
    """Compare the serials that Vault lists with the inventory, both streamed in one order.

    Every certificate that Vault stores has an intent, which was written before Vault was asked;
    the mount's own CA certificates are on record, too. What has neither was signed behind our back.

    Raises:
        UpstreamError: Vault or the store does not answer.
        VerificationError: Vault's list is out of order.
    """
    comparison = _Comparison(ports, environment)
    for each in differences(
        ports.signer(environment).serials(), ports.records.agenda.recorded(environment)
    ):
        if isinstance(each, str):
            comparison.unknown(each)
        else:
            comparison.unlisted(each)
    return comparison.look()


@dataclass
class _Comparison:
    """What one comparison has found so far.

    Attributes:
        strangers: by serial; what of them is new is looked up in the audit log at the end.
        flood: differences that were not looked at, or of which there are too many.
    """

    ports: Ports
    environment: str
    found: list[Finding] = field(default_factory=list)
    strangers: list[tuple[Stranger, str]] = field(default_factory=list)
    looked: int = 0
    flood: int = 0

    def unknown(self, serial: str) -> None:
        """Look at a serial that only Vault has."""
        if serial in self._own or self._is_too_much():
            return
        pem = self.ports.signer(self.environment).certificate(serial)
        if pem is None:
            return  # tidied away since it was listed
        try:
            certificate = parse.certificate(pem)
            read = stranger(certificate)
        except VerificationError as error:
            settings = settings_of(self.ports, self.environment)
            self.found += [judge_unreadable(self.environment, settings, serial, error.what)]
            return
        self._account_for(serial, certificate, read)

    def unlisted(self, row: Recorded) -> None:
        """Look at a row that Vault does not list."""
        ended = row.not_after <= self.ports.clock.now()
        if row.state != "valid" or ended or self._is_too_much():
            return
        # It may have been signed and recorded after that part of the list was read.
        if self.ports.signer(self.environment).certificate(row.serial) is None:
            summary = f"Vault does not hold the certificate {row.serial} of {row.subject}"
            kind = "certificate-missing"
            self.found += [finding(kind, self.environment, row.serial, summary, due=row.not_after)]

    def look(self) -> Seen:
        """Return what was seen; a flood closes nothing, for not everything was looked at."""
        problems = [f"{self.flood} more differences were not looked at"] if self.flood else []
        return Seen(
            kinds=frozenset() if self.flood else kinds_of("vault"),
            found=(*self.found, *self._rogues()),
            problems=tuple(problems),
        )

    def _is_too_much(self) -> bool:
        self.looked += 1
        if self.looked > LOOKS or len(self.found) + len(self.strangers) >= MOST:
            self.flood += 1
        return self.flood > 0

    @cached_property
    def _own(self) -> frozenset[str]:
        """The serials of the mount's own CA certificates."""
        own: set[str] = set()
        for issuer in self.ports.records.issuers.find(environment=self.environment):
            own |= {issuer.anchor_serial} if issuer.anchor_serial else set()
            for pem in (issuer.certificate, issuer.anchor):
                own |= {serial_text(parse.certificate(pem).serial_number)} if pem else set()
        return frozenset(own)

    def _account_for(self, serial: str, certificate: x509.Certificate, read: Stranger) -> None:
        """Explain a certificate by an intent or by a row that was written meanwhile, or keep it.

        Intents are asked first: an intent is closed after the certificate is in the inventory, so
        that one of the two answers shows it.
        """
        records, spki = self.ports.records, parse.spki_sha256(certificate)
        intents = [
            each
            for each in records.intents.find(spki=spki, kind="sign")
            if each.environment == self.environment
        ]
        if next(records.certificates.find(environment=self.environment, serial=serial), None):
            return
        announced = next((each for each in intents if _explains(each, serial, certificate)), None)
        if announced is not None:
            self.found += self._orphan(serial, announced)
        elif not self._is_over(certificate, read):
            remark = f"over the key of {intents[0].slot}, which asked for others" if intents else ""
            self.strangers += [(read, remark)]

    def _orphan(self, serial: str, intent: IntentRecord) -> list[Finding]:
        """Return the finding for a reply that got lost, once whoever waits for it is gone."""
        now = self.ports.clock.now()
        if intent.state == "open" and intent.opened + LEFT_BEHIND > now:
            return []
        summary = f"the certificate {serial} was signed for {intent.slot} and is nobody's"
        grown = intent.opened + A_DAY <= now
        return [finding("certificate-orphan", self.environment, serial, summary, grown=grown)]

    def _is_over(self, certificate: x509.Certificate, read: Stranger) -> bool:
        """Return whether a stranger is history: nobody accepts it, and people were told.

        One that came and ended between two sweeps is told of all the same, unless it is so old that
        it tells nothing.
        """
        now = self.ports.clock.now()
        ended = read.not_after <= now
        if not ended and not self._is_listed(certificate):
            return False
        row = self.ports.records.findings.get(_rogue_id(self.environment, read.serial))
        if row is None:
            return ended and read.not_after + REMEMBERED <= now
        return row.state == "closed" or row.told is not None

    def _is_listed(self, certificate: x509.Certificate) -> bool:
        """Return whether a CRL in force that its issuer signed revokes it."""
        serial = certificate.serial_number
        return any(
            crl.issuer == certificate.issuer and is_revoked(crl, serial) for crl in self._crls
        )

    @cached_property
    def _crls(self) -> list[x509.CertificateRevocationList]:
        """The CRLs as relying parties see them; one that is refused revokes nothing."""
        crls = []
        for issuer in self.ports.records.issuers.find(environment=self.environment):
            if issuer.issuer_id is None or not issuer.certificate:
                continue
            try:
                crl = parse.crl(self.ports.signer(self.environment).crl(issuer.issuer_id))
                verify_crl(crl, parse.certificate(issuer.certificate), at=self.ports.clock.now())
            except TrustwrightError:
                continue
            crls.append(crl)
        return crls

    def _rogues(self) -> list[Finding]:
        """Return a finding for each stranger; what is known of one already is not asked again."""
        known = {
            read.serial: told
            for read, _ in self.strangers
            if (told := self._told(read.serial)) is not None
        }
        new = [each for each in self.strangers if each[0].serial not in known]
        testimony = self._testimony([read for read, _ in new])
        settings = settings_of(self.ports, self.environment)
        return [
            *known.values(),
            *(
                judge_stranger(
                    self.environment,
                    settings,
                    read,
                    testimony.signings.get(read.serial),
                    testimony.silence,
                    remark,
                )
                for read, remark in new
            ),
        ]

    def _testimony(self, new: Sequence[Stranger]) -> Testimony:
        if not new:
            return Testimony()
        since = min(each.not_before for each in new)
        return self.ports.witness.signings([each.serial for each in new], since)

    def _told(self, serial: str) -> Finding | None:
        row = self.ports.records.findings.get(_rogue_id(self.environment, serial))
        if row is None or row.state == "closed":
            return None
        return Finding(
            kind=row.kind,
            environment=row.environment,
            subject=row.subject,
            severity=row.severity,
            summary=row.summary,
            remedy=row.remedy,
            due=row.due,
        )


def _rogue_id(environment: str, serial: str) -> str:
    return f"certificate-rogue/{environment}/{serial}"


def _explains(intent: IntentRecord, serial: str, certificate: x509.Certificate) -> bool:
    """Return whether an intent announced this certificate, or ended with it."""
    if intent.serial is not None or intent.state in {"done", "abandoned"}:
        return intent.serial == serial
    return set(names_of(certificate)) == set(intent.names)
