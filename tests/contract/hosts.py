"""Consumers that fetch their sets from a real OpenBao, and their hosts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.contract.vaults import ORGANIZATION, Place
from trustwright.model.estate import Consumer
from trustwright.model.plan import Change
from trustwright.policy.naming import CONSUMER_LOGIN
from trustwright.ports import HostLogin
from trustwright.vault.client import Connection
from trustwright.vault.replies import Call, whole


def prepare(place: Place, *fetching: Consumer) -> tuple[str, ...]:
    """Prepare for these consumers."""
    return place.provisioner.prepare(
        place.name, place.environment, ORGANIZATION, place.uris, (), fetching
    )


def surplus(place: Place, *fetching: Consumer) -> list[str]:
    """The addresses of what would be removed if these were all the consumers."""
    plan = place.provisioner.plan(place.name, place.environment, ORGANIZATION, place.uris, fetching)
    return [each.address for each in plan if isinstance(each, Change) and each.destructive]


def withdraw(place: Place, *fetching: Consumer) -> tuple[str, ...]:
    """Prepare for these consumers, and remove what everybody else had, as approved."""
    approved = surplus(place, *fetching)
    return place.provisioner.prepare(
        place.name, place.environment, ORGANIZATION, place.uris, approved, fetching
    )


@dataclass(frozen=True)
class HostSecret:
    """What a host logs in with (fulfils `trustwright.vault.credentials.Credentials`)."""

    role_id: str
    secret_id: str = field(repr=False)
    path: str = f"auth/{CONSUMER_LOGIN}/login"

    def body(self, _: datetime) -> dict[str, str]:
        """The login body."""
        return {"role_id": self.role_id, "secret_id": self.secret_id}


class NoSecret:
    """Nobody logs in."""

    path = ""

    def body(self, _: datetime) -> dict[str, str]:
        """Never called."""
        raise AssertionError("a wrapping token is enough")


def unwrapped(place: Place, login: HostLogin) -> HostSecret:
    """Unwrap as the host does."""
    call = Call("POST", "sys/wrapping/unwrap", effect=True)
    with_token = _connection(place, NoSecret())
    response = with_token._send(call, login.wrapped)
    reply = whole(call, response.status_code, response.content)
    assert response.status_code == 200, reply
    return HostSecret(login.role_id, reply["data"]["secret_id"])


def host(place: Place, of: Consumer) -> Connection:
    """A host of this consumer, newly enrolled."""
    login = place.provisioner.enrol(place.environment, of, replace=False)
    return _connection(place, unwrapped(place, login))


def _connection(place: Place, secret: Any) -> Connection:
    vault = place.environment.vault
    return Connection(vault.address, secret, namespace=vault.namespace, ca=vault.ca)
