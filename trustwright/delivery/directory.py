"""Directory target: versioned folders and one atomic swap.

::

    <path>/versions/0001/{key,cert,fullchain,trust,crl}.pem, manifest.json
    <path>/versions/0002/…
    <path>/current   → versions/0002          swapped
    <path>/key.pem   → current/key.pem        made once; this is what software is configured with
    <path>/host.csr                           left by the host (``key: host``)

A process that dies at any point leaves the old or the new version visible, each complete; the next
delivery removes what it left.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from trustwright.clock import Clock
from trustwright.delivery.account import owner_of
from trustwright.delivery.folder import Folder, translated
from trustwright.delivery.hooks import Hook
from trustwright.delivery.manifest import KEY, MANIFEST, PUBLIC, contents, manifest_of
from trustwright.delivery.observation import observe
from trustwright.delivery.versions import FOLDER_MODE, Versions, temporary_name, version_name
from trustwright.delivery.walk import open_folder
from trustwright.errors import Rejected, TrustwrightError, VerificationError
from trustwright.model.estate import Directory
from trustwright.policy.bundle import check_key
from trustwright.ports import Delivered, DeliverySet
from trustwright.x509 import parse

CURRENT = "current"
VERSIONS = "versions"
HOST_REQUEST = "host.csr"
LONGEST_REQUEST = 16 * 1024
LONGEST_KEY = 64 * 1024
RELOAD = "DLV-RELOAD"
CHECK = "DLV-CHECK"
_TARGET = re.compile(r"^versions/([0-9]{4,9})$")
_LEFTOVER = re.compile(r"^\.current-[0-9a-f]{16}$")


@dataclass(frozen=True)
class _Place:
    """The open target while one delivery holds it."""

    folder: Folder
    versions: Versions


class DirectoryTarget:
    """Delivers one consumer's set into a directory (fulfils `trustwright.ports.Target`).

    Args:
        directory: path, owner, mode and hooks from the estate file.
        consumer_name: for the manifest and the hooks' environment.
        clock: dates the manifest.
    """

    def __init__(self, directory: Directory, consumer_name: str, clock: Clock) -> None:
        self._directory = directory
        self._consumer = consumer_name
        self._clock = clock

    def ready(self, *, with_key: bool) -> None:
        """Check that a delivery can be written; leaves nothing but the path's empty folders.

        Raises:
            ConfigurationError: user or group is unknown.
            ConflictError: another delivery to this path is under way.
            UpstreamError: it cannot be written, a file cannot be given to its owner, or something
                of somebody else's is in the way (rule ``DLV-…``).
        """
        owner = owner_of(self._directory.user, self._directory.group, consumer=self._consumer)
        with self._held() as place:
            _remove_leftovers(place, _current(place.folder))
            _check_names(place.folder, with_key=with_key)
            place.versions.try_out(int(self._directory.mode, 8), owner)
            name = temporary_name(CURRENT)
            os.symlink(VERSIONS, name, dir_fd=place.folder.handle)
            place.folder.unlink(name)

    def deliver(self, delivery: DeliverySet) -> Delivered:
        """Write a new version, swap, read back, reload, check; undo on failure.

        Raises:
            VerificationError: the key, or the key in place that is to be kept, is not that of the
                certificate (rule ``BUNDLE-KEY``); nothing was written.
            ConfigurationError: user or group is unknown; nothing was written.
            ConflictError: another delivery to this path is under way.
            UpstreamError: it could not be written or a hook failed (rule ``DLV-…``); the previous
                version is in place again.
        """
        check_key(delivery.key, parse.certificate(delivery.certificate))
        owner = owner_of(self._directory.user, self._directory.group, consumer=self._consumer)
        with self._held() as place:
            previous = _current(place.folder)
            if delivery.keep_key and previous is not None:
                delivery = _with_key_in_place(place.folder, delivery)
            _check_names(place.folder, with_key=delivery.key is not None)
            _remove_leftovers(place, previous)
            number = (previous or 0) + 1
            manifest = manifest_of(
                delivery, consumer=self._consumer, number=number, delivered=self._clock.now()
            ).canonical()
            files = {str(name): data for name, data in contents(delivery).items()}
            files[MANIFEST] = manifest
            try:
                place.versions.add(number, files, int(self._directory.mode, 8), owner)
                _link(place.folder, with_key=delivery.key is not None)
            except BaseException:
                _remove_leftovers(place, previous)
                raise
            delivered = self._put_in_place(place, number, previous, delivery.key or b"")
            _finish(place, number, self._directory.keep, with_key=delivery.key is not None)
            return delivered

    def observed(self) -> Delivered | None:
        """Return what is in place, every file compared with the manifest.

        Returns None when nothing is there, or something that is not whole: deliver again.

        Raises:
            UpstreamError: it cannot be read, or others can write into the folder.
        """
        path = self._directory.path
        with translated(path), open_folder(path, create=False) as folder:
            number = _current(folder) if folder else None
            if folder is None or number is None:
                return None
            return observe(folder, CURRENT, number)

    def host_request(self) -> str | None:
        """Return the certification request in ``host.csr``, or None when there is none.

        Raises:
            UpstreamError: a link, not a regular file, too large, or not a request
                (rule ``DLV-REQUEST``).
        """
        path = self._directory.path
        with translated(path), open_folder(path, create=False) as folder:
            if folder is None or folder.kind(HOST_REQUEST) is None:
                return None
            if folder.kind(HOST_REQUEST) != stat.S_IFREG:
                raise _bad_request(path / HOST_REQUEST, "is not a regular file")
            data = folder.read(HOST_REQUEST, LONGEST_REQUEST + 1)
        if len(data) > LONGEST_REQUEST:
            raise _bad_request(path / HOST_REQUEST, f"is larger than {LONGEST_REQUEST} bytes")
        if b"PRIVATE KEY" in data:
            raise _bad_request(path / HOST_REQUEST, "holds a private key")
        if not data.isascii() or b"-----BEGIN CERTIFICATE REQUEST-----" not in data:
            raise _bad_request(path / HOST_REQUEST, "is not a PEM certification request")
        return data.decode("ascii")

    @contextmanager
    def _held(self) -> Iterator[_Place]:
        """Open the target for this delivery alone."""
        path = self._directory.path
        with translated(path), open_folder(path, create=True) as folder:
            if folder is None:
                raise Rejected(f"{path} vanished", rule="DLV-IO", hint="deliver again")
            if folder.kind(VERSIONS) is None:
                folder.make(VERSIONS, FOLDER_MODE)
            with folder.within(VERSIONS) as inner, inner.locked():
                inner.check_private()
                inner.set_mode(FOLDER_MODE)
                yield _Place(folder, Versions(inner))

    def _put_in_place(
        self, place: _Place, number: int, previous: int | None, secret: bytes
    ) -> Delivered:
        """Swap, read back, run the hooks; on any failure go back to the previous version."""
        try:
            _point(place.folder, number)
            found = _read_back(place.folder, number)
            for hook in self._hooks(number, secret):
                hook.run()
        except BaseException as error:
            after = self._undo(place, previous, secret)
            if isinstance(error, TrustwrightError):
                raise type(error)(
                    f"{error.what}{after}", rule=error.rule, hint=error.hint, where=self._consumer
                ) from None
            raise
        return found

    def _undo(self, place: _Place, previous: int | None, secret: bytes) -> str:
        """Put the previous version back in place and reload; return what came of it."""
        if previous is None:
            _withdraw(place.folder)
        elif _current(place.folder) != previous:
            _point(place.folder, previous)
        _remove_leftovers(place, previous)
        if previous is None:
            return "; nothing was in place before, and nothing is now"
        try:
            for hook in self._hooks(previous, secret):
                if hook.rule == RELOAD:
                    hook.run()
        except TrustwrightError as error:
            return f"; version {previous} is in place again, but: {error.what}"
        return f"; version {previous} is in place again"

    def _hooks(self, number: int, secret: bytes) -> list[Hook]:
        """Return the configured hooks, reload first."""
        facts = {
            "TRUSTWRIGHT_CONSUMER": self._consumer,
            "TRUSTWRIGHT_PATH": os.fspath(self._directory.path),
            "TRUSTWRIGHT_VERSION": str(number),
        }
        commands = ((RELOAD, self._directory.reload), (CHECK, self._directory.check))
        return [
            Hook(rule, command, self._directory.timeout, facts, secret)
            for rule, command in commands
            if command
        ]


def _current(folder: Folder) -> int | None:
    """Return the number that ``current`` leads to.

    Raises:
        Rejected: ``current`` is something that no delivery made (rule ``DLV-OCCUPIED``).
    """
    if folder.kind(CURRENT) is None:
        return None
    found = _TARGET.match(folder.link(CURRENT) or "")
    if found is None:
        raise _occupied(folder, CURRENT)
    return int(found[1])


def _with_key_in_place(folder: Folder, delivery: DeliverySet) -> DeliverySet:
    """Return the set with the key file of the version in place; unchanged when it has none.

    Raises:
        VerificationError: the key is not that of the certificate, or cannot be read
            (rule ``BUNDLE-KEY``).
    """
    try:
        with folder.within(CURRENT, follow=True) as version:
            if version.kind(KEY) is None:
                return delivery
            key = version.read(KEY, LONGEST_KEY)
    except (OSError, Rejected):
        raise VerificationError(
            f"{folder.path}: the key in place cannot be read",
            rule="BUNDLE-KEY",
            hint="issue again with a new key",
        ) from None
    check_key(key, parse.certificate(delivery.certificate))
    return replace(delivery, key=key)


def _stable(*, with_key: bool) -> tuple[str, ...]:
    return (*([KEY] if with_key else []), *PUBLIC, MANIFEST)


def _check_names(folder: Folder, *, with_key: bool) -> None:
    """Check that nothing of somebody else's stands where the links go, before anything changes."""
    for name in _stable(with_key=with_key):
        if folder.kind(name) is not None and folder.link(name) != f"{CURRENT}/{name}":
            raise _occupied(folder, name)


