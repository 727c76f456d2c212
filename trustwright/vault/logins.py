"""The login of each identity in the server: the one that its folder holds, and no other."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trustwright.errors import ConfigurationError, Denied
from trustwright.model.plan import Change, Member
from trustwright.vault import identities, replies
from trustwright.vault.connect import connect
from trustwright.vault.credentials import read_approle
from trustwright.vault.identities import IDENTITIES
from trustwright.vault.policies import within
from trustwright.vault.settle import (
    NOT_SHOWN,
    Step,
    names_at,
    settle,
    settle_absence,
    settle_mount,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from trustwright.model.estate import Environment
    from trustwright.vault.client import Connection
    from trustwright.vault.identities import Identity


@dataclass(frozen=True)
class PinnedKey:
    """A login by self-signed tokens; `public` is the PEM that the server pins."""

    public: str


@dataclass(frozen=True)
class SharedSecret:
    """A login by AppRole."""

    role_id: str
    secret_id: str = field(repr=False)


Login = PinnedKey | SharedSecret


def logins_in(folder: Path) -> Mapping[Identity, Login]:
    """Return the login of every identity; a key goes before an AppRole.

    Raises:
        ConfigurationError: an identity has none (rule ``IDENTITY-MISSING``), or an unusable one.
    """
    return {identity: _login(folder, identity) for identity in IDENTITIES}


def _login(folder: Path, identity: Identity) -> Login:
    public, approle = identities.public_key(folder, identity), folder / f"{identity}.approle"
    if public is not None:
        return PinnedKey(public)
    if approle.exists() and not (folder / f"{identity}.key").exists():
        return SharedSecret(**read_approle(approle))
    raise ConfigurationError(
        f"{identity}.pub is lost"
        if (folder / f"{identity}.key").exists()
        else f"neither {identity}.pub nor {approle.name} is there",
        rule="IDENTITY-MISSING",
        hint="make it with `trustwright identity create`",
        where=str(folder),
    )


def settle_login(
    connection: Connection, name: str, environment: Environment, identity: Identity, login: Login
) -> Iterator[Step]:
    """Make this login known and withdraw every other one of the identity.

    A server token that an older login got lives on until it ends
    (`identities.TOKEN_SECONDS`): batch tokens cannot be called back.
    """
    if isinstance(login, PinnedKey):
        yield from _pinned_key(connection, name, environment, identity, login)
        other = "approle"
    else:
        yield from _approle(connection, environment, identity, login)
        other = "jwt"
    path = within(environment, role_path(other, identity))
    yield from settle_absence(connection, path, f"{other} login of {identity} withdrawn")


def role_path(kind: str, identity: Identity) -> str:
    """Return the path of an identity's login role; `kind` is ``jwt`` or ``approle``."""
    return f"auth/{kind}-{identity}/role/{identity}"


def _pinned_key(
    connection: Connection,
    name: str,
    environment: Environment,
    identity: Identity,
    login: PinnedKey,
) -> Iterator[Step]:
    mount = within(environment, f"sys/auth/jwt-{identity}")
    yield from settle_mount(connection, mount, {"type": "jwt"}, f"login of {identity} made")
    config = within(environment, f"auth/jwt-{identity}/config")
    pinned = identities.login_config(login.public, identity)
    yield from settle(connection, config, pinned, f"key of {identity} pinned")
    role = within(environment, role_path("jwt", identity))
    bound = identities.login_role(identity, name)
    yield from settle(connection, role, bound, f"login of {identity} bound")


def _approle(
    connection: Connection, environment: Environment, identity: Identity, login: SharedSecret
) -> Iterator[Step]:
    mount = within(environment, f"sys/auth/approle-{identity}")
    yield from settle_mount(connection, mount, {"type": "approle"}, f"login of {identity} made")
    role = within(environment, role_path("approle", identity))
    bound = identities.approle_role(identity)
    yield from settle(connection, role, bound, f"login of {identity} bound")
    named = {"role_id": login.role_id}
    yield from settle(connection, f"{role}/role-id", named, f"role_id of {identity} set")
    yield from _secret(connection, role, identity, login)


def _secret(
    connection: Connection, role: str, identity: Identity, login: SharedSecret
) -> Iterator[Step]:
    """Make the secret known, then destroy every other one: what the file held before is void."""
    wanted = {"secret_id": login.secret_id}
    if not _known(connection, role, wanted):
        shown = (Member("secret_id", None, NOT_SHOWN),)
        yield Step(
            f"{role}/custom-secret-id",
            f"secret_id of {identity} known",
            Change(f"{role}/secret-id", "create", shown),
            lambda: connection.write(f"{role}/custom-secret-id", wanted),
        )
    kept = _known(connection, role, wanted)
    others = [each for each in names_at(connection, f"{role}/secret-id") if each != kept]
    for number, accessor in enumerate(others, start=1):
        yield _destroyed(connection, role, identity, accessor, number)


def _known(connection: Connection, role: str, secret: Mapping[str, str]) -> str:
    """Return the accessor of a secret; empty when the server does not know it yet."""
    if connection.find(role) is None:
        return ""
    found = connection.ask(f"{role}/secret-id/lookup", secret)
    return replies.text(found, "secret_id_accessor", role) if found else ""


def _destroyed(
    connection: Connection, role: str, identity: Identity, accessor: str, number: int
) -> Step:
    body = {"secret_id_accessor": accessor}
    return Step(
        f"{role}/secret-id-accessor/destroy",
        f"former secret_id of {identity} destroyed",
        Change(f"{role}/secret-id/former-{number}", "delete"),
        lambda: connection.write(f"{role}/secret-id-accessor/destroy", body),
    )


def try_logins(name: str, environment: Environment) -> None:
    """Log in once as each identity whose secret is on this machine.

    Raises:
        Denied: the server does not take a login that was just made known (rule ``VAULT-LOGIN``).
    """
    folder = environment.vault.identity
    for identity in IDENTITIES:
        if not identities.holds_secret(folder, identity):
            continue
        with closing(connect(identity, name, environment)) as connection:
            try:
                connection.token()
            except Denied as error:
                raise Denied(
                    f"{identity} cannot log in although it was just made known: {error.what}",
                    rule="VAULT-LOGIN",
                    hint="compare the clocks of this machine and the server, and read the "
                    "server's log",
                    where=error.where,
                ) from error
