"""The folder ``versions``: numbered, complete, immutable versions; the rest are leftovers."""

from __future__ import annotations

import re
import secrets
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from trustwright.delivery.folder import Folder, Owner
from trustwright.delivery.manifest import KEY

_NUMBERED = re.compile(r"^[0-9]{4,9}$")
_LEFTOVER = re.compile(r"^\.(new|old)-[0-9a-f]{16}$")
PUBLIC_MODE = 0o644
FOLDER_MODE = 0o755


def version_name(number: int) -> str:
    """Return ``0007`` for 7."""
    return f"{number:04d}"


def temporary_name(kind: str) -> str:
    """Return a name that nobody has taken and the next delivery knows as a leftover."""
    return f".{kind}-{secrets.token_hex(8)}"


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

    def try_out(self, key_mode: int, owner: Owner) -> None:
        """Write a file as a version's would be written, and remove it."""
        name = temporary_name("new")
        self.folder.make(name, 0o700)
        try:
            with self.folder.within(name) as version:
                version.write("probe", b"probe", key_mode, owner)
        finally:
            self.folder.remove_folder(name)

    def remove(self, numbers: Iterable[int]) -> None:
        """Remove versions; each loses its number first, so no half of one is ever a version."""
        for number in numbers:
            name = temporary_name("old")
            self.folder.rename(version_name(number), name)
            self.folder.remove_folder(name)

    def tidy(self, current: int | None) -> None:
        """Remove what a delivery left that died: unfinished folders, versions after the current."""
        for name in self.folder.names():
            if _LEFTOVER.match(name) and self.folder.kind(name) == stat.S_IFDIR:
                self.folder.remove_folder(name)
        self.remove(number for number in self.numbers() if number > (current or 0))

    def prune(self, current: int, keep: int) -> None:
        """Leave the current version and `keep` older ones.

        The set is in place by now: what cannot be removed today is removed by the next delivery.
        """
        with suppress(OSError):
            self.remove([number for number in self.numbers() if number < current][:-keep])
