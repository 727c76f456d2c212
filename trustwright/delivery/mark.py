"""``versions/service.json``: the version whose hooks passed, and whether another is on its way.

It lies where only this account can write, and is none of the files that software reads. It is
opened before the swap and closed when reload and check have passed: whoever dies in between leaves
it open, and the hooks are run again. What is in place without a mark has never passed them.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from trustwright.delivery.folder import OTHERS_WRITE, Folder, is_ours, ourselves
from trustwright.delivery.versions import temporary_name
from trustwright.errors import CeremonyViolation, Rejected
from trustwright.model.base import Artifact

MARK = "service.json"
LONGEST_MARK = 4096
_MODE = 0o644
_NONE = {errno.ENOENT, errno.ELOOP}


class Mark(Artifact):
    """What is known of the consumer's software.

    Attributes:
        passed: the version with which reload and check passed last; None when none ever did.
        swapping: a swap has begun since: what the software has read is not known.
    """

    format: Literal["trustwright.service/1"] = "trustwright.service/1"
    passed: int | None = Field(default=None, ge=1)
    swapping: bool


def read_mark(versions: Folder) -> Mark | None:
    """Return the mark, or None when there is none that is ours and whole.

    Raises:
        OSError: it cannot be read.
    """
    try:
        with versions.reading(MARK) as handle:
            facts, data = os.fstat(handle), os.read(handle, LONGEST_MARK + 1)
        if not is_ours(facts.st_uid) or facts.st_mode & OTHERS_WRITE:
            return None
        return Mark.parse(data, limit=LONGEST_MARK)
    except (CeremonyViolation, Rejected):
        return None
    except OSError as error:
        if error.errno in _NONE:
            return None
        raise


def write_mark(versions: Folder, mark: Mark) -> None:
    """Replace the mark in one step; it is on the disk when this returns."""
    name = temporary_name("mark")
    versions.write(name, mark.canonical(), _MODE, ourselves())
    versions.rename(name, MARK)
    versions.sync()


def in_service(mark: Mark | None, number: int) -> bool:
    """Return whether the hooks have passed with this version since it was put in place."""
    return mark is not None and mark.passed == number and not mark.swapping


def way_back(
    mark: Mark | None, numbers: Sequence[int], current: int, *, unknown: int | None
) -> int | None:
    """Return the version that comes back when the hooks fail; None withdraws the set.

    Args:
        mark: as it was read.
        numbers: the versions that are there.
        current: the version in place.
        unknown: the answer when no mark says what was in service before.
    """
    if mark is None:
        return unknown
    if mark.passed is None:
        return None
    if mark.passed >= current:
        return current
    return mark.passed if mark.passed in numbers else unknown
