"""The way to a delivery path: each folder is opened from the one above, and judged when it is open.

Nothing is looked at by name and opened later: what was judged is what is used, whatever somebody
renames meanwhile.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from trustwright.delivery.folder import FOLDER, OTHERS_WRITE, Folder, is_ours, open_to

# Passing through a folder needs no permission to list it.
_PASS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PASSABLE = 0o755
_MOST_LINKS = 40


@contextmanager
def open_folder(path: Path, *, create: bool) -> Iterator[Folder | None]:
    """Open a delivery path that nobody else can tamper with; yield None when it is not there.

    Every folder above belongs to root or to this account and is writable by its owner alone, or is
    sticky, where nobody can replace what belongs to another. Links on the way are followed when
    they belong to root or to this account; the path itself is no link, and sticky is not enough
    for it.

    Raises:
        Rejected: somebody else can replace a folder on the way or write into the path
            (rule ``DLV-OPEN``).
        OSError: the path is a link or no folder, or cannot be made or opened.
    """
    try:
        handle = _opened(path, create=create)
    except FileNotFoundError:
        if create:
            raise
        yield None
        return
    try:
        folder = Folder(handle, path)
        folder.check_private()
        yield folder
    finally:
        os.close(handle)


def _opened(path: Path, *, create: bool) -> int:
    with _Walk(Path(path.anchor)) as walk:
        walk.go(path.parent.parts[1:], create=create)
        walk.look(path.name, create=create)
        return os.open(path.name, FOLDER, dir_fd=walk.handle)


class _Walk:
    """A folder that is open, one step further each time.

    Attributes:
        handle: of the folder that was reached.
        place: its path without links, for messages.
    """

    def __init__(self, start: Path) -> None:
        self.place = start
        self.handle = os.open(start, _PASS)
        self._links = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.handle)

    def go(self, names: tuple[str, ...], *, create: bool) -> None:
        """Go down these names, each folder judged; missing ones are made if `create`."""
        self._judge()
        for name in names:
            facts = self.look(name, create=create)
            if stat.S_ISLNK(facts.st_mode):
                self._follow(name, facts)
            else:
                self._enter(os.open(name, _PASS, dir_fd=self.handle), self.place / name)
                self._judge()

    def look(self, name: str, *, create: bool) -> os.stat_result:
        """Return owner and mode of an entry; a missing one is made a folder if `create`."""
        with suppress(FileNotFoundError):
            return os.stat(name, dir_fd=self.handle, follow_symlinks=False)
        if create:
            self._make(name)
        return os.stat(name, dir_fd=self.handle, follow_symlinks=False)

    def _follow(self, name: str, facts: os.stat_result) -> None:
        """Go where a link leads. Nobody can swap it: its folder was judged."""
        self._links += 1
        if self._links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if not is_ours(facts.st_uid):
            raise _foreign(self.place / name, facts)
        leads_to = Path(os.readlink(name, dir_fd=self.handle))
        if leads_to.is_absolute():
            self._enter(os.open(leads_to.anchor, _PASS), Path(leads_to.anchor))
        # What a link leads to is not made: it may be on a disk that is not mounted now.
        self.go(tuple(part for part in leads_to.parts if part != leads_to.anchor), create=False)

    def _make(self, name: str) -> None:
        with suppress(FileExistsError):
            os.mkdir(name, _PASSABLE, dir_fd=self.handle)
            # The umask may have cut the mode.
            os.chmod(name, _PASSABLE, dir_fd=self.handle)
            above = os.open(".", FOLDER, dir_fd=self.handle)
            try:
                os.fsync(above)
            finally:
                os.close(above)

    def _enter(self, handle: int, place: Path) -> None:
        os.close(self.handle)
        self.handle, self.place = handle, place

    def _judge(self) -> None:
        facts = os.fstat(self.handle)
        if not is_ours(facts.st_uid):
            raise _foreign(self.place, facts)
        if facts.st_mode & OTHERS_WRITE and not facts.st_mode & stat.S_ISVTX:
            raise open_to(self.place, "is writable by its group or others", "chmod go-w")


def _foreign(place: Path, facts: os.stat_result) -> Exception:
    return open_to(place, f"belongs to user {facts.st_uid}", "deliver somewhere else")
