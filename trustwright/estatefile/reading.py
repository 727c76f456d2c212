"""Reading a file that the estate names, whatever stands in its place."""

from __future__ import annotations

import os
import stat
from pathlib import Path

LONGEST = 64 * 1024


def read_file(file: Path, longest: int = LONGEST) -> bytes:
    """Return the first 64 KiB of a regular file, or the first `longest` bytes.

    Raises:
        OSError: not there, not readable, or something else than a file.
        ValueError: no name for a file.
    """
    # Not blocking: a pipe in the place of the file must not hang the check.
    handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        kind = os.fstat(handle).st_mode
        if not stat.S_ISREG(kind):
            raise OSError(0, "a folder, not a file" if stat.S_ISDIR(kind) else "not a regular file")
        with os.fdopen(handle, "rb", closefd=False) as stream:
            return stream.read(longest)
    finally:
        os.close(handle)
