"""How the world differs from the estate file: changes that can be made, and remarks that cannot.

Pure values: no secret ever enters one, so they may be shown, logged and sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from trustwright.model.records import EnvironmentPhase

Action = Literal["create", "update", "delete"]

RemarkKind = Literal["trouble", "waits", "foreign", "unseen"]
"""*trouble*: differs, and only a person can mend it. *waits*: for somebody outside. *foreign*: not
made by Trustwright, left alone. *unseen*: was not looked at, so nothing is said about it."""


@dataclass(frozen=True)
class Member:
    """One member that differs.

    Attributes:
        now: what is there, as JSON has it; None when it is absent.
        wanted: what the estate file asks for; None when it is to be absent.
    """

    name: str
    now: Any
    wanted: Any


@dataclass(frozen=True)
class Change:
    """One difference that can be mended.

    Attributes:
        address: ``<environment>/vault/…``, ``…/consumers/…``, ``…/certificates/…`` or ``…/sets/…``.
        members: what differs within it.
        why: reasons, one sentence each.
        destructive: somebody may miss what it removes: it is made only when this very address was
            approved.
        consequences: what goes with it, one sentence each.
    """

    address: str
    action: Action
    members: tuple[Member, ...] = ()
    why: tuple[str, ...] = ()
    destructive: bool = False
    consequences: tuple[str, ...] = ()

    def at(self, address: str) -> Change:
        """Return the same change under another address."""
        return replace(self, address=address)


@dataclass(frozen=True)
class Remark:
    """Something that a plan has to say and that it does not change."""

    kind: RemarkKind
    address: str
    text: str

    def data(self) -> dict[str, str]:
        """Return the remark as JSON members."""
        return {"kind": self.kind, "address": self.address, "text": self.text}


Found = Change | Remark
"""What a look at the world yields."""


@dataclass(frozen=True)
class EnvironmentPlan:
    """One environment's differences, in the order in which they are mended."""

    environment: str
    phase: EnvironmentPhase
    changes: tuple[Change, ...] = ()
    remarks: tuple[Remark, ...] = ()

    @classmethod
    def of(
        cls, environment: str, phase: EnvironmentPhase, found: Iterable[Found]
    ) -> EnvironmentPlan:
        """Return the plan of what was found; remarks go by their kind."""
        everything = list(found)
        kinds: tuple[RemarkKind, ...] = ("trouble", "waits", "foreign", "unseen")
        remarks = [each for each in everything if isinstance(each, Remark)]
        return cls(
            environment,
            phase,
            tuple(each for each in everything if isinstance(each, Change)),
            tuple(sorted(remarks, key=lambda each: kinds.index(each.kind))),
        )

    @property
    def troubles(self) -> tuple[Remark, ...]:
        """The differences that only a person can mend."""
        return tuple(each for each in self.remarks if each.kind == "trouble")

    @property
    def differs(self) -> bool:
        """Whether the world is not as the estate file says."""
        return bool(self.changes or self.troubles)

    @property
    def destructive(self) -> tuple[Change, ...]:
        """The changes that need an approval by address."""
        return tuple(each for each in self.changes if each.destructive)

    @property
    def bootstraps(self) -> bool:
        """Whether the environment is not there yet: its bootstrap mends everything else, too."""
        return self.phase != "ready"

    def data(self) -> dict[str, Any]:
        """Return the plan as JSON members (docs/runbooks/plan-and-apply.md)."""
        return {
            "environment": self.environment,
            "phase": self.phase,
            "changes": [_change(each) for each in self.changes],
            "remarks": [each.data() for each in self.remarks],
        }


def _change(change: Change) -> dict[str, Any]:
    return {
        "address": change.address,
        "action": change.action,
        "destructive": change.destructive,
        "members": [
            {"name": each.name, "now": each.now, "wanted": each.wanted} for each in change.members
        ],
        "why": list(change.why),
        "consequences": list(change.consequences),
    }


def count(plans: Iterable[EnvironmentPlan]) -> dict[Action, int]:
    """Return how many changes of each kind the plans hold."""
    actions = [change.action for plan in plans for change in plan.changes]
    kinds: tuple[Action, ...] = ("create", "update", "delete")
    return {kind: actions.count(kind) for kind in kinds}
