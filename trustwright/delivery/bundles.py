"""Reading the certificates that software finds at a path, whoever put them there."""

from __future__ import annotations

import stat

from trustwright.delivery import links
from trustwright.delivery.folder import Folder
from trustwright.delivery.links import VERSIONS
from trustwright.delivery.manifest import CHAIN, TRUST
from trustwright.delivery.versions import version_name
from trustwright.ports import Bundles

LONGEST = 1 << 20
"""Octets of a file that are looked at; ours have some thousand."""


def bundles_in(folder: Folder) -> Bundles | None:
    """Return trust.pem and fullchain.pem below a delivery path; None when neither is there.

    A file that stands where our link should be is what software reads, so it is what we look at.

    Raises:
        OSError, Rejected: they cannot be read.
    """
    texts = [_text(folder, name) for name in (TRUST, CHAIN)]
    return Bundles(*(text or "" for text in texts)) if any(texts) else None


def _text(folder: Folder, name: str) -> str | None:
    try:
        if folder.kind(name) == stat.S_IFREG:
            return _decoded(folder.read(name, LONGEST))
        number = links.current(folder)
        if number is None or folder.kind(VERSIONS) is None:
            return None
        with folder.within(VERSIONS) as versions, versions.within(version_name(number)) as version:
            return _decoded(version.read(name, LONGEST))
    except FileNotFoundError:
        return None


def _decoded(data: bytes) -> str:
    return data.decode("ascii", errors="replace")
