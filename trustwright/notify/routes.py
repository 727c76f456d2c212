"""Which channels a notice goes to: pure, by severity and environment."""

from __future__ import annotations

from typing import get_args

from trustwright.model.estate import Notify, Route, Severity
from trustwright.ports import Notice

_ORDER: tuple[Severity, ...] = get_args(Severity)


def channels_for(notice: Notice, notify: Notify) -> tuple[str, ...]:
    """Return the channels whose routes match, each once, in the order of the estate file."""
    return tuple(dict.fromkeys(each.channel for each in notify.routes if matches(each, notice)))


def matches(route: Route, notice: Notice) -> bool:
    """Return whether a route takes a notice.

    A notice without an environment is about all of them (the root, the estate): a route that is
    limited to some environments takes it too, because otherwise perhaps nobody would hear it.
    """
    severe = _ORDER.index(notice.severity) >= _ORDER.index(route.at_least)
    concerned = not (route.environments and notice.environment)
    return severe and (concerned or notice.environment in route.environments)
