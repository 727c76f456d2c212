"""What nobody of ours can do: the policies of ``infra/vault`` in a real OpenBao.

Everybody is each of the four identities of an environment, and the provisioner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.contract.openbao import OpenBao
from tests.contract.vaults import FreshEnvironment, Place, csr
from trustwright import ids
from trustwright.errors import Denied, Rejected
from trustwright.vault import identities
from trustwright.vault.client import Connection
from trustwright.vault.connect import connect
from trustwright.vault.credentials import SignedToken
from trustwright.vault.identities import IDENTITIES, Identity
from trustwright.vault.replies import Call
from trustwright.x509 import parse

pytestmark = pytest.mark.contract

Body = dict[str, Any]


@dataclass(frozen=True)
class Scene:
    """A prepared environment with an issuer, a key in waiting and a certificate."""

    place: Place
    issuer_id: str
    key_id: str
    serial: str
    spare_key_id: str

    def body(self, template: Body) -> Body:
        """A body with this scene's facts."""
        return {name: self.fill(value) for name, value in template.items()}

    def fill(self, value: Any) -> Any:
        """A text with this scene's facts."""
        if not isinstance(value, str):
            return value
        facts = {
            "ISSUER": self.issuer_id,
            "KEY": self.key_id,
            "SERIAL": self.serial,
            "SPARE": self.spare_key_id,
            "CSR": csr(),
        }
        for name, fact in facts.items():
            value = value.replace(f"<{name}>", fact)
        return value


PROVISIONER = identities.PROVISIONER
EVERYBODY = (*IDENTITIES, PROVISIONER)


@pytest.fixture(scope="module")
def scene(fresh_environment: FreshEnvironment) -> Scene:
    """One environment for the whole table: nothing in it is supposed to change."""
    return _scene(fresh_environment("test"))


def _scene(place: Place) -> Scene:
    issuer_id = place.introduce()
    leaf = parse.certificate(place.signer.sign(place.order(issuer_id)))
    return Scene(
        place,
        issuer_id,
        place.key().key_id,
        ids.serial_text(leaf.serial_number),
        place.key(2).key_id,
    )


LEAF: Body = {"csr": "<CSR>", "common_name": "a.test.example.internal", "ttl": "60s"}
ADMIN: Body = {**LEAF, "uri_sans": "spiffe://test.example.internal/admin/alice"}
CA_SUBJECT: Body = {"common_name": "x", "ou": "test"}
GENERATE: Body = {**CA_SUBJECT, "key_type": "ec", "key_bits": "384", "key_name": "test-g9"}
GENERATE_PATH = "pki/issuers/generate/intermediate"

