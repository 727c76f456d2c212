"""Files that survive a power cut: written beside, synced, renamed, folder synced.

Every step is one call of `os`, so that a test can cut the power at each of them.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from trustwright.errors import ConfigurationError, ConflictError

PUBLIC = 0o644
PRIVATE = 0o600
PRIVATE_FOLDER = 0o700


def write_new(path: Path, data: bytes, *, mode: int = PUBLIC) -> None:
    """Write a file whole or not at all; the same bytes may be written again.

    Raises:
        ConflictError: another file with this name and other bytes is there (rule ``FILE-EXISTS``).
        ConfigurationError: the folder cannot be written (rule ``FILE-WRITE``).
    """
    if not refuse_other(path, data):
        _replace(path, data, mode)


def replace(path: Path, data: bytes, *, mode: int = PUBLIC) -> None:
    """Write a file whole or not at all, in place of the one before.

    Raises:
        ConfigurationError: the folder cannot be written (rule ``FILE-WRITE``).
    """
    _replace(path, data, mode)


def refuse_other(path: Path, data: bytes | None = None) -> bool:
    """Return whether `path` holds `data` already.

    Raises:
        ConflictError: it is there and holds something else, or `data` is not known yet.
    """
    if not os.path.lexists(path):
        return False
    if data is not None and path.is_file() and path.read_bytes() == data:
        return True
    raise ConflictError(
        "is there already and is never overwritten",
        rule="FILE-EXISTS",
        hint="name another output, or move that file away",
        where=str(path),
    )


def append(path: Path, data: bytes) -> None:
    """Add `data` at the end of a file and sync it.

    Raises:
        ConfigurationError: the file cannot be written (rule ``FILE-WRITE``).
    """
    try:
        _write(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW, data, PRIVATE)
    except OSError as error:
        raise _unwritable(path, error) from None


def cut(path: Path, size: int) -> None:
    """Shorten a file to `size` octets and sync it.

    Raises:
        ConfigurationError: the file cannot be written (rule ``FILE-WRITE``).
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
        try:
            os.ftruncate(descriptor, size)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _unwritable(path, error) from None


def remove(path: Path) -> None:
    """Remove a file.

    Raises:
        ConfigurationError: it cannot be removed (rule ``FILE-WRITE``).
    """
    try:
        path.unlink()
    except OSError as error:
        raise _unwritable(path, error) from None


def move(path: Path, to: Path) -> None:
    """Give a file another place on the same disk.

    Raises:
        ConfigurationError: it cannot be moved (rule ``FILE-WRITE``).
    """
    try:
        os.replace(path, to)  # noqa: PTH105 - named calls of os, see the module's docstring
        sync_folder(to.parent)
        sync_folder(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from None


def make_folder(path: Path) -> bool:
    """Make a folder that is its owner's alone; return whether it was missing.

    Raises:
        ConfigurationError: it cannot be made (rule ``FILE-WRITE``).
    """
    try:
        path.mkdir(mode=PRIVATE_FOLDER)
        sync_folder(path.parent)
    except FileExistsError:
        return False
    except OSError as error:
        raise _unwritable(path, error) from None
    return True


def read(path: Path) -> bytes:
    """Return what a file holds.

    Raises:
        FileNotFoundError: there is none.
        ConfigurationError: it cannot be read (rule ``FILE-READ``).
    """
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(path) from None
    except OSError as error:
        raise ConfigurationError(
            f"cannot be read: {error.strerror}",
            rule="FILE-READ",
            hint="mend the medium, or put the file back from a copy",
            where=str(path),
        ) from None


def refuse_unwritable(path: Path) -> None:
    """Refuse a place for a new file where none can be written.

    Raises:
        ConfigurationError: its folder is missing or cannot be written (rule ``FILE-WRITE``).
    """
    folder = path.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        why = "cannot be written" if folder.is_dir() else "is no folder"
        raise ConfigurationError(
            f"{folder} {why}", rule="FILE-WRITE", hint="name another output", where=str(path)
        )


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder survive."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def part_of(path: Path) -> Path:
    """Return the name under which a file is written before it gets its own."""
    return path.with_name(f".{path.name}.part")


def _replace(path: Path, data: bytes, mode: int) -> None:
    part = part_of(path)
    try:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
        _write(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, data, mode)
        os.replace(part, path)  # noqa: PTH105 - named calls of os, see the module's docstring
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()  # on a full disk, half a file takes the room that mending needs
        raise _unwritable(path, error) from None


def _write(path: Path, flags: int, data: bytes, mode: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"cannot be written: {error.strerror}",
        rule="FILE-WRITE",
        hint="make room, or mend what is there, then start again",
        where=str(path),
    )
