"""Checks that no delivery takes a folder that belongs to somebody on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from trustwright.model.estate import Estate
from trustwright.policy.breach import Breach
from trustwright.settings import default_home


def check_homes(estate: Estate, file: Path) -> Iterator[tuple[str, Breach]]:
    """Yield delivery paths that are, or hold, a folder of ours (rule ``EST-PATH-HOME``).

    A delivered set is made of links and of a folder of keys; whoever reads or backs up the folder
    around it gets them too, and the estate's folder is kept in git.

    Args:
        estate: whose consumers are judged.
        file: the estate file.
    """
    taken = _homes(file)
    around = {each: what for folder, what in taken.items() for each in folder.parents} | taken
    for index, consumer in enumerate(estate.consumers):
        directory = consumer.deliver.directory
        path = directory.path if directory else Path()
        if path in around:
            relation = "is" if path in taken else "holds"
            yield (
                "EST-PATH-HOME",
                Breach(
                    ("consumers", index, "deliver", "directory", "path"),
                    f"{path} {relation} {around[path]}",
                    f"use a folder of its own, like /etc/{consumer.name}/tls",
                ),
            )


def _homes(file: Path) -> dict[Path, str]:
    """Return folder → what it is; one that the machine does not know is left out."""
    folder = Path(os.path.abspath(file.parent))  # noqa: PTH100 - no links, as other paths
    try:
        return {
            Path.home(): "the home of this account",
            default_home(): "the home of the stack and its logins",
            folder: "the folder of the estate file",
        }
    except RuntimeError:  # an account without a home
        return {folder: "the folder of the estate file"}
