"""Vault KV target: the whole set is one version of one secret.

::

    <mount>/billing/set       key, cert, fullchain, trust, crl, manifest; Trustwright writes it
    <mount>/billing/request   csr; the host writes it (``key: host``)

A write is check-and-set and brings all members or none, so a reader never sees a key of one set
beside a certificate of another, and a process that dies leaves the old or the new version. The
mount keeps one version: what a write replaces cannot be read any more, its key included.

There is no undo and nothing to finish: no command runs here whose failure could ask for it. What
becomes of the set on the host is the agent's affair, which goes back by itself when the reload
fails; that it is served, the consumer's probe sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath

from trustwright.clock import Clock
from trustwright.delivery.manifest import KEY, MANIFEST, TRUST, Manifest, contents, manifest_of
from trustwright.delivery.observation import LONGEST_MANIFEST
from trustwright.delivery.request import bad_request, judged_request
from trustwright.errors import (
    CeremonyViolation,
    ConflictError,
    OutcomeUnknown,
    Rejected,
)
from trustwright.ids import sha256_hex
from trustwright.model.estate import Consumer
from trustwright.policy.bundle import check_key
from trustwright.policy.naming import REQUEST, SET, secret_path
from trustwright.ports import Bundles, Delivered, DeliverySet, Secret, Secrets
from trustwright.x509 import parse

CSR = "csr"


class KvTarget:
    """Delivers one consumer's set into Vault's KV (fulfils `trustwright.ports.Target`).

    Args:
        secrets: of the environment's delivery mount.
        consumer: whose set it is.
        clock: dates the manifest.
    """

    def __init__(self, secrets: Secrets, consumer: Consumer, clock: Clock) -> None:
        self._secrets = secrets
        self._consumer = consumer
        self._clock = clock
        self._path = secret_path(consumer, SET)

    def ready(self, *, with_key: bool) -> None:
        """Check that the mount is there and open to us.

        Raises:
            UpstreamError: it is not.
        """
        del with_key
        self._secrets.version(self._path)

    def deliver(self, delivery: DeliverySet, *, expected: Delivered | None) -> Delivered:
        """Write the next version and read it back.

        Raises:
            VerificationError: the key, or the key in place that is to be kept, is not that of the
                certificate (rule ``BUNDLE-KEY``); nothing was written.
            ConflictError: something else is in place than was expected (rule ``DLV-CONFLICT``);
                nothing of ours is.
            UpstreamError: it could not be written, or reads back differently (``DLV-READBACK``).
        """
        check_key(delivery.key, parse.certificate(delivery.certificate))
        secret = self._secrets.read(self._path)
        self._check_expected(secret, expected)
        if delivery.keep_key and secret is not None:
            delivery = _with_key_in_place(secret, delivery)
        newest = secret.version if secret else self._secrets.version(self._path)
        manifest = manifest_of(
            delivery,
            consumer=self._consumer.name,
            number=newest + 1,
            delivered=self._clock.now(),
        )
        self._write(members(delivery, manifest), newest)
        return self._read_back(manifest)

    def finish(self, *, expected: Delivered) -> Delivered:
        """Return what is in place: it has been in service since it was written.

        Raises:
            ConflictError: something else is in place than was expected (rule ``DLV-CONFLICT``).
            UpstreamError: it cannot be read.
        """
        self._check_expected(self._secrets.read(self._path), expected)
        return expected

    def observed(self) -> Delivered | None:
        """Return what is in place, every member compared with the manifest.

        Returns None when nothing is there, or something that is not whole: deliver again. A whole
        set that somebody else wrote anew is drift, and its key is exposed: they have had it.

        Raises:
            UpstreamError: it cannot be read.
        """
        return self._seen(self._secrets.read(self._path))

    def host_request(self) -> str | None:
        """Return the certification request that the host wrote, or None when there is none.

        Raises:
            UpstreamError: too large, or not a request (rule ``DLV-REQUEST``).
        """
        path = secret_path(self._consumer, REQUEST)
        secret = self._secrets.read(path)
        if secret is None:
            return None
        text = secret.data.get(CSR)
        if not isinstance(text, str):
            raise bad_request(path, f"has no text as `{CSR}`")
        return judged_request(text.encode("utf-8", "replace"), path)

    def bundles(self) -> Bundles | None:
        """Return the certificates that the secret holds, or None when there are none.

        Raises:
            UpstreamError: it cannot be read.
        """
        secret = self._secrets.read(self._path)
        data = secret.data if secret else {}
        texts = [data.get(member(name)) for name in (TRUST, "fullchain.pem")]
        found = [text if isinstance(text, str) else "" for text in texts]
        return Bundles(*found) if any(found) else None

    def _check_expected(self, secret: Secret | None, expected: Delivered | None) -> None:
        seen = self._seen(secret)
        if seen != expected:
            raise self._overtaken(_named(seen), f"{_named(expected)} was expected")

    def _overtaken(self, found: str, wanted: str) -> ConflictError:
        return ConflictError(
            f"{self._path}: {found} is in place, {wanted}",
            rule="DLV-CONFLICT",
            hint="somebody delivered meanwhile; run again",
            where=self._consumer.name,
        )

    def _write(self, data: Mapping[str, str], newest: int) -> None:
        """Write, once more when nobody knows what became of it: at most one of the two counts."""
        try:
            self._secrets.write(self._path, data, expected=newest)
        except OutcomeUnknown:
            try:
                self._secrets.write(self._path, data, expected=newest)
            except ConflictError:
                # Ours, or somebody else's: reading back tells.
                return

    def _read_back(self, manifest: Manifest) -> Delivered:
        found = self.observed()
        if found is not None and found.manifest == manifest.digest():
            return found
        if found is not None and found.number >= manifest.number:
            raise self._overtaken(_named(found), f"version {manifest.number} was written")
        raise Rejected(
            f"{self._path}: version {manifest.number} reads back differently",
            rule="DLV-READBACK",
            hint="look who writes there beside Trustwright: the server's audit log names them",
            where=self._consumer.name,
        )

    def _seen(self, secret: Secret | None) -> Delivered | None:
        manifest = _manifest_in(secret) if secret else None
        if secret is None or manifest is None or manifest.consumer != self._consumer.name:
            return None
        digests = {str(name): digest for name, digest in manifest.files.items()}
        digests[MANIFEST] = manifest.digest()
        held = {name: _digest(value) for name, value in secret.data.items()}
        if held != {member(name): digest for name, digest in digests.items()}:
            return None
        strange = secret.version != manifest.number
        return Delivered(
            number=secret.version,
            serial=manifest.serial,
            manifest=digests[MANIFEST],
            trust=digests[TRUST],
            crl_until=manifest.crl_until,
            crl_due=manifest.crl_due,
            with_key=KEY in digests,
            in_service=True,
            drift=_strange(secret.version, manifest.number) if strange else "",
            exposed=strange and KEY in digests,
        )


def members(delivery: DeliverySet, manifest: Manifest) -> dict[str, str]:
    """Return the members of the secret that holds a set."""
    made = {member(name): data.decode() for name, data in contents(delivery).items()}
    return {**made, member(MANIFEST): manifest.canonical().decode()}


def member(file: str) -> str:
    """Return ``key`` for ``key.pem``: templates read names without a dot."""
    return PurePath(file).stem


def _manifest_in(secret: Secret) -> Manifest | None:
    text = secret.data.get(member(MANIFEST))
    if not isinstance(text, str):
        return None
    data = text.encode("utf-8", "replace")
    try:
        manifest = Manifest.parse(data, limit=LONGEST_MANIFEST)
    except CeremonyViolation:
        return None
    return manifest if manifest.canonical() == data and TRUST in manifest.files else None


def _with_key_in_place(secret: Secret, delivery: DeliverySet) -> DeliverySet:
    """Return the set with the key that is in place; unchanged when there is none.

    Raises:
        VerificationError: it is not that of the certificate (rule ``BUNDLE-KEY``).
    """
    text = secret.data.get(member(KEY))
    if text is None:
        return delivery
    key = str(text).encode("utf-8", "replace")
    check_key(key, parse.certificate(delivery.certificate))
    return replace(delivery, key=key)


def _digest(value: object) -> str:
    return sha256_hex(value.encode("utf-8", "replace")) if isinstance(value, str) else ""


def _strange(version: int, number: int) -> str:
    return f"version {version} was written by somebody else: its manifest is that of {number}"


def _named(found: Delivered | None) -> str:
    return f"version {found.number} ({found.manifest[:12]})" if found else "nothing whole"
