"""Keys and issuers of one mount: generate, import, name, point the default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from trustwright import ids
from trustwright.errors import Rejected, VerificationError
from trustwright.ports import IssuerFacts, KeyHandle
from trustwright.vault import classify, replies
from trustwright.vault.replies import segment
from trustwright.vault.roles import KEY_BITS
from trustwright.x509 import keys, parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cryptography import x509

    from trustwright.model.profile import Subject
    from trustwright.vault.client import Connection


class VaultRotator:
    """Makes a key and imports an intermediate (fulfils `trustwright.ports.Rotator`).

    Args:
        connection: of the identity ``rotator``.
        environment: its name; an intermediate must carry it as OU.
        mount: of the PKI secrets engine.
    """

    def __init__(self, connection: Connection, environment: str, mount: str) -> None:
        self._connection = connection
        self._environment = environment
        self._mount = mount

    def ensure_key(self, key_name: str, subject: Subject, key_kind: str) -> KeyHandle:
        """Return the key with this name and a request over it.

        The name is the fence: a second generation under it is refused by the server, so a lost
        reply leaves one key, which the next call finds.

        Raises:
            VerificationError: the key of this name is of another kind (rule ``VAULT-KEY-KIND``),
                or the request does not carry the subject or its proof of possession.
        """
        known = key_name in self.keys().values()
        reply = None if known else self._generate(key_name, subject, key_kind)
        created = reply is not None
        if reply is None:
            reply = self._request_over(key_name, subject)
        where = f"key {key_name}"
        csr = replies.text(reply, "csr", where)
        request = parse.request(csr)
        _check_request(request, subject, key_kind, where)
        key_id = replies.text(reply, "key_id", where)
        return KeyHandle(key_id, csr, parse.spki_sha256(request), created)

    def import_intermediate(self, certificate: str, key_id: str, issuer_name: str) -> str:
        """Import a certificate over the key `key_id`, name it, return its identifier.

        The server takes nearly anything (another key, another subject, an expired certificate) and
        the first issuer with a key becomes the default. So key, OU and name are checked before the
        import, and what came of it after.

        Raises:
            VerificationError: another key, another environment, or the server took it for
                something else; then the issuer stays unnamed and its identifier is in the message.
        """
        given = parse.certificate(certificate)
        self._check_before_import(given, key_id, issuer_name)
        reply = self._connection.write(
            f"{self._mount}/issuers/import/cert", {"pem_bundle": parse.pem(given)}
        )
        issuer_id = _imported(reply, key_id, issuer_name)
        issuer = self._issuer(issuer_id)
        kept = parse.certificate(replies.text(issuer, "certificate", issuer_id))
        if kept.public_bytes(Encoding.DER) != given.public_bytes(Encoding.DER):
            raise _refused(f"issuer {issuer_id} holds another certificate", issuer_name)
        wanted = {"issuer_name": issuer_name, "leaf_not_after_behavior": "err"}
        if any(issuer.get(name) != value for name, value in wanted.items()):
            self._connection.patch(f"{self._mount}/issuer/{segment(issuer_id)}", wanted)
        return issuer_id

    def make_default(self, issuer_id: str) -> None:
        """Point the mount's default at this issuer.

        Raises:
            VerificationError: it has no name or no key: it did not come through the import.
        """
        issuer = self._issuer(issuer_id)
        if not issuer.get("issuer_name") or not issuer.get("key_id"):
            raise _refused("it has no name or no key: it cannot become the default", issuer_id)
        path = f"{self._mount}/config/issuers"
        wanted = {"default": issuer_id, "default_follows_latest_issuer": False}
        if (self._connection.read(path) or {}) != wanted:
            self._connection.write(path, wanted)

    def issuers(self) -> Sequence[IssuerFacts]:
        """Return the mount's issuers."""
        found = self._connection.listing(f"{self._mount}/issuers").get("key_info") or {}
        return tuple(
            IssuerFacts(
                issuer_id=issuer_id,
                name=facts.get("issuer_name") or "",
                key_id=facts.get("key_id") or "",
                serial=facts.get("serial_number") or "",
                default=bool(facts.get("is_default")),
            )
            for issuer_id, facts in sorted(found.items())
        )

    def keys(self) -> Mapping[str, str]:
        """Return the mount's keys: identifier → name."""
        found = self._connection.listing(f"{self._mount}/keys").get("key_info") or {}
        return {key_id: facts.get("key_name") or "" for key_id, facts in found.items()}

    def _issuer(self, issuer_id: str) -> dict[str, Any]:
        path = f"{self._mount}/issuer/{segment(issuer_id)}"
        issuer = self._connection.read(path)
        if issuer is None:
            raise classify.error(classify.ABSENT, ["no such issuer"], where=path)
        return issuer

    def _generate(self, key_name: str, subject: Subject, key_kind: str) -> dict[str, Any] | None:
        """Return the reply; None when somebody else has just made a key of this name."""
        body = {"key_name": key_name, "key_type": "ec", "key_bits": str(KEY_BITS[key_kind])}
        path = f"{self._mount}/issuers/generate/intermediate/internal"
        try:
            return self._connection.write(path, body | _subject_body(subject))
        except Rejected as error:
            if error.rule == classify.TAKEN.rule:
                return None
            raise

    def _request_over(self, key_ref: str, subject: Subject) -> dict[str, Any]:
        path = f"{self._mount}/issuers/generate/intermediate/existing"
        return self._connection.write(path, {"key_ref": key_ref} | _subject_body(subject))

    def _check_before_import(self, given: x509.Certificate, key_id: str, issuer_name: str) -> None:
        units = [str(unit.value) for unit in _names(given, NameOID.ORGANIZATIONAL_UNIT_NAME)]
        if units != [self._environment]:
            raise _refused(f"its OU is {units}, not {self._environment}", issuer_name)
        serial = ids.serial_text(given.serial_number)
        for issuer in self.issuers():
            if issuer.name == issuer_name and issuer.serial != serial:
                raise _refused(f"the name belongs to issuer {issuer.issuer_id}", issuer_name)
        reply = self._connection.write(
            f"{self._mount}/issuers/generate/intermediate/existing",
            {"key_ref": segment(key_id), "common_name": issuer_name, "ou": self._environment},
        )
        request = parse.request(replies.text(reply, "csr", f"key {key_id}"))
        if parse.spki_sha256(request) != parse.spki_sha256(given):
            raise _refused(f"it is over another key than {key_id}", issuer_name)


