"""The folder ``versions``: numbered, complete, immutable versions; the rest are leftovers."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from trustwright.delivery.folder import Folder, Owner
from trustwright.delivery.manifest import KEY
from trustwright.errors import Rejected

_NUMBERED = re.compile(r"^[0-9]{4,9}$")
_LEFTOVER = re.compile(r"^\.(new|old|mark)-[0-9a-f]{16}$")
PUBLIC_MODE = 0o644
FOLDER_MODE = 0o755
LONGEST_KEY = 64 * 1024


def version_name(number: int) -> str:
    """Return ``0007`` for 7."""
    return f"{number:04d}"


def temporary_name(kind: str) -> str:
    """Return a name that nobody has taken and the next delivery knows as a leftover."""
    return f".{kind}-{secrets.token_hex(8)}"


def shown(mode: int, owner: Owner) -> str:
    """Return ``0640 user 0 group 33``."""
    return f"{mode:04o} user {owner.user} group {owner.group}"


@dataclass(frozen=True)
class Versions:
    """The open folder ``versions``."""

    folder: Folder

    def numbers(self) -> list[int]:
        """Return the numbers that are taken, ascending."""
        return sorted(int(name) for name in self.folder.names() if _NUMBERED.match(name))

    def add(self, number: int, files: Mapping[str, bytes], key_mode: int, owner: Owner) -> None:
        """Write a version completely, then give it its number in one step."""
        name = temporary_name("new")
        self.folder.make(name, 0o700)
        with self.folder.within(name) as version:
            for each, data in files.items():
                version.write(each, data, key_mode if each == KEY else PUBLIC_MODE, owner)
            version.set_mode(FOLDER_MODE)
            version.sync()
        self.folder.rename(name, version_name(number))
        self.folder.sync()

    def holds_key(self, number: int) -> bool:
        """Return whether a version has a key file."""
        with self.folder.within(version_name(number)) as version:
            return version.kind(KEY) is not None

    def key(self, number: int) -> bytes:
        """Return the key file of a version.

        Raises:
            FileNotFoundError: it has none.
            OSError, Rejected: it cannot be read, or is no regular file.
        """
        with self.folder.within(version_name(number)) as version:
            return version.read(KEY, LONGEST_KEY)

    def try_out(self, key_mode: int, owner: Owner) -> None:
        """Write a file as a version's would be written, and remove it.

        Raises:
            Rejected: mode and owner are not what was asked for (rule ``DLV-MODE``).
        """
        name = temporary_name("new")
        self.folder.make(name, 0o700)
        try:
            with self.folder.within(name) as version:
                version.write("probe", b"probe", key_mode, owner)
                with version.reading("probe") as handle:
                    facts = os.fstat(handle)
        finally:
            self.folder.remove_folder(name)
        there = (stat.S_IMODE(facts.st_mode), Owner(facts.st_uid, facts.st_gid))
        if there != (key_mode, owner):
            raise Rejected(
                f"{self.folder.path}: a file becomes {shown(*there)}, not {shown(key_mode, owner)}",
                rule="DLV-MODE",
                hint="deliver to a file system that keeps modes and owners",
            )

    def remove(self, numbers: Iterable[int]) -> None:
        """Remove versions; each loses its number first, so no half of one is ever a version."""
        for number in numbers:
            name = temporary_name("old")
            self.folder.rename(version_name(number), name)
            self.folder.remove_folder(name)

    def tidy(self, current: int | None) -> None:
        """Remove what a delivery left that died: unfinished folders, versions after the current."""
        for name in filter(_LEFTOVER.match, self.folder.names()):
            kind = self.folder.kind(name)
            if kind == stat.S_IFDIR:
                self.folder.remove_folder(name)
            elif kind == stat.S_IFREG:
                self.folder.unlink(name)
        self.remove(number for number in self.numbers() if number > (current or 0))

    def prune(self, current: int, keep: int) -> None:
        """Leave the current version and `keep` older ones.

        The set is in place by now: what cannot be removed today is removed by the next delivery.
        """
        with suppress(OSError):
            self.remove([number for number in self.numbers() if number < current][:-keep])
