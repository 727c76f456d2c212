"""Directory target: versioned folders and one atomic swap.

::

    <path>/versions/0001/{key,cert,fullchain,trust,crl}.pem, manifest.json
    <path>/versions/0002/…
    <path>/versions/service.json              which of them has passed reload and check
    <path>/current   → versions/0002          swapped
    <path>/key.pem   → current/key.pem        made once; this is what software is configured with
    <path>/host.csr                           left by the host (``key: host``)

A process that dies at any point leaves the old or the new version visible, each complete; the next
delivery removes what it left. Whether software was told of the version in place, the mark says
(`trustwright.delivery.mark`); when it was not, `DirectoryTarget.finish` tells it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from trustwright.clock import Clock
from trustwright.delivery import links
from trustwright.delivery.account import owner_of
from trustwright.delivery.bundles import bundles_in
from trustwright.delivery.folder import Folder, translated
from trustwright.delivery.hooks import Hook
from trustwright.delivery.links import VERSIONS
from trustwright.delivery.manifest import MANIFEST, contents, manifest_of
from trustwright.delivery.mark import Mark, in_service, read_mark, way_back, write_mark
from trustwright.delivery.observation import Asked, observe
from trustwright.delivery.request import read_request
from trustwright.delivery.versions import FOLDER_MODE, Versions
from trustwright.delivery.walk import open_folder
from trustwright.errors import ConflictError, Rejected, TrustwrightError, VerificationError
from trustwright.model.estate import Directory
from trustwright.policy.bundle import check_key
from trustwright.ports import Bundles, Delivered, DeliverySet
from trustwright.x509 import parse

RELOAD = "DLV-RELOAD"
CHECK = "DLV-CHECK"


@dataclass(frozen=True)
class _Place:
    """The open target while one delivery holds it.

    Attributes:
        seen: what was in place when it was opened.
    """

    folder: Folder
    versions: Versions
    seen: Delivered | None

    def way_back(self, current: int, *, unknown: int | None) -> int | None:
        """Return the version that comes back when the hooks fail."""
        mark = read_mark(self.versions.folder)
        return way_back(mark, self.versions.numbers(), current, unknown=unknown)

    def write_mark(self, passed: int | None, *, swapping: bool) -> None:
        """Say which version has passed, and whether another is on its way."""
        write_mark(self.versions.folder, Mark(passed=passed, swapping=swapping))

    def tidy(self, current: int | None) -> None:
        """Remove what a delivery left that died, and every version after the current one."""
        links.tidy(self.folder)
        self.versions.tidy(current)

    def secrets(self, *numbers: int | None) -> bytes:
        """Return the keys of these versions, for `Hook.secret`; what cannot be read is left out."""
        keys = []
        for number in {each for each in numbers if each is not None}:
            with suppress(OSError, Rejected):
                keys.append(self.versions.key(number))
        return b"\n".join(keys)


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
        asked = self._asked()
        with self._held(asked) as place:
            place.tidy(links.current(place.folder))
            links.check_names(place.folder, with_key=with_key)
            place.versions.try_out(asked.key_mode, asked.owner)
            links.try_out(place.folder)

    def deliver(self, delivery: DeliverySet, *, expected: Delivered | None) -> Delivered:
        """Write a new version, swap, read back, reload, check; undo on failure.

        Raises:
            VerificationError: the key, or the key in place that is to be kept, is not that of the
                certificate (rule ``BUNDLE-KEY``); nothing was written.
            ConfigurationError: user or group is unknown; nothing was written.
            ConflictError: another delivery to this path is under way (``DLV-BUSY``), or something
                else is in place than was expected (``DLV-CONFLICT``); nothing was written.
            UpstreamError: it could not be written or a hook failed (rule ``DLV-…``); the version
                that was in service before is in place again.
        """
        check_key(delivery.key, parse.certificate(delivery.certificate))
        asked = self._asked()
        with self._held(asked) as place:
            _check_expected(place, expected)
            current = links.current(place.folder)
            if delivery.keep_key and current is not None:
                delivery = _with_key_in_place(place, current, delivery)
            links.check_names(place.folder, with_key=delivery.key is not None)
            place.tidy(current)
            self._write(place, current, delivery, asked)
            back = None if current is None else place.way_back(current, unknown=current)
            return self._put_in_place(place, (current or 0) + 1, back, asked)

    def finish(self, *, expected: Delivered) -> Delivered:
        """Run the hooks of the set in place, whose delivery was cut; undo on failure.

        Raises:
            ConfigurationError: user or group is unknown.
            ConflictError: a delivery is under way (``DLV-BUSY``), or something else is in place
                than was expected (``DLV-CONFLICT``).
            UpstreamError: a hook failed (rule ``DLV-…``). A version that never passed has given
                way to the one that was in service before; one that passed once is still there.
        """
        asked = self._asked()
        with self._held(asked) as place:
            _check_expected(place, expected)
            if expected.in_service:
                return expected
            number = expected.number
            earlier = [each for each in place.versions.numbers() if each < number]
            back = place.way_back(number, unknown=earlier[-1] if earlier else None)
            found = self._put_in_place(place, number, back, asked)
            return _observed(place.folder, place.versions.folder, asked) or found

    def observed(self) -> Delivered | None:
        """Return what is in place, every file compared with the manifest and the estate file.

        Returns None when nothing is there, or something that is not whole: deliver again.

        Raises:
            ConfigurationError: user or group is unknown.
            UpstreamError: it cannot be read, or others can write into the folder.
        """
        path, asked = self._directory.path, self._asked()
        with translated(path), open_folder(path, create=False) as folder:
            if folder is None or folder.kind(VERSIONS) is None:
                return None
            with folder.within(VERSIONS) as inner:
                inner.check_private()
                return _observed(folder, inner, asked)

    def host_request(self) -> str | None:
        """Return the certification request in ``host.csr``, or None when there is none.

        Raises:
            UpstreamError: a link, not a regular file, too large, or not a request
                (rule ``DLV-REQUEST``).
        """
        path = self._directory.path
        with translated(path), open_folder(path, create=False) as folder:
            return read_request(folder) if folder else None

    def bundles(self) -> Bundles | None:
        """Return the certificates that software reads here, or None when there are none.

        Raises:
            UpstreamError: they cannot be read.
        """
        path = self._directory.path
        with translated(path), open_folder(path, create=False) as folder:
            return bundles_in(folder) if folder else None

    def _asked(self) -> Asked:
        """Return what the estate file asks of the files, names turned to numbers."""
        directory = self._directory
        owner = owner_of(directory.user, directory.group, consumer=self._consumer)
        return Asked(int(directory.mode, 8), owner)

    @contextmanager
    def _held(self, asked: Asked) -> Iterator[_Place]:
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
                yield _Place(folder, Versions(inner), _observed(folder, inner, asked))

    def _write(
        self, place: _Place, current: int | None, delivery: DeliverySet, asked: Asked
    ) -> None:
        """Write the version after the current one, whole, and the links that lead to it."""
        number = (current or 0) + 1
        manifest = manifest_of(
            delivery, consumer=self._consumer, number=number, delivered=self._clock.now()
        )
        files = {str(name): data for name, data in contents(delivery).items()}
        files[MANIFEST] = manifest.canonical()
        try:
            place.versions.add(number, files, asked.key_mode, asked.owner)
            links.make(place.folder, with_key=delivery.key is not None)
        except BaseException:
            place.tidy(current)
            raise

    def _put_in_place(
        self, place: _Place, number: int, back: int | None, asked: Asked
    ) -> Delivered:
        """Swap, read back, run the hooks, say that they passed; on any failure go back."""
        secret, found = place.secrets(number, back), place.seen
        try:
            place.write_mark(back, swapping=True)
            if found is None or found.number != number:
                links.point(place.folder, number)
                found = _read_back(place, number, asked)
            for hook in self._hooks(number, secret):
                hook.run()
            place.write_mark(number, swapping=False)
        except BaseException as error:
            after = self._undo(place, number, back, secret)
            if isinstance(error, TrustwrightError):
                raise type(error)(
                    f"{error.what}{after}", rule=error.rule, hint=error.hint, where=self._consumer
                ) from None
            raise
        if not found.with_key:
            # A link that cannot be removed today is drift tomorrow.
            with suppress(OSError):
                links.drop_key(place.folder)
        place.versions.prune(number, self._directory.keep)
        return replace(found, in_service=True)

    def _undo(self, place: _Place, number: int, back: int | None, secret: bytes) -> str:
        """Put back what was in service before and reload; return what came of it."""
        if back == number:
            return f"; version {number} stays in place"
        if back is None:
            links.withdraw(place.folder)
        elif links.current(place.folder) != back:
            links.point(place.folder, back)
        place.tidy(back)
        if back is None:
            return "; nothing was in place before, and nothing is now"
        if not place.versions.holds_key(back):
            links.drop_key(place.folder)
        try:
            for hook in self._hooks(back, secret):
                if hook.rule == RELOAD:
                    hook.run()
        except TrustwrightError as error:
            return f"; version {back} is in place again, but: {error.what}"
        # What cannot be said now costs a reload too many at the next run.
        with suppress(OSError):
            place.write_mark(back, swapping=False)
        return f"; version {back} is in place again"

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


def _observed(folder: Folder, versions: Folder, asked: Asked) -> Delivered | None:
    number = links.current(folder)
    if number is None:
        return None
    mark = read_mark(versions)
    found = observe(versions, number, asked, in_service=in_service(mark, number))
    if found is None:
        return None
    faults = [found.drift] if found.drift else []
    faults += links.faults(folder, with_key=found.with_key)
    return replace(found, drift="; ".join(faults))


def _check_expected(place: _Place, expected: Delivered | None) -> None:
    if place.seen != expected:
        raise ConflictError(
            f"{place.folder.path}: {_named(place.seen)} is in place, expected was "
            f"{_named(expected)}; nothing was changed",
            rule="DLV-CONFLICT",
            hint="another run was here meanwhile; run again",
        )


def _named(found: Delivered | None) -> str:
    return f"version {found.number} ({found.manifest[:12]})" if found else "nothing whole"


def _with_key_in_place(place: _Place, current: int, delivery: DeliverySet) -> DeliverySet:
    """Return the set with the key file of the version in place; unchanged when it has none.

    Raises:
        VerificationError: the key is not that of the certificate, or cannot be read
            (rule ``BUNDLE-KEY``).
    """
    if place.seen is not None and not place.seen.with_key:
        return delivery
    try:
        key = place.versions.key(current)
    except FileNotFoundError:
        return delivery
    except (OSError, Rejected):
        raise VerificationError(
            f"{place.folder.path}: the key in place cannot be read",
            rule="BUNDLE-KEY",
            hint="issue again with a new key",
        ) from None
    check_key(key, parse.certificate(delivery.certificate))
    return replace(delivery, key=key)


def _read_back(place: _Place, number: int, asked: Asked) -> Delivered:
    found = observe(place.versions.folder, number, asked)
    if found is None or found.drift:
        raise Rejected(
            f"{place.folder.path}: version {number} reads back differently"
            + (f": {found.drift}" if found else ""),
            rule="DLV-READBACK",
            hint="look at the disk",
        )
    return found
