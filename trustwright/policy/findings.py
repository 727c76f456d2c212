"""What a sweep can find: the catalogue of kinds, and one finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from trustwright.model.estate import Severity

Part = Literal["records", "consumers", "vault", "crls", "deadlines", "endpoints", "sweep"]
"""What is looked at together, and cannot be looked at together: a part that fails closes nothing.

*records*: the store. *consumers*: what lies at the targets. *vault*: Vault's list against the
inventory. *crls*: the issuers' lists, fetched. *deadlines*: issuers, root, ceremonies. *endpoints*:
what is served. *sweep*: whether the others could be looked at.
"""


@dataclass(frozen=True)
class Kind:
    """A kind of finding.

    Attributes:
        name: ``<noun>-<what>``.
        part: of a sweep that looks for it.
        subject: what a finding of this kind is about.
        means: one sentence.
        severity: as it is at first.
        grows: when it becomes critical; empty when it stays as it is.
        remedy: what a person does, or what Trustwright does by itself.
    """

    name: str
    part: Part
    subject: str
    means: str
    severity: Severity
    remedy: str
    grows: str = ""


_KINDS = (
    Kind(
        "certificate-late",
        "records",
        "consumer",
        "The certificate in service should have been replaced: more than half of its role's "
        "`renew_before` has passed and it is still there.",
        "warning",
        "Renewals are tried again by themselves. See why they fail: `trustwright findings list "
        "--kind consumer-failed`, `--kind breaker-open`.",
        "a quarter of `renew_before` is left",
    ),
    Kind(
        "certificate-expired",
        "records",
        "consumer",
        "The certificate in service has expired: relying parties refuse it.",
        "critical",
        "Mend what keeps the renewal from happening, then run `trustwright bootstrap ENVIRONMENT`.",
    ),
    Kind(
        "certificate-rogue",
        "vault",
        "serial",
        "Vault holds a certificate that Trustwright neither announced nor knows: somebody signed "
        "it behind its back, or the store is older than Vault.",
        "critical",
        "Find out who; then revoke it, as the finding says. It closes once it is on the CRL or "
        "expired, and people were told.",
    ),
    Kind(
        "certificate-orphan",
        "vault",
        "serial",
        "A certificate that Trustwright announced, had signed and lost: a run died in between.",
        "info",
        "The watch revokes it by itself within the hour.",
        "it is there for a day",
    ),
    Kind(
        "certificate-missing",
        "vault",
        "serial",
        "The inventory holds a certificate that is valid, and Vault does not know it: it cannot be "
        "revoked by its serial.",
        "warning",
        "Was Vault restored from a backup? Then replace the certificate, and rotate the "
        "intermediate when many are missing.",
    ),
    Kind(
        "consumer-failed",
        "records",
        "consumer",
        "The last attempt to serve a consumer failed; what it had before is still in place.",
        "warning",
        "Mend the cause that the finding names. Trustwright tries again by itself.",
        "nothing valid is in service",
    ),
    Kind(
        "consumer-waiting",
        "records",
        "consumer",
        "`key: host`, and the host has left no certification request.",
        "info",
        "Have the host leave `host.csr`; what was in place stays until it ends.",
        "nothing valid is in service for a day",
    ),
    Kind(
        "consumer-surplus",
        "consumers",
        "consumer",
        "Something was delivered to a consumer that the estate file does not name any more.",
        "info",
        "Take its files away on the host. The finding closes when the certificate has ended.",
    ),
    Kind(
        "set-drifted",
        "consumers",
        "consumer",
        "What lies at the target is not what was delivered: files, modes, owners or links were "
        "changed, or it is gone.",
        "warning",
        "The next renewal writes the set anew. Find out who changed it.",
    ),
    Kind(
        "bundle-root",
        "consumers",
        "consumer",
        "The root is in a bundle at the target: that consumer accepts every environment.",
        "critical",
        "Find out who put it there, then deliver anew: `trustwright bootstrap ENVIRONMENT`.",
    ),
    Kind(
        "anchor-differs",
        "consumers",
        "consumer",
        "The trust bundle at the target holds a certificate that is none of the anchors that "
        "Trustwright may deliver.",
        "critical",
        "Find out who put it there, then deliver anew: `trustwright bootstrap ENVIRONMENT`.",
    ),
    Kind(
        "breaker-open",
        "records",
        "consumer or role",
        "Nothing is issued for a consumer or a role: it failed too often, or asked too often.",
        "warning",
        "Mend the cause that the finding names; the breaker tries again by itself.",
    ),
    Kind(
        "environment-unfinished",
        "records",
        "environment",
        "The environment's bootstrap began and did not come to its end.",
        "info",
        "Go on: `trustwright bootstrap ENVIRONMENT`.",
        "",
    ),
    Kind(
        "crl-stale",
        "crls",
        "issuer",
        "More than half of the life of an intermediate's CRL is over and Vault has not rebuilt it, "
        "or what is published is not the issuer's CRL.",
        "warning",
        "Seen at Vault's log; rebuild it: `bao read MOUNT/crl/rotate`.",
        "it has ended, or it is none",
    ),
    Kind(
        "rotation-due",
        "deadlines",
        "issuer",
        "The ceremony for the next intermediate has to begin.",
        "warning",
        "Hold it before the date that the finding names.",
        "the date has passed",
    ),
    Kind(
        "issuer-horizon",
        "deadlines",
        "issuer",
        "The intermediate ends so soon that it will sign no certificate of full length.",
        "warning",
        "Rotate the intermediate.",
        "it signs none any more",
    ),
    Kind(
        "issuer-expiring",
        "deadlines",
        "issuer",
        "The intermediate ends soon, and every certificate under it.",
        "warning",
        "Rotate the intermediate.",
        "it has ended",
    ),
    Kind(
        "root-horizon",
        "deadlines",
        "root",
        "The root ends so soon that it will sign no intermediate of full length.",
        "warning",
        "Found the next root.",
        "it signs none any more",
    ),
    Kind(
        "root-expiring",
        "deadlines",
        "root",
        "The root ends within the life of an intermediate.",
        "warning",
        "Move every environment under the next root.",
        "it has ended",
    ),
    Kind(
        "root-crl-due",
        "deadlines",
        "root",
        "The newest list of the root that is known here runs out.",
        "warning",
        "Have the root sign a fresh one, offline: `trustwright-root crl`.",
        "it has run out",
    ),
    Kind(
        "ceremony-overdue",
        "deadlines",
        "ceremony",
        "A request waits for the root and more than half of its time is over.",
        "warning",
        "Sign it: `trustwright ceremony show ID`.",
        "it has run out",
    ),
    Kind(
        "endpoint-unreachable",
        "endpoints",
        "consumer",
        "Nothing at a consumer's probe makes a TLS handshake.",
        "warning",
        "Look at the service, or correct `probe` in the estate file.",
    ),
    Kind(
        "endpoint-differs",
        "endpoints",
        "consumer",
        "A consumer's endpoint serves another certificate than the one that was delivered.",
        "warning",
        "Have the service read its files again: look at `reload` of the consumer.",
        "what it serves is revoked, or not the consumer's",
    ),
    Kind(
        "endpoint-chain",
        "endpoints",
        "consumer",
        "An endpoint sends its certificate without the intermediate, or with root or anchor.",
        "warning",
        "Serve `fullchain.pem` as it was delivered.",
    ),
    Kind(
        "endpoint-expired",
        "endpoints",
        "consumer",
        "An endpoint serves a certificate that has expired.",
        "critical",
        "Have the service read its files again: look at `reload` of the consumer.",
    ),
    Kind(
        "vault-unreachable",
        "sweep",
        "environment",
        "Vault did not answer while it was looked at; what it holds could not be judged.",
        "warning",
        "Seen at the server; nothing is renewed while it is away.",
        "it is away for a day",
    ),
    Kind(
        "sweep-blind",
        "sweep",
        "part",
        "A part of the sweep could not look; the findings of that part stand as they were.",
        "warning",
        "Mend what the finding names.",
        "it is so for a day",
    ),
)

CATALOGUE: Final[Mapping[str, Kind]] = {kind.name: kind for kind in _KINDS}


def kinds_of(part: Part) -> frozenset[str]:
    """Return the kinds that a part of a sweep looks for."""
    return frozenset(kind.name for kind in _KINDS if kind.part == part)


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be, as one look saw it.

    Attributes:
        kind: like ``certificate-rogue``.
        environment: that it concerns; empty for what concerns all, like the root.
        subject: consumer, issuer, serial, ceremony …
        summary: one sentence: what is wrong; plain text, no secret.
        remedy: what to do, or what Trustwright does by itself.
        due: when it becomes harmful, if that is known.
    """

    kind: str
    environment: str
    subject: str
    severity: Severity
    summary: str
    remedy: str = ""
    due: datetime | None = None

    @property
    def id(self) -> str:
        """Return what tells this condition from every other one."""
        return f"{self.kind}/{self.environment}/{self.subject}"


