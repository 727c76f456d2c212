"""The phases of an environment's bootstrap, and which may follow which.

::

    planned → prepared → requested → signed → introduced → proven → ready

*planned*: named in the estate. *prepared*: mount, policies and roles are in Vault. *requested*: the
key exists and a request is sealed. *signed*: a response passed every check. *introduced*: the
certificate is imported and its anchor made. *proven*: a probe was issued, validated, revoked and
seen revoked. *ready*: every consumer that can be served holds its set.

Before *proven* a generation can be given up: the next one begins at *prepared*.
"""

from __future__ import annotations

from typing import get_args

from trustwright.errors import TransitionRefused
from trustwright.model.records import EnvironmentPhase

ORDER: tuple[EnvironmentPhase, ...] = get_args(EnvironmentPhase)


def reached(phase: EnvironmentPhase, wanted: EnvironmentPhase) -> bool:
    """Return whether `phase` is `wanted` or lies after it."""
    return ORDER.index(phase) >= ORDER.index(wanted)


def check_give_up(phase: EnvironmentPhase) -> None:
    """Refuse to give up a generation that was proven: certificates hang on it.

    Raises:
        TransitionRefused: rule ``GENERATION-PROVEN``.
    """
    if reached(phase, "proven"):
        raise TransitionRefused(
            f"this generation is {phase}",
            rule="GENERATION-PROVEN",
            hint="rotate the intermediate instead",
        )


def check_advance(current: EnvironmentPhase, wanted: EnvironmentPhase) -> None:
    """Refuse every step but the next one.

    Raises:
        TransitionRefused: `wanted` is not the phase right after `current`.
    """
    if ORDER.index(wanted) != ORDER.index(current) + 1:
        raise TransitionRefused(
            f"phase {wanted} does not follow {current}",
            rule="PHASE-ORDER",
            hint="run the bootstrap again from the top; it continues where the record stands",
        )
