"""A consumer reads its own secret and gets 403 for everything else that a real OpenBao has.

The server itself says what there is (``sys/internal/specs/openapi``): every path that needs a login
is asked, by every method, with the names of everybody else filled in.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.contract.hosts import HostSecret, host, prepare, unwrapped
from tests.contract.openbao import OpenBao
from tests.contract.vaults import FreshEnvironment, Place, csr
from tests.fakes.clock import HeldClock
from tests.unit.delivery.material import consumer, pki
from trustwright.delivery.kv import KvTarget
from trustwright.errors import Denied, Rejected
from trustwright.policy.naming import CONSUMER_LOGIN
from trustwright.vault import connect, identities
from trustwright.vault.client import Connection
from trustwright.vault.replies import Call

pytestmark = pytest.mark.contract

BILLING = consumer()
SHOP = consumer("shop", key="managed")
METHODS = {"GET": False, "LIST": False, "POST": True, "PATCH": True, "DELETE": True}
"""And whether they change something."""
REFUSALS = {401, 403}
ONLY_IN_ROOT = ("only available in root", "unavailable in namespaces")
NOBODY_ELSES = (
    # What a wrapped token holds is opened by that token, and no policy speaks of it.
    "wrapping token is not valid",
    # A drawer of each token's own, which these tokens do not have.
    "cubbyhole operations are only supported",
)
MOUNT = "trustwright-delivery"
OWN = f"{MOUNT}/data/billing"


@dataclass(frozen=True)
class Scene:
    """Two consumers of one environment, both delivered, and one of another environment."""

    place: Place
    elsewhere: Place
    issuer_id: str
    billing: Connection
    shop: Connection

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        """What stands for a parameter of a path; a word that means nothing for all others."""
        return {
            "role": (*self.place.environment.roles, "admin"),
            "role_name": ("consumer-billing", "consumer-shop"),
            "issuer_ref": (self.issuer_id, "default"),
            "name": ("shop", "trustwright-issuer"),
            "path": (
                *(f"{name}/{what}" for name in ("billing", "shop") for what in ("set", "request")),
                "billing",
                "billing/set/below",
            ),
        }


@pytest.fixture(scope="module")
def scene(fresh_environment: FreshEnvironment) -> Scene:
    """Everything in place, so that a 403 is no 404 in disguise."""
    place, elsewhere = fresh_environment("test"), fresh_environment("test")
    for each in (place, elsewhere):
        prepare(each, BILLING, SHOP)
        for fetching in (BILLING, SHOP):
            secrets = connect.secrets("test", each.environment)
            KvTarget(secrets, fetching, HeldClock()).deliver(pki().delivery(), expected=None)
    return Scene(place, elsewhere, place.introduce(), host(place, BILLING), host(place, SHOP))


def described(openbao: OpenBao, place: Place) -> dict[str, Any]:
    """Return what the server says that there is in a namespace."""
    operator = openbao.operator()
    call = Call("GET", f"{place.environment.vault.namespace}/sys/internal/specs/openapi")
    paths: dict[str, Any] = operator._send(call, operator.token()).json()["paths"]
    return paths


def filled(path: str, names: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """Yield the path with every combination of names."""
    wanted = re.findall(r"{(\w+)}", path)
    for chosen in itertools.product(*(names.get(each, ("whatever",)) for each in wanted)):
        values = dict(zip(wanted, chosen, strict=True))
        yield re.sub(r"{(\w+)}", lambda found: values[found[1]], path).lstrip("/")  # noqa: B023


def is_refused(connection: Connection, call: Call) -> bool:
    """Tell whether a call is refused, or answered as it is to whoever has no login at all.

    What only the root namespace has is asked for there.
    """
    found = connection._send(call, connection.token())
    if found.status_code in REFUSALS or any(words in found.text for words in NOBODY_ELSES):
        return True
    if any(words in found.text for words in ONLY_IN_ROOT) and connection.namespace:
        above = Connection(connection.address, connection._credentials, ca=connection.ca)
        above._token = connection.token()
        return is_refused(above, call)
    return found.status_code == connection._send(call, None).status_code


def open_to(connection: Connection, paths: set[str]) -> set[tuple[str, str]]:
    """Return the methods and paths that are not refused."""
    body = {"csr": csr(), "common_name": "billing.test.example.internal", "data": {"csr": "x"}}
    calls = [
        Call(method, path, body=body if effect else None, effect=effect)
        for path in sorted(paths)
        for method, effect in METHODS.items()
    ]
    return {(call.method, call.path) for call in calls if not is_refused(connection, call)}


@pytest.mark.timeout(120)
def test_a_consumer_reads_its_own_secret_and_nothing_else(scene: Scene, openbao: OpenBao) -> None:
    """Of every path that the server has; a host that keeps its key writes its own request, too."""
    asked = {
        path
        for template, facts in described(openbao, scene.place).items()
        if not facts.get("x-vault-unauthenticated")
        for path in filled(template, scene.names)
    }

    assert {
        f"{OWN}/set",
        f"{MOUNT}/data/shop/set",
        f"{MOUNT}/metadata/shop/set",
        f"{MOUNT}/destroy/shop/set",
        f"pki/issuer/{scene.issuer_id}/sign/server",
        f"pki/issuer/{scene.issuer_id}/sign-verbatim/server",
        "pki/sign/admin",
        "pki/certs",
        "pki/revoke",
        f"auth/{CONSUMER_LOGIN}/role/consumer-shop/secret-id",
        "auth/token/create",
        "sys/policies/acl/trustwright-issuer",
    } <= asked
    assert open_to(scene.shop, asked) == {("GET", f"{MOUNT}/data/shop/set")}
    assert open_to(scene.billing, asked) == {
        ("GET", f"{OWN}/set"),
        ("GET", f"{OWN}/request"),
        ("POST", f"{OWN}/request"),
    }


def test_a_consumer_is_nobody_in_another_environment(scene: Scene) -> None:
    """Not even at the path that would be its own, with its own token or with its own secret."""
    vault = scene.elsewhere.environment.vault
    there = Connection(
        vault.address, scene.billing._credentials, namespace=vault.namespace, ca=vault.ca
    )
    call = Call("GET", f"{OWN}/set")

    assert there._send(call, scene.billing.token()).status_code == 403
    with pytest.raises(Denied):
        there.token()
    assert there._send(call, host(scene.elsewhere, BILLING).token()).status_code == 200


def test_a_secret_opens_its_own_login_only(scene: Scene) -> None:
    """The role_id of another consumer is no secret, and no use."""
    mine, theirs = (
        unwrapped(scene.place, scene.place.provisioner.enrol(facts, each, replace=False))
        for facts, each in ((scene.place.environment, BILLING), (scene.place.environment, SHOP))
    )
    vault = scene.place.environment.vault
    for role_id, opens in ((mine.role_id, True), (theirs.role_id, False)):
        secret = HostSecret(role_id, mine.secret_id)
        found = Connection(vault.address, secret, namespace=vault.namespace, ca=vault.ca)
        if opens:
            assert found.token()
        else:
            with pytest.raises(Denied):
                found.token()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("LIST", "metadata", None),
        ("LIST", "metadata/billing", None),
        ("POST", "metadata/billing/set", {"cas_required": False}),
        ("PATCH", "metadata/billing/set", {"max_versions": 5}),
        ("DELETE", "metadata/billing/set", {}),
        ("DELETE", "data/billing/set", {}),
        ("POST", "delete/billing/set", {"versions": [1]}),
        ("POST", "destroy/billing/set", {"versions": [1]}),
        ("PATCH", "data/billing/set", {"data": {}}),
        ("POST", "data/billing/request", {"data": {"csr": "x"}}),
        ("POST", "data/billing/other", {"data": {}, "options": {"cas": 0}}),
        ("POST", "config", {"max_versions": 5}),
        ("GET", "config", None),
    ],
)
def test_the_issuer_identity_writes_and_reads_sets_and_no_more(
    scene: Scene, method: str, path: str, body: dict[str, Any] | None
) -> None:
    """It lists, deletes and configures nothing, and leaves no request in a host's name."""
    issuer = connect.connect("issuer", "test", scene.place.environment)
    call = Call(method, f"{MOUNT}/{path}", body=body, effect=body is not None)

    assert issuer._send(call, issuer.token()).status_code == 403
    assert issuer.read(f"{MOUNT}/metadata/billing/set")