NOBODY: list[tuple[str, str, str, Body]] = [
    ("read key", "GET", "pki/key/<KEY>", {}),
    ("sign-verbatim", "POST", "pki/issuer/<ISSUER>/sign-verbatim", LEAF),
    ("sign-verbatim of a role", "POST", "pki/issuer/<ISSUER>/sign-verbatim/server", LEAF),
    ("sign-verbatim of the default", "POST", "pki/sign-verbatim/server", LEAF),
    ("sign of the default", "POST", "pki/sign/server", LEAF),
    ("sign of the default by name", "POST", "pki/issuer/default/sign/server", LEAF),
    ("admin of the default by name", "POST", "pki/issuer/default/sign/admin", LEAF),
    ("admin of the default", "POST", "pki/sign/admin", LEAF),
    (
        "sign-self-issued of the default",
        "POST",
        "pki/issuer/default/sign-self-issued",
        {"certificate": "x"},
    ),
    (
        "sign for an e-mail address",
        "POST",
        "pki/issuer/<ISSUER>/sign/server",
        {**LEAF, "alt_names": "root@mail.test.example.internal"},
    ),
    (
        "sign for an e-mail address behind a name",
        "POST",
        "pki/issuer/<ISSUER>/sign/server",
        {**LEAF, "alt_names": "a.test.example.internal,root@mail.test.example.internal"},
    ),
    (
        "sign in the name of an e-mail address",
        "POST",
        "pki/issuer/<ISSUER>/sign/server",
        {**LEAF, "common_name": "root@mail.test.example.internal"},
    ),
    (
        "admin for an e-mail address",
        "POST",
        "pki/issuer/<ISSUER>/sign/admin",
        {**LEAF, "alt_names": "root@mail.test.example.internal"},
    ),
    ("issue", "POST", "pki/issue/server", {"common_name": "a.test.example.internal"}),
    ("issue of an issuer", "POST", "pki/issuer/<ISSUER>/issue/server", LEAF),
    ("sign by a role not in the estate", "POST", "pki/issuer/<ISSUER>/sign/agent", LEAF),
    ("sign an intermediate", "POST", "pki/issuer/<ISSUER>/sign-intermediate", LEAF),
    ("sign an intermediate, old path", "POST", "pki/root/sign-intermediate", LEAF),
    ("sign-self-issued, old path", "POST", "pki/root/sign-self-issued", {"certificate": "x"}),
    (
        "sign with an address",
        "POST",
        "pki/issuer/<ISSUER>/sign/server",
        {**LEAF, "ip_sans": "10.0.0.1"},
    ),
    (
        "sign with a date",
        "POST",
        "pki/issuer/<ISSUER>/sign/server",
        {**LEAF, "not_after": "2099-01-01T00:00:00Z"},
    ),
    ("role patch", "PATCH", "pki/roles/server", {"allow_any_name": True}),
    ("exported key", "POST", f"{GENERATE_PATH}/exported", GENERATE),
    ("exported key, old path", "POST", "pki/intermediate/generate/exported", GENERATE),
    ("internal key, old path", "POST", "pki/intermediate/generate/internal", GENERATE),
    ("key alone", "POST", "pki/keys/generate/internal", {"key_name": "test-g9"}),
    ("key exported alone", "POST", "pki/keys/generate/exported", {"key_name": "test-g9"}),
    ("key import", "POST", "pki/keys/import", {"pem_bundle": "x"}),
    (
        "key of another environment",
        "POST",
        f"{GENERATE_PATH}/internal",
        {**GENERATE, "key_name": "prod-g1"},
    ),
    (
        "key without a name",
        "POST",
        f"{GENERATE_PATH}/internal",
        {name: value for name, value in GENERATE.items() if name != "key_name"},
    ),
    ("key of another kind", "POST", f"{GENERATE_PATH}/internal", {**GENERATE, "key_type": "rsa"}),
    (
        "request with names",
        "POST",
        f"{GENERATE_PATH}/existing",
        {**CA_SUBJECT, "key_ref": "<KEY>", "alt_names": "a.test.example.internal"},
    ),
    (
        "request of another environment",
        "POST",
        f"{GENERATE_PATH}/existing",
        {"common_name": "x", "ou": "prod", "key_ref": "<KEY>"},
    ),
    (
        "root generate",
        "POST",
        "pki/issuers/generate/root/existing",
        {"common_name": "x", "key_ref": "<KEY>"},
    ),
    ("root generate internal", "POST", "pki/root/generate/internal", {"common_name": "x"}),
    ("root rotate", "POST", "pki/root/rotate/internal", {"common_name": "x"}),
    ("import bundle", "POST", "pki/issuers/import/bundle", {"pem_bundle": "x"}),
    ("set-signed", "POST", "pki/intermediate/set-signed", {"certificate": "x"}),
    ("cross-sign", "POST", "pki/intermediate/cross-sign", {"common_name": "x", "key_ref": "<KEY>"}),
    ("config/ca", "POST", "pki/config/ca", {"pem_bundle": "x"}),
    ("root delete", "DELETE", "pki/root", {}),
    ("root replace", "POST", "pki/root/replace", {"default": "<ISSUER>"}),
    ("issuer delete", "DELETE", "pki/issuer/<ISSUER>", {}),
    ("issuer replace", "POST", "pki/issuer/<ISSUER>", {"issuer_name": "test-g1"}),
    ("issuer revoke", "POST", "pki/issuer/<ISSUER>/revoke", {}),
    ("issuer outlives", "PATCH", "pki/issuer/<ISSUER>", {"leaf_not_after_behavior": "permit"}),
    ("issuer renamed out", "PATCH", "pki/issuer/<ISSUER>", {"issuer_name": "prod-g1"}),
    ("issuer URLs", "PATCH", "pki/issuer/<ISSUER>", {"crl_distribution_points": "http://x"}),
    ("issuer chain", "PATCH", "pki/issuer/<ISSUER>", {"manual_chain": "<ISSUER>"}),
    ("key delete", "DELETE", "pki/key/<SPARE>", {}),
    ("key rename", "POST", "pki/key/<KEY>", {"key_name": "other"}),
    ("default follows", "POST", "pki/config/issuers", {"default_follows_latest_issuer": True}),
    ("default key", "POST", "pki/config/keys", {"default": "<SPARE>"}),
    ("cluster", "POST", "pki/config/cluster", {"path": "http://x"}),
    ("acme", "POST", "pki/config/acme", {"enabled": True}),
    ("tidy", "POST", "pki/tidy", {"tidy_cert_store": True}),
    ("auto-tidy", "POST", "pki/config/auto-tidy", {"enabled": True}),
    ("policy write, old path", "POST", "sys/policy/own", {"policy": "x"}),
    ("login mount", "POST", "sys/auth/own", {"type": "jwt"}),
    ("policy delete", "DELETE", "sys/policies/acl/trustwright-issuer", {}),
    ("policy of others delete", "DELETE", "sys/policies/acl/other", {}),
    ("policy of our name", "POST", "sys/policies/acl/trustwright-other", {"policy": "x"}),
    ("login mount delete", "DELETE", "sys/auth/jwt-issuer", {}),
    ("second login role", "POST", "auth/jwt-issuer/role/other", {"token_policies": ["x"]}),
    ("token make", "POST", "auth/token/create", {}),
    ("token look up", "GET", "auth/token/lookup-self", {}),
    ("mount", "POST", "sys/mounts/other", {"type": "kv"}),
    ("unmount", "DELETE", "sys/mounts/pki", {}),
    ("namespace", "POST", "sys/namespaces/own", {}),
    ("identity", "POST", "identity/entity", {"name": "x"}),
    ("kv", "GET", "secret/data/x", {}),
]
"""Denied to everybody."""

