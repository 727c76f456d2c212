"""An open folder. Every step names one entry inside it, so nobody can swap the path underneath.

All calls go through `os` with a directory handle: no name is resolved twice, no link is followed.
How the handle of a delivery path is come by stands in `trustwright.delivery.walk`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from trustwright.errors import ConflictError, Rejected, TrustwrightError, Unavailable

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Owner:
    """Whose a file is, in numbers."""

    user: int
    group: int


def ourselves() -> Owner:
    """Return the account that runs this process."""
    return Owner(os.geteuid(), os.getegid())


def is_ours(user: int) -> bool:
    """Return whether what belongs to this user is safe from everybody but us and root."""
    return user in {0, os.geteuid()}


@dataclass(frozen=True)
class Folder:
    """An open directory handle and the path that led to it."""

    handle: int
    path: Path

    @contextmanager
    def within(self, name: str) -> Iterator[Folder]:
        """Open a folder inside."""
        handle = os.open(name, FOLDER, dir_fd=self.handle)
        try:
            yield Folder(handle, self.path / name)
        finally:
            os.close(handle)

    def names(self) -> list[str]:
        """Return the names inside, sorted."""
        return sorted(os.listdir(self.handle))  # noqa: PTH208 - a handle, no path

    def kind(self, name: str) -> int | None:
        """Return the file type (`stat.S_IFMT`) of an entry, or None when there is none."""
        try:
            return stat.S_IFMT(os.stat(name, dir_fd=self.handle, follow_symlinks=False).st_mode)
        except FileNotFoundError:
            return None

    def link(self, name: str) -> str | None:
        """Return where a symlink leads, or None when the entry is none."""
        if self.kind(name) != stat.S_IFLNK:
            return None
        return os.readlink(name, dir_fd=self.handle)

    def make(self, name: str, mode: int) -> None:
        """Make a folder inside; its mode is at most `mode` until somebody sets it."""
        os.mkdir(name, mode, dir_fd=self.handle)

    def write(self, name: str, data: bytes, mode: int, owner: Owner) -> None:
        """Write a new file. Until it is complete only this account can open it.

        The mode does not depend on the umask: the file is made 0600 and opened up at the end.
        """
        handle = os.open(name, _CREATE, 0o600, dir_fd=self.handle)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(handle, rest) :]
            facts = os.fstat(handle)
            if Owner(facts.st_uid, facts.st_gid) != owner:
                os.fchown(handle, owner.user, owner.group)
            os.fchmod(handle, mode)
            os.fsync(handle)
        finally:
            os.close(handle)

    @contextmanager
    def reading(self, name: str) -> Iterator[int]:
        """Open a regular file for reading.

        Raises:
            Rejected: it is a link, a pipe or another special file.
        """
        handle = os.open(name, _READ, dir_fd=self.handle)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise Rejected(
                    f"{self.path / name} is not a regular file", rule="DLV-LINK", hint="remove it"
                )
            yield handle
        finally:
            os.close(handle)

    def read(self, name: str, limit: int) -> bytes:
        """Return at most `limit` bytes of a regular file."""
        parts, size = [], 0
        with self.reading(name) as handle:
            while size < limit and (part := os.read(handle, min(_CHUNK, limit - size))):
                parts.append(part)
                size += len(part)
        return b"".join(parts)

    def replace_link(self, name: str, leads_to: str, temporary: str) -> None:
        """Point a symlink somewhere else in one step: readers see the old or the new one."""
        os.symlink(leads_to, temporary, dir_fd=self.handle)
        self.rename(temporary, name)
        self.sync()

    def rename(self, old: str, new: str) -> None:
        """Rename an entry inside."""
        os.rename(old, new, src_dir_fd=self.handle, dst_dir_fd=self.handle)

    def unlink(self, name: str) -> None:
        """Remove a file or symlink."""
        os.unlink(name, dir_fd=self.handle)

    def remove_folder(self, name: str) -> None:
        """Remove a folder and the files in it."""
        with self.within(name) as inner:
            for each in inner.names():
                inner.unlink(each)
        os.rmdir(name, dir_fd=self.handle)

    def facts(self) -> os.stat_result:
        """Return owner and mode of the folder itself."""
        return os.fstat(self.handle)

    def set_mode(self, mode: int) -> None:
        """Set the folder's own mode, if it is another."""
        if stat.S_IMODE(self.facts().st_mode) != mode:
            os.fchmod(self.handle, mode)

    def sync(self) -> None:
        """Wait until the names inside are on the disk."""
        os.fsync(self.handle)

    def check_private(self) -> None:
        """Check that nobody else can put things into this folder.

        Raises:
            Rejected: it belongs to somebody else, or group or others may write (rule ``DLV-OPEN``).
        """
        facts = self.facts()
        if not is_ours(facts.st_uid):
            raise open_to(self.path, f"belongs to user {facts.st_uid}", "chown it to root")
        if facts.st_mode & OTHERS_WRITE:
            raise open_to(self.path, "is writable by its group or others", "chmod go-w")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one writer; the lock ends with the process.

        Raises:
            ConflictError: another delivery is under way (rule ``DLV-BUSY``).
        """
        try:
            fcntl.flock(self.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(
                f"another delivery to {self.path} is under way",
                rule="DLV-BUSY",
                hint="wait until it is done",
            ) from None
        try:
            yield
        finally:
            fcntl.flock(self.handle, fcntl.LOCK_UN)


def open_to(path: Path, what: str, hint: str) -> Rejected:
    """Return the refusal of a folder that somebody else can change."""
    return Rejected(f"{path} {what}: a key is not safe there", rule="DLV-OPEN", hint=hint)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn the operating system's errors into ours.

    Raises:
        Unavailable: the disk is full or broken (``DLV-SPACE``, ``DLV-IO``): later it may work.
        Rejected: no permission, or a link or file in the way (``DLV-PERMISSION``, ``DLV-LINK``).
    """
    try:
        yield
    except OSError as error:
        raise translation(path, error) from None


def translation(path: Path, error: OSError) -> TrustwrightError:
    """Return our error for one of the operating system's."""
    reason = error.strerror or type(error).__name__
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Unavailable(f"{path}: {reason}", rule="DLV-SPACE", hint="make room on the disk")
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return Rejected(
            f"{path}: {reason}",
            rule="DLV-PERMISSION",
            hint="run the flows as an account that may write there",
        )
    if error.errno in {errno.ELOOP, errno.ENOTDIR, errno.EEXIST, errno.EISDIR}:
        return Rejected(
            f"{path}: a link or file is in the way ({reason})",
            rule="DLV-LINK",
            hint="remove it; the path must be a real folder",
        )
    return Unavailable(f"{path}: {reason}", rule="DLV-IO", hint="look at the disk and its mount")
