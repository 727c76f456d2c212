"""Reading a file that the estate names, whatever stands in its place."""

from __future__ import annotations

import os
import stat
from pathlib import Path

LONGEST = 64 * 1024


def read_file(file: Path) -> bytes:
    """Return the first 64 KiB of a regular file.

    Raises:
        OSError: not there, not readable, or something else than a file.
    """
    # Not blocking: a pipe in the place of the file must not hang the check.
    handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(0, "not a regular file")
        return stream.read(LONGEST)
