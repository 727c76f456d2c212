"""Which estate and store the flows use, and that a running stack goes on using them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from trustwright.embedded.process import marked_values
from trustwright.settings import ESTATE, ESTATE_FILE, refuse_other

if TYPE_CHECKING:
    from trustwright.embedded.folder import Folder
    from trustwright.embedded.process import Process
    from trustwright.embedded.state import StackState


@dataclass(frozen=True)
class Uses:
    """What the flows work with.

    Attributes:
        estate: path of the estate file; None when nobody has said it.
        store: digest of the store's address (`trustwright.settings.store_digest`), or empty.
    """

    estate: Path | None = None
    store: str = ""


def settle_uses(
    asked: Uses, folder: Folder, remembered: StackState | None, running: dict[str, Process]
) -> Uses:
    """Return what the flows use from now on.

    Whatever runs keeps what it was started with; a stopped stack takes what is asked for.

    Raises:
        ConfigurationError: something runs, and another estate or store is asked for (rule
            ``SET-ESTATE`` or ``SET-STORE``).
    """
    known = Uses()
    if remembered is not None:
        named = folder.home / remembered.estate if remembered.estate else None
        known = Uses(named, remembered.store)
    if "runner" in running and known.estate is None:
        # `stack.json` is lost, or an earlier version wrote it: the process itself knows.
        said = marked_values(f"{folder.mark}:runner", ESTATE)
        known = replace(known, estate=Path(said[0]) if said else folder.home / ESTATE_FILE)
    if running:
        refuse_other(known.estate, known.store, asked.estate, asked.store)
    estate = known.estate or asked.estate if running else asked.estate or known.estate
    store = known.store or asked.store if running else asked.store or known.store
    return Uses(estate or folder.home / ESTATE_FILE, store)
