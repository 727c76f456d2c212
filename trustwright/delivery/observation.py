"""Reading a delivered version back: done means seen on the disk, with its owner and mode."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from trustwright.delivery.folder import Folder, Owner, is_ours
from trustwright.delivery.manifest import KEY, MANIFEST, TRUST, Manifest
from trustwright.delivery.versions import FOLDER_MODE, PUBLIC_MODE, shown, version_name
from trustwright.errors import CeremonyViolation, Rejected
from trustwright.ids import sha256_hex
from trustwright.ports import Delivered

LONGEST_MANIFEST = 1 << 20
_CHUNK = 1 << 20
_NOT_WHOLE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


@dataclass(frozen=True)
class Asked:
    """What the estate file asks of the files.

    Attributes:
        key_mode: of key.pem; the others are `PUBLIC_MODE`.
        owner: of every file.
    """

    key_mode: int
    owner: Owner

    def mode_of(self, name: str) -> int:
        """Return the mode that a file shall have."""
        return self.key_mode if name == KEY else PUBLIC_MODE


@dataclass(frozen=True)
class _File:
    """A file as it was found."""

    name: str
    digest: str
    mode: int
    owner: Owner

    def faults(self, asked: Asked) -> Iterator[str]:
        """Yield how mode and owner differ from what was asked for."""
        wanted = asked.mode_of(self.name)
        if (self.mode, self.owner) != (wanted, asked.owner):
            there = shown(self.mode, self.owner)
            yield f"{self.name} is {there}, not {shown(wanted, asked.owner)}"

    def is_exposed(self, asked: Asked) -> bool:
        """Return whether it is a key that somebody could read whom the estate does not name.

        An owner can always read what is its own; group 0 is root's.
        """
        if self.name != KEY:
            return False
        if self.owner.user != asked.owner.user and not is_ours(self.owner.user):
            return True
        strange_group = self.owner.group not in {0, asked.owner.group}
        by_group = self.mode & stat.S_IRGRP and (strange_group or not asked.key_mode & stat.S_IRGRP)
        return bool(by_group or self.mode & ~asked.key_mode & stat.S_IROTH)


def observe(
    versions: Folder, number: int, asked: Asked, *, in_service: bool = False
) -> Delivered | None:
    """Return what a version holds, or None when a file is missing or differs from the manifest.

    Raises:
        OSError: it cannot be read.
    """
    try:
        with versions.within(version_name(number)) as version:
            data = version.read(MANIFEST, LONGEST_MANIFEST)
            manifest = Manifest.parse(data, limit=LONGEST_MANIFEST)
            files = [_look(version, name) for name in (*manifest.files, MANIFEST)]
            faults = [*_folder_faults(version), *(f for each in files for f in each.faults(asked))]
    except (CeremonyViolation, Rejected):
        return None
    except OSError as error:
        if error.errno in _NOT_WHOLE:
            return None
        raise
    digests = {str(name): digest for name, digest in manifest.files.items()}
    digests[MANIFEST] = sha256_hex(data)
    if any(each.digest != digests[each.name] for each in files) or TRUST not in digests:
        return None
    if manifest.canonical() != data or manifest.number != number:
        return None
    return Delivered(
        number=number,
        serial=manifest.serial,
        manifest=digests[MANIFEST],
        trust=digests[TRUST],
        crl_until=manifest.crl_until,
        crl_due=manifest.crl_due,
        with_key=KEY in digests,
        in_service=in_service,
        drift="; ".join(faults),
        exposed=any(each.is_exposed(asked) for each in files),
    )


def _look(version: Folder, name: str) -> _File:
    """Return a file's SHA-256, mode and owner; a large CRL is not held in memory."""
    digest = hashlib.sha256()
    with version.reading(name) as handle:
        facts = os.fstat(handle)
        while part := os.read(handle, _CHUNK):
            digest.update(part)
    owner = Owner(facts.st_uid, facts.st_gid)
    return _File(name, digest.hexdigest(), stat.S_IMODE(facts.st_mode), owner)


def _folder_faults(version: Folder) -> Iterator[str]:
    facts = version.facts()
    mode = stat.S_IMODE(facts.st_mode)
    if mode != FOLDER_MODE or not is_ours(facts.st_uid):
        yield f"{version.path.name} is {mode:04o} user {facts.st_uid}"
