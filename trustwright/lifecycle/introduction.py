"""From *signed* to *introduced*: the intermediate is imported and its anchor is made."""

from __future__ import annotations

from datetime import timedelta

from trustwright.errors import VerificationError
from trustwright.ids import new_serial, serial_number, serial_text
from trustwright.lifecycle.environments import advance, record_of
from trustwright.lifecycle.journal import note
from trustwright.model.records import IssuerRecord
from trustwright.policy.naming import issuer_name
from trustwright.ports import Ports
from trustwright.x509 import parse
from trustwright.x509.build import anchor_template
from trustwright.x509.lint import lint_certificate, refuse
from trustwright.x509.path import verify_anchor, verify_issued

BACKDATE = timedelta(hours=1)


def introduce_intermediate(ports: Ports, name: str) -> IssuerRecord:
    """Import the signed intermediate under its key and make its self-signed twin, the anchor.

    Raises:
        VerificationError: the record's certificate does not verify under the pinned root, Vault
            mapped it to another key, or the anchor that came back is not the one that was asked.
    """
    issuer = current_issuer(ports, name)
    if issuer.state == "issuing":
        # Daily runs need neither the rotator's key nor the anchor's.
        return issuer
    _check_before_import(ports, issuer)
    issuer = _import(ports, issuer)
    issuer = _make_anchor(ports, issuer)
    advance(ports, name, "introduced")
    return issuer


def current_issuer(ports: Ports, name: str) -> IssuerRecord:
    """Return the record of the generation that the environment is working with.

    Raises:
        VerificationError: it was never requested.
    """
    key = issuer_name(name, record_of(ports, name).generation)
    issuer = ports.records.issuers.get(key)
    if issuer is None:
        raise VerificationError(
            f"no key was requested for {key}",
            rule="ISSUER-MISSING",
            hint=f"run: trustwright bootstrap {name}",
        )
    return issuer


def _check_before_import(ports: Ports, issuer: IssuerRecord) -> None:
    """Vault's import checks almost nothing, so the store's copy is checked once more here."""
    certificate = parse.certificate(issuer.certificate or "")
    verify_issued(certificate, parse.certificate(ports.root_certificate))
    if parse.spki_sha256(certificate) != issuer.spki:
        raise VerificationError(
            "the signed certificate is not over the requested key",
            rule="ISSUER-KEY",
            where=issuer.id,
        )


def _import(ports: Ports, issuer: IssuerRecord) -> IssuerRecord:
    issuer_id = ports.rotator(issuer.environment).import_intermediate(
        issuer.certificate or "", issuer.key_id, issuer.id
    )
    if issuer.issuer_id == issuer_id:
        return issuer
    note(ports, "trustwright.issuer.imported", issuer.environment, issuer.id, issuer_id)
    return ports.records.issuers.replace(
        issuer, issuer_id=issuer_id, state="introduced", updated=ports.clock.now()
    )


def _make_anchor(ports: Ports, issuer: IssuerRecord) -> IssuerRecord:
    """Serial and start are recorded before Vault signs: every try makes one and the same anchor.

    Only the signature's bytes differ from try to try, because ECDSA takes a new random number each
    time (FIPS 186-5 §6.4). The record keeps one, and only that one is ever delivered.
    """
    if issuer.anchor is not None:
        return issuer
    if issuer.anchor_serial is None:
        issuer = _choose_anchor(ports, issuer)
    anchor = _signed_anchor(ports, issuer)
    note(
        ports, "trustwright.anchor.made", issuer.environment, issuer.id, issuer.anchor_serial or ""
    )
    return ports.records.issuers.replace(issuer, anchor=anchor, updated=ports.clock.now())


def _choose_anchor(ports: Ports, issuer: IssuerRecord) -> IssuerRecord:
    start = parse.certificate(issuer.certificate or "").not_valid_before_utc
    return ports.records.issuers.replace(
        issuer,
        anchor_serial=serial_text(new_serial()),
        anchor_not_before=max(ports.clock.now() - BACKDATE, start),
        updated=ports.clock.now(),
    )


def _signed_anchor(ports: Ports, issuer: IssuerRecord) -> str:
    intermediate = parse.certificate(issuer.certificate or "")
    serial = serial_number(issuer.anchor_serial or "")
    template = anchor_template(
        intermediate, serial=serial, not_before=issuer.anchor_not_before or ports.clock.now()
    )
    pem = ports.anchor_signer(issuer.environment).sign_self_issued(issuer.issuer_id or "", template)
    anchor = parse.certificate(pem)
    verify_anchor(anchor, intermediate)
    refuse(lint_certificate(anchor, "anchor"))
    if anchor.serial_number != serial:
        raise VerificationError(
            "the anchor has another serial than was asked", rule="ANCHOR-SERIAL", where=issuer.id
        )
    return parse.pem(anchor)
