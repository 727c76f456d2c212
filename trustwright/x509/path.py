"""Certification paths (RFC 5280 §6), judged twice.

`verify_path` lets `cryptography` build and validate a path, then walks the same path again with
rules of our own. The second walk is stricter, because the guarantee between environments rests on
it: it needs a DNS name, counts every CA against a path length (self-issued ones as well), chains
the extended key usage through every CA, and refuses what it cannot judge.

**Trust the anchor of an environment, never the root**: under the root every environment holds.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from trustwright.errors import VerificationError
from trustwright.x509 import der, parse
from trustwright.x509.build import AUTHORITY_KEY_IDENTIFIER, POINTERS
from trustwright.x509.constraints import Names, check_constraints, end_entity_names
from trustwright.x509.encoding import USAGE_OIDS
from trustwright.x509.issued import verify_issued

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from trustwright.model.profile import Usage

__all__ = ["check_chain", "path_holds", "verify_anchor", "verify_issued", "verify_path"]

PATH_LIMIT = 8
"""Certificates that are considered on either side; a longer list is an attack or a mistake."""

_DEPTH = 2
_JUDGED = {
    x509.BasicConstraints.oid,
    x509.KeyUsage.oid,
    x509.ExtendedKeyUsage.oid,
    x509.NameConstraints.oid,
    x509.SubjectAlternativeName.oid,
    x509.CertificatePolicies.oid,
}


def verify_path(
    leaf: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    *,
    at: datetime,
    usage: Usage,
    name: str | None,
) -> None:
    """Check that `leaf` is good for `usage` under one of the `anchors`.

    Args:
        leaf: an end entity.
        intermediates: in any order, at most `PATH_LIMIT`.
        anchors: trusted as they stand, at most `PATH_LIMIT`; their constraints bind.
        at: the time of the check, aware.
        usage: what the leaf is presented for.
        name: DNS name, URI or address that the leaf must bear; None when any will do.

    Raises:
        VerificationError: the rule says what does not hold: ``PATH-…``, or ``X509-PATH`` when no
            path could be built.
    """
    _check_amount(intermediates, anchors)
    for certificate in (leaf, *intermediates, *anchors):
        parse.readable(certificate)
    names = end_entity_names(leaf)
    if name is not None and not names.match(name):
        raise _broken("PATH-NAME", f"the certificate does not bear {name!r}")
    _check_end_entity(leaf, usage)
    chain = _build(leaf, intermediates, anchors, at=at, usage=usage, name=name, names=names)
    check_chain(chain, names, at=at, usage=usage)


def path_holds(
    leaf: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    *,
    at: datetime,
    usage: Usage,
    name: str | None,
) -> bool:
    """Return whether `verify_path` passes: for negative proofs, where a refusal is the success."""
    try:
        verify_path(leaf, intermediates, anchors, at=at, usage=usage, name=name)
    except VerificationError:
        return False
    return True


def check_chain(
    chain: Sequence[x509.Certificate], names: Names, *, at: datetime, usage: Usage
) -> None:
    """Walk a path, leaf first and anchor last, with our own rules.

    Raises:
        VerificationError: rules of `verify_issued`, and ``PATH-TIME``, ``PATH-CRITICAL``,
            ``PATH-LENGTH``, ``PATH-EKU``, ``PATH-NC``, ``PATH-NC-FORM``, ``PATH-ANCHOR``.
    """
    if len(chain) < 2:  # noqa: PLR2004 - an end entity and what it hangs on
        raise _broken("PATH-ANCHOR", "an end entity does not vouch for itself")
    for certificate, issuer in pairwise(chain):
        verify_issued(certificate, issuer)
    for certificate in chain:
        _check_time(certificate, at)
        _check_critical(certificate)
    for below, authority in enumerate(chain[1:]):
        _check_path_length(authority, below)
        _check_chained_usage(authority, usage)
        check_constraints(names, authority)


def verify_anchor(anchor: x509.Certificate, intermediate: x509.Certificate) -> None:
    """Check that `anchor` is the self-signed twin of `intermediate` and no looser.

    Same subject, key and key identifier, octet for octet; its own signature; every extension
    equal, but for the authority key identifier (its own key, or absent) and pointers to CRL and
    issuer; valid no earlier and no longer.

    Raises:
        VerificationError: rule ``ANCHOR-…``, or one of `verify_issued`.
    """
    parse.readable(anchor)
    parse.readable(intermediate)
    twin, original = der.certificate_fields(anchor), der.certificate_fields(intermediate)
    if original.issuer == original.subject:
        raise _broken("ANCHOR-INTERMEDIATE", "a self-issued certificate has no anchor: a root?")
    if not twin.issuer == twin.subject == original.subject:
        raise _broken("ANCHOR-SUBJECT", "subject and issuer are not the intermediate's subject")
    if twin.spki != original.spki:
        raise _broken("ANCHOR-KEY", "the anchor has another key than the intermediate")
    if _binding(twin) != _binding(original):
        raise _broken("ANCHOR-EXTENSIONS", "an extension differs from the intermediate's")
    verify_issued(anchor, anchor)
    if (
        anchor.not_valid_before_utc < intermediate.not_valid_before_utc
        or anchor.not_valid_after_utc > intermediate.not_valid_after_utc
    ):
        raise _broken("ANCHOR-VALIDITY", "the anchor is valid outside the intermediate's time")


def _binding(fields: der.CertificateFields) -> list[tuple[str, bool, bytes]]:
    # A pointer may differ, yet not be critical: relying parties would have to judge it.
    return sorted(
        (extension.oid, extension.critical, extension.value)
        for extension in fields.extensions
        if extension.critical or extension.oid not in POINTERS | {AUTHORITY_KEY_IDENTIFIER}
    )


def _build(
    leaf: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    *,
    at: datetime,
    usage: Usage,
    name: str | None,
    names: Names,
) -> Sequence[x509.Certificate]:
    try:
        store = verification.Store(list(anchors))
        builder = verification.PolicyBuilder().store(store).time(at).max_chain_depth(_DEPTH)
        if usage == "client":
            return builder.build_client_verifier().verify(leaf, list(intermediates)).chain
        host = name.lower() if name is not None and name.lower() in names.dns else names.dns[0]
        server = builder.build_server_verifier(x509.DNSName(host))
        return server.verify(leaf, list(intermediates))
    except (verification.VerificationError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else "no reason given"
        raise _broken("X509-PATH", f"no certification path: {reason}") from None


def _check_amount(
    intermediates: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate]
) -> None:
    if not anchors:
        raise _broken("PATH-ANCHOR", "no anchor to trust")
    if max(len(intermediates), len(anchors)) > PATH_LIMIT:
        raise _broken("PATH-LIMIT", f"more than {PATH_LIMIT} certificates on one side")


def _check_end_entity(leaf: x509.Certificate, usage: Usage) -> None:
    constraints = parse.extension(leaf, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        raise _broken("PATH-CA", "a CA certificate is no end entity")
    key_usage = parse.extension(leaf, x509.KeyUsage)
    if key_usage is None or not key_usage.digital_signature or key_usage.key_cert_sign:
        raise _broken("PATH-KU", "the key usage is not that of an end entity that signs")
    extended = parse.extension(leaf, x509.ExtendedKeyUsage)
    if extended is None or USAGE_OIDS[usage] not in extended:
        raise _broken("PATH-EKU", f"the certificate is not meant for {usage} authentication")
    if ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in extended:
        raise _broken("PATH-EKU", "a certificate for any usage is not trusted for one")


def _check_time(certificate: x509.Certificate, at: datetime) -> None:
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise _broken("PATH-TIME", f"a certificate of the path is not valid at {at}")


def _check_critical(certificate: x509.Certificate) -> None:
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in _JUDGED:
            what = f"critical extension {extension.oid.dotted_string} is not understood"
            raise _broken("PATH-CRITICAL", what)


def _check_path_length(authority: x509.Certificate, below: int) -> None:
    constraints = parse.extension(authority, x509.BasicConstraints)
    limit = constraints.path_length if constraints is not None else None
    if limit is not None and below > limit:
        raise _broken("PATH-LENGTH", f"{below} CAs below one that allows {limit}")


def _check_chained_usage(authority: x509.Certificate, usage: Usage) -> None:
    extended = parse.extension(authority, x509.ExtendedKeyUsage)
    if extended is not None and USAGE_OIDS[usage] not in extended:
        raise _broken("PATH-EKU", f"a CA of the path is not meant for {usage} authentication")


def _broken(rule: str, what: str) -> VerificationError:
    return VerificationError(what, rule=rule, hint="do not use this certificate")
