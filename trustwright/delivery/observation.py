"""Reading a delivered version back: done means seen on the disk."""

from __future__ import annotations

import errno
import hashlib
import os

from trustwright.delivery.folder import Folder
from trustwright.delivery.manifest import MANIFEST, TRUST, Manifest
from trustwright.errors import CeremonyViolation, Rejected
from trustwright.ids import sha256_hex
from trustwright.ports import Delivered

LONGEST_MANIFEST = 1 << 20
_CHUNK = 1 << 20
_NOT_WHOLE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


def observe(folder: Folder, link: str, number: int) -> Delivered | None:
    """Return what stands behind `link`, or None when a file is missing or differs.

    Raises:
        OSError: it cannot be read.
    """
    try:
        with folder.within(link, follow=True) as version:
            data = version.read(MANIFEST, LONGEST_MANIFEST)
            manifest = Manifest.parse(data, limit=LONGEST_MANIFEST)
            whole = all(_digest(version, name) == said for name, said in manifest.files.items())
    except (CeremonyViolation, Rejected):
        return None
    except OSError as error:
        if error.errno in _NOT_WHOLE:
            return None
        raise
    if not whole or manifest.canonical() != data or manifest.number != number:
        return None
    if TRUST not in manifest.files:
        return None
    return Delivered(
        number=number,
        serial=manifest.serial,
        manifest=sha256_hex(data),
        trust=manifest.files[TRUST],
        crl_until=manifest.crl_until,
        crl_due=manifest.crl_due,
    )


def _digest(version: Folder, name: str) -> str:
    """Return a file's SHA-256; a large CRL is not held in memory."""
    digest = hashlib.sha256()
    with version.reading(name) as handle:
        while part := os.read(handle, _CHUNK):
            digest.update(part)
    return digest.hexdigest()
