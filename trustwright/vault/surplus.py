"""What is in the server and nobody asked for: roles, policies and logins of ours, things of others.

Ours is the mount with all its roles, every login mount that an environment has, and a policy that
bears the environment's mark. It can be removed, when a person approves it by its address. Anything
else in the namespace is somebody else's: it is named, and the provisioner may not even delete it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustwright.errors import Denied
from trustwright.model.plan import Remark
from trustwright.policy.naming import CONSUMER_LOGIN
from trustwright.vault import identities, policies
from trustwright.vault.fetching import surplus_secrets
from trustwright.vault.identities import IDENTITIES, PROVISIONER
from trustwright.vault.ownpolicy import EARLIER
from trustwright.vault.policies import within
from trustwright.vault.settle import Step, names_at, settle_absence

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from trustwright.model.estate import Environment
    from trustwright.model.plan import RemarkKind
    from trustwright.vault.client import Connection

SERVERS_MOUNTS: Final = frozenset({"sys", "identity", "cubbyhole"})
SERVERS_LOGINS: Final = frozenset({"token", f"jwt-{PROVISIONER}"})
SERVERS_POLICIES: Final = frozenset({"default", "root", PROVISIONER})
"""What every namespace has, and the provisioner's own login, which the operator made."""

OURS: Final = identities.policy_name("")

LOGINS: Final = frozenset(
    {CONSUMER_LOGIN, *(f"{kind}-{each}" for kind in ("jwt", "approle") for each in IDENTITIES)}
)
"""Login mounts of ours; the one that an identity does not use is empty."""

FOREIGN: Final = "not made by Trustwright: left alone"
NOT_ALLOWED: Final = f"the provisioner's policy does not allow it: {EARLIER}"


def surplus(
    connection: Connection, name: str, environment: Environment, settled: Collection[str]
) -> Iterator[Step]:
    """Yield a destructive step for what is ours and not wanted, a remark for what is not ours.

    Args:
        connection: of the provisioner.
        name: of the environment.
        environment: its namespace and mount.
        settled: every path that the estate asks for, as the walk settled them.
    """
    wanted = frozenset(settled)
    yield from _roles(connection, environment, wanted)
    yield from _policies(connection, name, environment, wanted)
    yield from _login_roles(connection, environment, wanted)
    try:
        yield from surplus_secrets(connection, environment, wanted)
    except Denied:
        yield _remark("unseen", within(environment, environment.vault.delivery), NOT_ALLOWED)
    mounts = SERVERS_MOUNTS | {environment.vault.delivery}
    yield from _foreign(connection, environment, wanted, "sys/mounts", mounts)
    yield from _foreign(connection, environment, wanted, "sys/auth", SERVERS_LOGINS | LOGINS)


def _roles(
    connection: Connection, environment: Environment, wanted: Collection[str]
) -> Iterator[Step]:
    folder = within(environment, f"{environment.vault.mount}/roles")
    yield from _removals(connection, folder, wanted, "role ")


def _policies(
    connection: Connection, name: str, environment: Environment, wanted: Collection[str]
) -> Iterator[Step]:
    folder = within(environment, "sys/policies/acl")
    names = _names(connection, folder)
    if names is None:
        yield _remark("unseen", folder, NOT_ALLOWED)
    for policy in names or ():
        path = f"{folder}/{policy}"
        if path in wanted or policy in SERVERS_POLICIES:
            continue
        if policy.startswith(OURS) and _is_marked(connection, path, name, environment):
            yield from _removal(connection, path, f"policy {policy} removed")
        else:
            yield _remark("foreign", path, FOREIGN)


def _is_marked(connection: Connection, path: str, name: str, environment: Environment) -> bool:
    text = (connection.find(path) or {}).get("policy") or ""
    return policies.owner(text) == (name, environment.vault.mount)


def _login_roles(
    connection: Connection, environment: Environment, wanted: Collection[str]
) -> Iterator[Step]:
    """Look into every login mount of ours: a second role there opens a door of its own."""
    below = within(environment, "auth/")
    above = {path.rpartition("/")[0] for path in wanted if path.startswith(below)}
    # Consumers may all have left.
    above.add(f"{below}{CONSUMER_LOGIN}/role")
    for folder in sorted(each for each in above if each.endswith("/role")):
        login = folder.removeprefix(below).removesuffix("/role")
        yield from _removals(connection, folder, wanted, f"login {login}/")


def _removals(
    connection: Connection, folder: str, wanted: Collection[str], kind: str
) -> Iterator[Step]:
    names = _names(connection, folder)
    if names is None:
        yield _remark("unseen", folder, NOT_ALLOWED)
    for name in names or ():
        if f"{folder}/{name}" not in wanted:
            yield from _removal(connection, f"{folder}/{name}", f"{kind}{name} removed")


def _removal(connection: Connection, path: str, phrase: str) -> Iterator[Step]:
    yield from settle_absence(connection, path, phrase, destructive=True)


def _foreign(
    connection: Connection,
    environment: Environment,
    wanted: Collection[str],
    place: str,
    known: Collection[str],
) -> Iterator[Step]:
    """Name the mounts that the estate does not ask for and the server does not have by itself."""
    folder = within(environment, place)
    try:
        found = connection.find(folder) or {}
    except Denied:
        yield _remark("unseen", folder, NOT_ALLOWED)
        return
    for mount in sorted(each.rstrip("/") for each in found):
        if mount not in known and f"{folder}/{mount}" not in wanted:
            yield _remark("foreign", f"{folder}/{mount}", FOREIGN)


def _names(connection: Connection, folder: str) -> list[str] | None:
    """Return what a folder lists; None when the provisioner may not see it."""
    try:
        return names_at(connection, folder)
    except Denied:
        return None


def _remark(kind: RemarkKind, path: str, text: str) -> Step:
    return Step(path, remark=Remark(kind, path, text))
