"""A process that dies at its n-th call through a port, before or after the call took effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal


class ProcessDied(BaseException):
    """Stands for SIGKILL: no ``except Exception`` and no handler of ours catches it."""


@dataclass
class Mortal:
    """Counts calls and dies at one of them.

    Attributes:
        last: number of the call to die at, from 1; 0 never dies.
        moment: whether that call took effect before the death.
        calls: what was called so far, like ``signer.sign``.
    """

    last: int = 0
    moment: Literal["before", "after"] = "before"

    def __post_init__(self) -> None:
        """Start with an empty list of calls."""
        self.calls: list[str] = []

    def __call__(self, name: str, part: Any) -> Any:
        """Wrap one part of the ports.

        Events follow the row that they speak of: dying before one is dying after that row was
        written, and dying after it is dying before the next call. Both are boundaries already.
        """
        return part if name == "events" else _Part(name, part, self)

    def cross(self, name: str, act: Callable[[], Any]) -> Any:
        """Make a call, or die."""
        self.calls.append(name)
        dying = len(self.calls) == self.last
        if dying and self.moment == "before":
            self.die(name)
        result = act()
        if dying:
            self.die(name)
        return result

    def die(self, name: str) -> None:
        """Die at a call of this name."""
        raise ProcessDied(name)


class _Part:
    def __init__(self, name: str, part: Any, mortal: Mortal) -> None:
        self._name, self._part, self._mortal = name, part, mortal

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._part, name)
        if not callable(member):
            return member
        label = f"{self._name}.{name}"

        def crossing(*args: Any, **kwargs: Any) -> Any:
            return self._mortal.cross(label, lambda: _whole(member(*args, **kwargs)))

        return crossing


def _whole(result: Any) -> Any:
    """Fetch a generator's items now: a query is one call."""
    return iter(list(result)) if hasattr(result, "__next__") else result
