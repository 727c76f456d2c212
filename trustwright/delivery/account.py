"""User and group names to numbers."""

from __future__ import annotations

import grp
import pwd

from trustwright.delivery.folder import Owner, ourselves
from trustwright.errors import ConfigurationError


def owner_of(user: str | None, group: str | None, *, consumer: str) -> Owner:
    """Return the numbers of an owner; a number stands for itself, None for the account we run as.

    Raises:
        ConfigurationError: this machine has no such user or group (rule ``DLV-ACCOUNT``).
    """
    we = ourselves()
    return Owner(
        we.user if user is None else _user(user, consumer),
        we.group if group is None else _group(group, consumer),
    )


def _user(name: str, consumer: str) -> int:
    try:
        return int(name) if name.isdigit() else pwd.getpwnam(name).pw_uid
    except KeyError:
        raise _unknown("user", name, consumer) from None


def _group(name: str, consumer: str) -> int:
    try:
        return int(name) if name.isdigit() else grp.getgrnam(name).gr_gid
    except KeyError:
        raise _unknown("group", name, consumer) from None


def _unknown(kind: str, name: str, consumer: str) -> ConfigurationError:
    return ConfigurationError(
        f"consumer {consumer}: this machine has no {kind} {name!r}",
        rule="DLV-ACCOUNT",
        hint=f"create the {kind}, or change `{kind}` in the estate file",
    )
