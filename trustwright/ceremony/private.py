"""What is its owner's alone: who owns it, and who else can reach it."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

from trustwright.ceremony.rules import Problem

_ROOT_USER = 0
_OTHERS = 0o077


def exposed(path: Path, found: os.stat_result) -> Problem | None:
    """Return how others than this user, and the machine's administrator, can reach a file.

    Args:
        path: of the file, for the remedy.
        found: its status.
    """
    if found.st_uid not in {_ROOT_USER, os.geteuid()}:
        return Problem(
            f"belongs to the user {found.st_uid}, not to this one", "work as the user that owns it"
        )
    mode = stat.S_IMODE(found.st_mode)
    if mode & _OTHERS:
        return Problem(
            f"must be its owner's alone, this has mode {mode:04o}",
            f"chmod go= {shlex.quote(str(path))}",
        )
    return None