def finding(
    kind: str,
    environment: str,
    subject: str,
    summary: str,
    *,
    grown: bool = False,
    remedy: str = "",
    due: datetime | None = None,
) -> Finding:
    """Return a finding with the severity of its kind, critical when it has `grown`.

    A `remedy` is better advice than the catalogue's.
    """
    found = CATALOGUE[kind]
    severity: Severity = "critical" if grown else found.severity
    return Finding(
        kind=kind,
        environment=environment,
        subject=subject,
        severity=severity,
        summary=summary,
        remedy=remedy or found.remedy.replace("ENVIRONMENT", environment),
        due=due,
    )


@dataclass(frozen=True)
class Seen:
    """What one part of a sweep saw.

    Attributes:
        kinds: that were looked for.
        found: what was found.
        subjects: that were looked at; None: every one that there is.
        unseen: subjects that could not be looked at: their findings stand as they were.
        problems: one line for each thing that could not be looked at.
        part: of the sweep.
        vault_away: Vault did not answer.
    """

    kinds: frozenset[str]
    found: tuple[Finding, ...] = ()
    subjects: frozenset[str] | None = None
    unseen: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()
    part: Part = "sweep"
    vault_away: bool = False

    def saw(self, kind: str, subject: str) -> bool:
        """Return whether a finding that was not found is gone."""
        if kind not in self.kinds or subject in self.unseen:
            return False
        return self.subjects is None or subject in self.subjects