NOWHERE: list[tuple[str, str, str, Body]] = [
    ("seal", "POST", "sys/seal", {}),
    ("audit", "GET", "sys/audit", {}),
    ("raw", "GET", "sys/raw/core", {}),
    ("cubbyhole", "POST", "cubbyhole/x", {"a": "b"}),
]
"""Not there for anybody: the root namespace's own, or not for batch tokens."""


def only(*names: str) -> frozenset[str]:
    """Those who may; everybody else is denied."""
    return frozenset(names)


SOME: list[tuple[str, str, str, Body, frozenset[str]]] = [
    ("sign for an admin", "POST", "pki/issuer/<ISSUER>/sign/admin", ADMIN, only("admin")),
    ("sign", "POST", "pki/issuer/<ISSUER>/sign/server", LEAF, only("issuer")),
    ("revoke", "POST", "pki/revoke", {"serial_number": "<SERIAL>"}, only("issuer")),
    ("rotate CRL", "GET", "pki/crl/rotate", {}, only("issuer")),
    ("list certificates", "LIST", "pki/certs", {}, only("issuer")),
    ("generate", "POST", f"{GENERATE_PATH}/internal", GENERATE, only("rotator")),
    (
        "request",
        "POST",
        f"{GENERATE_PATH}/existing",
        {**CA_SUBJECT, "key_ref": "<KEY>"},
        only("rotator"),
    ),
    ("import", "POST", "pki/issuers/import/cert", {"pem_bundle": "x"}, only("rotator")),
    ("name", "PATCH", "pki/issuer/<ISSUER>", {"issuer_name": "test-g1"}, only("rotator")),
    ("default", "POST", "pki/config/issuers", {"default": "<ISSUER>"}, only("rotator")),
    ("list keys", "LIST", "pki/keys", {}, only("rotator")),
    (
        "sign-self-issued",
        "POST",
        "pki/issuer/<ISSUER>/sign-self-issued",
        {"certificate": "x"},
        only("anchor"),
    ),
    ("read an issuer", "GET", "pki/issuer/<ISSUER>", {}, only("rotator", "anchor")),
    ("role write", "POST", "pki/roles/server", {"allow_any_name": True}, only(PROVISIONER)),
    ("role delete", "DELETE", "pki/roles/server", {}, only(PROVISIONER)),
    ("role list", "LIST", "pki/roles", {}, only(PROVISIONER)),
    ("old policy delete", "DELETE", "sys/policies/acl/trustwright-old", {}, only(PROVISIONER)),
    ("policy list", "LIST", "sys/policies/acl", {}, only(PROVISIONER)),
    ("old login delete", "DELETE", "auth/jwt-issuer/role/old", {}, only(PROVISIONER)),
    ("login role list", "LIST", "auth/jwt-issuer/role", {}, only(PROVISIONER)),
    ("mount list", "GET", "sys/mounts", {}, only(PROVISIONER)),
    ("login mount list", "GET", "sys/auth", {}, only(PROVISIONER)),
    ("URLs", "POST", "pki/config/urls", {"crl_distribution_points": "http://x"}, only(PROVISIONER)),
    ("CRL off", "POST", "pki/config/crl", {"disable": True}, only(PROVISIONER)),
    (
        "policy write",
        "POST",
        "sys/policies/acl/trustwright-issuer",
        {"policy": "x"},
        only(PROVISIONER),
    ),
    ("policy read", "GET", "sys/policies/acl/trustwright-issuer", {}, only(PROVISIONER)),
    (
        "login key",
        "POST",
        "auth/jwt-issuer/config",
        {"jwt_validation_pubkeys": ["x"]},
        only(PROVISIONER),
    ),
    (
        "login role",
        "POST",
        "auth/jwt-rotator/role/rotator",
        {"token_policies": ["x"]},
        only(PROVISIONER),
    ),
    ("tune", "POST", "sys/mounts/pki/tune", {"max_lease_ttl": "87600h"}, only(PROVISIONER)),
]
"""Allowed to some: the denials above are the policy's doing and not a mistake in the call."""


