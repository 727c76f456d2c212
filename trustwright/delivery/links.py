"""The links of a delivery path: ``current``, which is swapped, and those that software reads."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator

from trustwright.delivery.folder import Folder
from trustwright.delivery.manifest import KEY, MANIFEST, PUBLIC
from trustwright.delivery.versions import temporary_name, version_name
from trustwright.errors import Rejected

CURRENT = "current"
VERSIONS = "versions"
_TARGET = re.compile(r"^versions/([0-9]{4,9})$")
_LEFTOVER = re.compile(r"^\.current-[0-9a-f]{16}$")


def current(folder: Folder) -> int | None:
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


def point(folder: Folder, number: int) -> None:
    """Swap: let ``current`` lead to a version."""
    folder.replace_link(CURRENT, f"{VERSIONS}/{version_name(number)}", temporary_name(CURRENT))


def withdraw(folder: Folder) -> None:
    """Let ``current`` lead nowhere."""
    if folder.link(CURRENT) is not None:
        folder.unlink(CURRENT)
        folder.sync()


def check_names(folder: Folder, *, with_key: bool) -> None:
    """Check that nothing of somebody else's stands where the links go, before anything changes.

    Raises:
        Rejected: something does (rule ``DLV-OCCUPIED``).
    """
    for name in _names(with_key=with_key):
        if folder.kind(name) is not None and not _is_link(folder, name):
            raise _occupied(folder, name)


def make(folder: Folder, *, with_key: bool) -> None:
    """Make the links that software is configured with. They lead nowhere until the first swap."""
    for name in _names(with_key=with_key):
        if folder.kind(name) is None:
            os.symlink(f"{CURRENT}/{name}", name, dir_fd=folder.handle)


def drop_key(folder: Folder) -> None:
    """Remove the link to a key that the set in place does not hold."""
    if _is_link(folder, KEY):
        folder.unlink(KEY)


def faults(folder: Folder, *, with_key: bool) -> Iterator[str]:
    """Yield what is wrong with the links to a set in place."""
    for name in _names(with_key=with_key):
        if not _is_link(folder, name):
            yield f"{name} does not lead to the set"
    if not with_key and _is_link(folder, KEY):
        yield f"{KEY} leads nowhere"


def try_out(folder: Folder) -> None:
    """Make a link as a swap would, and remove it."""
    name = temporary_name(CURRENT)
    os.symlink(VERSIONS, name, dir_fd=folder.handle)
    folder.unlink(name)


def tidy(folder: Folder) -> None:
    """Remove the link of a swap that died."""
    for name in folder.names():
        if _LEFTOVER.match(name) and folder.kind(name) == stat.S_IFLNK:
            folder.unlink(name)


def _names(*, with_key: bool) -> Iterable[str]:
    return (*([KEY] if with_key else []), *PUBLIC, MANIFEST)


def _is_link(folder: Folder, name: str) -> bool:
    return folder.link(name) == f"{CURRENT}/{name}"


def _occupied(folder: Folder, name: str) -> Rejected:
    return Rejected(
        f"{folder.path / name} was there before and is not ours",
        rule="DLV-OCCUPIED",
        hint="move it away; the path belongs to deliveries alone",
    )