def _link(folder: Folder, *, with_key: bool) -> None:
    """Make the links that software is configured with. They lead nowhere until the first swap."""
    for name in _stable(with_key=with_key):
        if folder.kind(name) is None:
            os.symlink(f"{CURRENT}/{name}", name, dir_fd=folder.handle)


def _point(folder: Folder, number: int) -> None:
    folder.replace_link(CURRENT, f"{VERSIONS}/{version_name(number)}", temporary_name(CURRENT))


def _withdraw(folder: Folder) -> None:
    if folder.link(CURRENT) is not None:
        folder.unlink(CURRENT)
        folder.sync()


def _read_back(folder: Folder, number: int) -> Delivered:
    found = observe(folder, CURRENT, number)
    if found is None:
        raise Rejected(
            f"{folder.path}: version {number} reads back differently",
            rule="DLV-READBACK",
            hint="look at the disk",
        )
    return found


def _remove_leftovers(place: _Place, current: int | None) -> None:
    for name in place.folder.names():
        if _LEFTOVER.match(name) and place.folder.kind(name) == stat.S_IFLNK:
            place.folder.unlink(name)
    place.versions.tidy(current)


def _finish(place: _Place, number: int, keep: int, *, with_key: bool) -> None:
    place.versions.prune(number, keep)
    if not with_key and place.folder.link(KEY) == f"{CURRENT}/{KEY}":
        place.folder.unlink(KEY)


def _occupied(folder: Folder, name: str) -> Rejected:
    return Rejected(
        f"{folder.path / name} was there before and is not ours",
        rule="DLV-OCCUPIED",
        hint="move it away; the path belongs to deliveries alone",
    )


def _bad_request(path: os.PathLike[str], what: str) -> Rejected:
    return Rejected(
        f"{os.fspath(path)} {what}", rule="DLV-REQUEST", hint="leave a PKCS#10 request in PEM there"
    )