@pytest.fixture(scope="module")
def spare(fresh_environment: FreshEnvironment) -> Scene:
    """An environment that the provisioner may spoil."""
    return _scene(fresh_environment("test"))


@dataclass(frozen=True)
class Somebody:
    """One of everybody, in a scene: the provisioner calls from the root namespace."""

    scene: Scene
    connection: Connection
    prefix: str = ""

    def call(self, method: str, path: str, body: Body) -> None:
        """Make a call of the table."""
        where = self.prefix + self.scene.fill(path)
        body_ = self.scene.body(body) or None
        self.connection._perform(Call(method, where, body=body_, effect=method != "GET"))


def _somebody(scene: Scene, openbao: OpenBao, name: str) -> Somebody:
    if name == PROVISIONER:
        login = identities.provisioner_credentials(openbao.provisioner_key)
        connection = Connection(openbao.address, login, ca=openbao.ca)
        return Somebody(scene, connection, f"{scene.place.environment.vault.namespace}/")
    return Somebody(scene, _as(scene, next(each for each in IDENTITIES if each == name)))


def _as(scene: Scene, identity: Identity) -> Connection:
    return connect(identity, scene.place.name, scene.place.environment)


@pytest.mark.parametrize("name", EVERYBODY)
@pytest.mark.parametrize(
    ("method", "path", "body"), [row[1:] for row in NOBODY], ids=[row[0] for row in NOBODY]
)
def test_nobody_may(
    scene: Scene, openbao: OpenBao, name: str, method: str, path: str, body: Body
) -> None:
    """Each of these would widen a role, lose a key, or reach beyond the environment."""
    with pytest.raises(Denied) as error:
        _somebody(scene, openbao, name).call(method, path, body)
    assert error.value.rule == "VAULT-DENIED"
    assert "login" not in error.value.what