def _imported(reply: Mapping[str, Any], key_id: str, issuer_name: str) -> str:
    found = [*(reply.get("imported_issuers") or ()), *(reply.get("existing_issuers") or ())]
    mapping = reply.get("mapping") or {}
    if len(found) == 1 and mapping.get(found[0]) == key_id:
        return str(found[0])
    keyed = {issuer: mapping.get(issuer) or "no key" for issuer in found}
    raise _refused(f"the server took it as {keyed}, not over key {key_id}", issuer_name)


def _check_request(
    request: x509.CertificateSigningRequest, subject: Subject, key_kind: str, where: str
) -> None:
    if not request.is_signature_valid:
        raise _refused("the request does not prove possession of its key", where)
    found_kind = keys.key_kind(request.public_key())
    if found_kind != key_kind:
        raise VerificationError(
            f"the key was made as {found_kind}, and the estate now says {key_kind}",
            rule="VAULT-KEY-KIND",
            hint=f"set intermediate.key back to {found_kind}: this generation keeps its key",
            where=where,
        )
    found = tuple(str(name.value) for name in request.subject)
    wanted = (subject.organization, *filter(None, [subject.unit]), subject.common_name)
    if found != wanted:
        raise _refused(f"the request names {found}, not {wanted}", where)


def _subject_body(subject: Subject) -> dict[str, Any]:
    body: dict[str, Any] = {
        "common_name": subject.common_name,
        "organization": subject.organization,
        "add_basic_constraints": True,
        "exclude_cn_from_sans": True,
    }
    return body | ({"ou": subject.unit} if subject.unit else {})


def _names(given: x509.Certificate, oid: x509.ObjectIdentifier) -> list[x509.NameAttribute[Any]]:
    return list(given.subject.get_attributes_for_oid(oid))


def _refused(what: str, where: str) -> VerificationError:
    return VerificationError(
        what,
        rule="VAULT-IMPORT",
        hint="import only what the root signed for this environment's request",
        where=where,
    )