def test_a_set_is_not_written_without_check_and_set(scene: Scene) -> None:
    """The engine refuses it, whoever writes."""
    issuer = connect.connect("issuer", "test", scene.place.environment)
    with pytest.raises(Rejected, match="check-and-set parameter required"):
        issuer.write(f"{OWN}/set", {"data": {}})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{MOUNT}/data/billing/set"),
        ("POST", f"{MOUNT}/data/billing/set"),
        ("GET", f"{MOUNT}/data/billing/request"),
        ("POST", f"auth/{CONSUMER_LOGIN}/role/consumer-billing/secret-id"),
        ("LIST", f"auth/{CONSUMER_LOGIN}/role/consumer-billing/secret-id"),
        ("POST", f"auth/{CONSUMER_LOGIN}/role/consumer-billing/custom-secret-id"),
        ("DELETE", f"sys/mounts/{MOUNT}"),
    ],
)
def test_the_provisioner_reads_no_set_and_gets_no_open_secret(
    scene: Scene, openbao: OpenBao, method: str, path: str
) -> None:
    """A secret_id leaves the server wrapped; here nobody asks for that."""
    login = identities.provisioner_credentials(openbao.provisioner_key)
    connection = Connection(openbao.address, login, ca=openbao.ca)
    where = f"{scene.place.environment.vault.namespace}/{path}"
    call = Call(method, where, body={} if method == "POST" else None, effect=method == "POST")

    assert connection._send(call, connection.token()).status_code == 403