@pytest.mark.parametrize("name", EVERYBODY)
@pytest.mark.parametrize(
    ("method", "path", "body"), [row[1:] for row in NOWHERE], ids=[row[0] for row in NOWHERE]
)
def test_nobody_can(
    scene: Scene, openbao: OpenBao, name: str, method: str, path: str, body: Body
) -> None:
    """Refused before any policy is asked."""
    with pytest.raises((Denied, Rejected)):
        _somebody(scene, openbao, name).call(method, path, body)


MADE_UP = ("pem_bundle", "certificate", "policy", "jwt_validation_pubkeys", "token_policies")
"""Members that the table fills with nonsense: the policy lets the call through, and it fails."""


@pytest.mark.parametrize("name", EVERYBODY)
@pytest.mark.parametrize(
    ("method", "path", "body", "allowed"), [row[1:] for row in SOME], ids=[row[0] for row in SOME]
)
def test_only_its_identity_may(
    scene: Scene,
    spare: Scene,
    openbao: OpenBao,
    name: str,
    method: str,
    path: str,
    body: Body,
    allowed: frozenset[str],
) -> None:
    """The one whose job it is may; the others are denied."""
    if name not in allowed:
        with pytest.raises(Denied):
            _somebody(scene, openbao, name).call(method, path, body)
        return
    somebody = _somebody(spare if name == PROVISIONER else scene, openbao, name)
    if set(MADE_UP) & set(body):
        with pytest.raises(Rejected):
            somebody.call(method, path, body)
        return
    somebody.call(method, path, body)


@pytest.mark.parametrize(
    ("identity", "method", "path"),
    [
        ("issuer", "LIST", "pki/certs"),
        ("rotator", "LIST", "pki/keys"),
        ("anchor", "POST", "pki/issuer/<ISSUER>/sign-self-issued"),
        ("admin", "POST", "pki/issuer/<ISSUER>/sign/admin"),
    ],
)
def test_no_identity_reaches_another_environment(
    scene: Scene,
    fresh_environment: FreshEnvironment,
    identity: Identity,
    method: str,
    path: str,
) -> None:
    """A token of one namespace is nothing in another, where the same policy stands."""
    other = fresh_environment("test")
    token = _as(scene, identity).token()
    bodies = {"anchor": {"certificate": "x"}, "admin": scene.body(LEAF)}
    call = Call(method, scene.fill(path), body=bodies.get(identity))
    assert connect(identity, "test", other.environment)._send(call, token).status_code == 403
    assert _as(scene, identity)._send(call, token).status_code in (200, 400)


@pytest.mark.parametrize("identity", IDENTITIES)
def test_no_key_logs_in_elsewhere(
    scene: Scene, fresh_environment: FreshEnvironment, identity: Identity
) -> None:
    """The key of one environment is not pinned in another, whatever its token claims."""
    other = fresh_environment("test")
    key = scene.place.environment.vault.identity / f"{identity}.key"
    vault = other.environment.vault
    login = SignedToken(key, identity, identities.audience("test"))
    with pytest.raises(Denied) as error:
        Connection(vault.address, login, namespace=vault.namespace, ca=vault.ca).token()
    assert error.value.what.startswith("login: ")


@pytest.mark.parametrize("own", IDENTITIES)
@pytest.mark.parametrize("wanted", IDENTITIES)
def test_no_key_logs_in_as_another_identity(scene: Scene, own: Identity, wanted: Identity) -> None:
    """A mount pins one key: the issuer's does not open the rotator's door."""
    vault = scene.place.environment.vault
    login = SignedToken(vault.identity / f"{own}.key", wanted, identities.audience("test"))
    connection = Connection(vault.address, login, namespace=vault.namespace, ca=vault.ca)
    if own == wanted:
        assert connection.token()
    else:
        with pytest.raises(Denied):
            connection.token()


Claims = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda claims: claims | {"aud": "trustwright/prod"}, id="other audience"),
        pytest.param(lambda claims: claims | {"sub": "rotator"}, id="other subject"),
        pytest.param(lambda claims: claims | {"iss": "somebody"}, id="other issuer"),
        pytest.param(
            lambda claims: claims | {"exp": claims["exp"] - 7200, "iat": claims["iat"] - 7200},
            id="expired",
        ),
        pytest.param(lambda claims: {k: v for k, v in claims.items() if k != "aud"}, id="no aud"),
    ],
)
def test_a_token_that_claims_something_else_is_denied(
    scene: Scene, change: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signed by the right key, yet not for this login."""
    import jwt  # noqa: PLC0415 - only to change what it encodes

    encode = jwt.encode
    monkeypatch.setattr(
        "trustwright.vault.credentials.jwt.encode",
        lambda claims, key, algorithm: encode(change(claims), key, algorithm),
    )
    with pytest.raises(Denied):
        _as(scene, "issuer").token()


def test_tokens_carry_one_policy_and_die_soon(scene: Scene) -> None:
    """Not even the default policy, and no entity policies."""
    connection = _as(scene, "issuer")
    body = connection._credentials.body(connection._clock.now())
    response = connection._send(Call("POST", connection._credentials.path, body=body), None)
    auth = response.json()["auth"]
    assert auth["policies"] == auth["token_policies"] == ["trustwright-issuer"]
    assert auth["token_type"] == "batch"
    assert auth["lease_duration"] == identities.TOKEN_SECONDS
    assert not auth["renewable"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "{ns}/pki/issuer/{issuer}/sign/server"),
        ("POST", "{ns}/pki/issuers/generate/intermediate/internal"),
        ("POST", "{ns}/pki/issuer/{issuer}/sign-self-issued"),
        ("POST", "{ns}/pki/revoke"),
        ("DELETE", "{ns}/sys/mounts/pki"),
        ("POST", "{ns}/sys/mounts/other"),
        ("POST", "{ns}/sys/policies/acl/own"),
        ("POST", "{ns}/sys/auth/own"),
        ("DELETE", "{ns}/pki/issuer/{issuer}"),
        ("DELETE", "sys/namespaces/{ns}"),
        ("POST", "sys/policies/acl/provisioner"),
        ("POST", "auth/jwt-provisioner/config"),
        ("POST", "auth/jwt-provisioner/role/provisioner"),
        ("POST", "sys/mounts/pki"),
        ("GET", "sys/audit"),
        ("POST", "sys/seal"),
        ("POST", "auth/token/create"),
        ("POST", "auth/jwt-operator/role/operator"),
    ],
)
def test_the_provisioner_prepares_and_no_more(
    scene: Scene, openbao: OpenBao, method: str, path: str
) -> None:
    """It signs nothing, deletes no mount, and leaves its own login and the root namespace alone."""
    login = identities.provisioner_credentials(openbao.provisioner_key)
    connection = Connection(openbao.address, login, ca=openbao.ca)
    vault = scene.place.environment.vault
    where = path.format(ns=vault.namespace, issuer=scene.issuer_id)
    with pytest.raises(Denied):
        connection._perform(Call(method, where, body={"type": "kv"}, effect=True))


def test_what_the_anchor_identity_could_do(scene: Scene) -> None:
    """The server signs any self-issued CA it is handed: why its key is kept apart.

    Should this test fail, the server has become stricter and the warning in ``anchor.hcl`` can go.
    """
    foreign = scene.place.root.certificate
    reply = _as(scene, "anchor").write(
        f"pki/issuer/{scene.issuer_id}/sign-self-issued", {"certificate": parse.pem(foreign)}
    )
    signed = parse.certificate(reply["certificate"])
    assert signed.subject == foreign.subject
    assert signed.issuer != foreign.issuer
