"""Logins in a real OpenBao: what preparing makes known, withdraws and refuses to share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.contract.openbao import OpenBao
from tests.contract.vaults import FreshEnvironment, Place, environment
from trustwright.clock import SystemClock
from trustwright.errors import ConfigurationError, Denied, OutcomeUnknown
from trustwright.vault import connect, identities, roles
from trustwright.vault.client import Connection
from trustwright.vault.credentials import LIFE, AppRole, Credentials, SignedToken
from trustwright.vault.identities import IDENTITIES, Identity
from trustwright.vault.provision import VaultProvisioner
from trustwright.vault.replies import Call

pytestmark = pytest.mark.contract


@pytest.fixture
def fresh(fresh_environment: FreshEnvironment) -> Place:
    """A prepared environment of its own."""
    return fresh_environment("test")


def folder_of(place: Place) -> Path:
    """The environment's identity folder."""
    return place.environment.vault.identity


def to_approle(folder: Path, identity: str, secret: str, role_id: str = "") -> None:
    """Replace an identity's key by an AppRole, as the runbook says."""
    for kind in ("key", "pub"):
        (folder / f"{identity}.{kind}").unlink(missing_ok=True)
    file = folder / f"{identity}.approle"
    file.touch(mode=0o600)
    file.write_text(json.dumps({"role_id": role_id or f"r-{identity}", "secret_id": secret}))


def to_key(folder: Path, identity: str) -> None:
    """Replace whatever an identity has by a new key pair."""
    for kind in ("key", "pub", "approle"):
        (folder / f"{identity}.{kind}").unlink(missing_ok=True)
    identities.create_key_pair(folder / f"{identity}.key")


def kept(place: Place, identity: Identity, aside: Path) -> Credentials:
    """The login of an identity, its file copied to where nobody replaces it."""
    login = identities.credentials(folder_of(place), identity, place.name)
    aside.mkdir(exist_ok=True)
    source = login.key if isinstance(login, SignedToken) else login.file  # type: ignore[attr-defined]
    copy = aside / f"{identity}-{len(list(aside.iterdir()))}{source.suffix}"
    copy.touch(mode=0o600)
    copy.write_bytes(source.read_bytes())
    if isinstance(login, SignedToken):
        return SignedToken(copy, login.identity, login.audience)
    return AppRole(copy, identity)


def logs_in(place: Place, login: Credentials) -> bool:
    """Whether the server takes a login."""
    vault = place.environment.vault
    try:
        Connection(vault.address, login, namespace=vault.namespace, ca=vault.ca).token()
    except Denied:
        return False
    return True


def approle_place(fresh_environment: FreshEnvironment) -> Place:
    """An environment whose identities are AppRoles, prepared."""
    place = fresh_environment("test", prepare=False)
    for identity in IDENTITIES:
        to_approle(folder_of(place), identity, f"s-{identity}-{folder_of(place).name}")
    place.prepare()
    return place


def test_approles_log_in_where_there_are_no_keys(fresh_environment: FreshEnvironment) -> None:
    """The same policies, for an estate whose identities are AppRoles."""
    place = approle_place(fresh_environment)
    assert place.prepare() == ()
    issuer_id = place.introduce()
    assert place.signer.sign(place.order(issuer_id))
    assert place.admins.sign(place.admin_order(issuer_id))
    with pytest.raises(Denied):
        connect.connect("issuer", "test", place.environment).listing("pki/keys")


# --- one namespace, one environment ------------------------------------------------------------


def neighbour(place: Place, folder: Path, *, mount: str = "pki", login: str = "key") -> Place:
    """Another environment, prod, in the namespace of this one."""
    vault = place.environment.vault
    identities.create_identity_keys(folder)
    if login == "approle":
        for identity in IDENTITIES:
            to_approle(folder, identity, f"prod-{identity}-{folder.name}", f"prod-{identity}")
    facts = environment(
        "prod", folder, address=vault.address, namespace=vault.namespace, ca=vault.ca
    )
    facts = facts.model_copy(update={"vault": facts.vault.model_copy(update={"mount": mount})})
    return Place(
        name="prod",
        environment=facts,
        clock=place.clock,
        provisioner=place.provisioner,
        rotator=connect.rotator("prod", facts),
        anchors=connect.anchor_signer("prod", facts),
        signer=connect.signer("prod", facts),
        admins=connect.admin_signer("prod", facts),
    )


def state_of(openbao: OpenBao, place: Place) -> dict[str, Any]:
    """Policies, logins, mounts and roles of an environment's namespace."""
    operator, namespace = openbao.operator(), place.environment.vault.namespace
    policies = [f"sys/policies/acl/{identities.policy_name(each)}" for each in IDENTITIES]
    logins = [
        f"auth/{kind}-{each}/{part}"
        for each in IDENTITIES
        for kind, part in (("jwt", "config"), ("jwt", f"role/{each}"), ("approle", f"role/{each}"))
    ]
    mounts = ["sys/mounts/pki", "sys/mounts/pki2", "pki/config/urls", "pki/roles/server"]
    return {path: operator.find(f"{namespace}/{path}") for path in (*policies, *logins, *mounts)}


@pytest.mark.parametrize("first", ["key", "approle"])
@pytest.mark.parametrize("second", ["key", "approle"])
@pytest.mark.parametrize("mount", ["pki", "pki2"])
def test_two_environments_in_one_namespace_are_refused(
    fresh_environment: FreshEnvironment,
    openbao: OpenBao,
    tmp_path: Path,
    first: str,
    second: str,
    mount: str,
) -> None:
    """They would share policies and logins, whatever kind of login either has, on any mount."""
    place = fresh_environment("test") if first == "key" else approle_place(fresh_environment)
    before = state_of(openbao, place)
    other = neighbour(place, tmp_path / "prod", mount=mount, login=second)
    with pytest.raises(ConfigurationError) as error:
        other.prepare()
    assert (error.value.rule, error.value.where) == (
        "VAULT-SHARED",
        "environments.prod.vault.namespace",
    )
    assert error.value.what == (
        "the namespace holds another environment already: the policy trustwright-issuer was "
        "written for environment test and mount pki"
    )
    assert state_of(openbao, place) == before
    assert place.prepare() == ()


def test_an_environment_that_died_early_holds_its_namespace(
    fresh_environment: FreshEnvironment, tmp_path: Path
) -> None:
    """Its first policy is there, no login yet."""
    place = fresh_environment("test", prepare=False)
    with lost_write(place, "/acl/trustwright-issuer"), pytest.raises(OutcomeUnknown):
        place.prepare()
    with pytest.raises(ConfigurationError) as error:
        neighbour(place, tmp_path / "prod", mount="pki2").prepare()
    assert error.value.rule == "VAULT-SHARED"
    assert place.prepare()
    assert place.prepare() == ()


Write = tuple[str, dict[str, Any]]
MOUNT: Write = ("sys/mounts/pki", {"type": "pki"})
JWT: Write = ("sys/auth/jwt-anchor", {"type": "jwt"})
APPROLE: Write = ("sys/auth/approle-rotator", {"type": "approle"})


@pytest.mark.parametrize(
    ("writes", "place_of", "what"),
    [
        pytest.param(
            [("sys/policies/acl/trustwright-admin", {"policy": "# mine"})],
            "namespace",
            "the policy trustwright-admin was written by somebody else",
            id="a policy of another hand",
        ),
        pytest.param(
            [
                JWT,
                (
                    "auth/jwt-anchor/role/anchor",
                    {
                        "role_type": "jwt",
                        "user_claim": "sub",
                        "bound_audiences": ["trustwright/prod"],
                    },
                ),
            ],
            "namespace",
            "the login of anchor is for trustwright/prod",
            id="a JWT login",
        ),
        pytest.param(
            [APPROLE, ("auth/approle-rotator/role/rotator", {"token_policies": ["x"]})],
            "namespace",
            "the AppRole login of rotator is somebody else's",
            id="an AppRole",
        ),
        pytest.param(
            [MOUNT, ("pki/roles/proxy", {"ou": ["prod"]})],
            "mount",
            "its role proxy signs for the unit prod",
            id="a role",
        ),
        pytest.param(
            [MOUNT, ("pki/roles/server", {"allow_any_name": True})],
            "mount",
            "its role server signs for the unit (none)",
            id="a role without a unit",
        ),
    ],
)
def test_any_sign_of_somebody_else_is_enough(
    fresh_environment: FreshEnvironment,
    openbao: OpenBao,
    writes: list[Write],
    place_of: str,
    what: str,
) -> None:
    """One thing alone, left by whoever it was; nothing is written over."""
    place = fresh_environment("test", prepare=False)
    namespace, operator = place.environment.vault.namespace, openbao.operator()
    operator.write(f"sys/namespaces/{namespace}", {})
    for path, body in writes:
        operator.write(f"{namespace}/{path}", body, warnings=("no default issuing",))
    before = state_of(openbao, place)
    with pytest.raises(ConfigurationError) as error:
        place.prepare()
    assert error.value.what == f"the {place_of} holds another environment already: {what}"
    assert error.value.where == f"environments.test.vault.{place_of}"
    assert state_of(openbao, place) == before


def test_an_approle_of_ours_without_its_policy_is_taken_up(
    fresh_environment: FreshEnvironment, openbao: OpenBao
) -> None:
    """Somebody removed the policy: its role_id is in our file, so preparing writes it again."""
    place = approle_place(fresh_environment)
    openbao.operator().delete(
        f"{place.environment.vault.namespace}/sys/policies/acl/trustwright-rotator"
    )
    assert place.prepare() == ("policy of rotator written",)


def test_an_environment_in_a_namespace_below_another_is_apart(
    fresh: Place, openbao: OpenBao, tmp_path: Path
) -> None:
    """A token is known below its namespace, too: the policies let it do nothing there."""
    below = neighbour(fresh, tmp_path)
    namespace = f"{fresh.environment.vault.namespace}/below"
    vault = below.environment.vault.model_copy(update={"namespace": namespace})
    below.environment = below.environment.model_copy(update={"vault": vault})
    # The test server's provisioner is good for direct children; this one is not held to a policy.
    below.provisioner = VaultProvisioner(openbao.operator(), openbao.provisioner_key)
    below.rotator = connect.rotator("prod", below.environment)
    assert below.prepare()
    issuer_id = below.introduce()
    order = roles.sign_body(below.admin_order(issuer_id))
    calls = {
        "issuer": Call("LIST", "pki/certs"),
        "rotator": Call("LIST", "pki/keys"),
        "anchor": Call("GET", f"pki/issuer/{issuer_id}"),
        "admin": Call("POST", f"pki/issuer/{issuer_id}/sign/admin", body=order),
    }
    for identity in IDENTITIES:
        token = connect.connect(identity, "test", fresh.environment).token()
        inside = connect.connect(identity, "prod", below.environment)
        assert inside._send(calls[identity], token).status_code == 403
        assert inside._send(calls[identity], inside.token()).status_code != 403
    assert fresh.prepare() == ()


# --- one key, one door --------------------------------------------------------------------------


def test_a_key_of_another_environment_is_not_pinned(
    fresh: Place, openbao: OpenBao, tmp_path: Path
) -> None:
    """Refused before the server is asked anything; what was pinned stays."""
    folder = folder_of(fresh)
    identities.create_identity_keys(tmp_path)
    connection = fresh.provisioner._connection  # type: ignore[attr-defined]
    guarded = VaultProvisioner(connection, openbao.provisioner_key, {"prod": tmp_path})
    files = {name: (folder / name).read_bytes() for name in ("issuer.key", "issuer.pub")}
    for name in files:
        (folder / name).write_bytes((tmp_path / name).read_bytes())
    fresh.provisioner = guarded
    with pytest.raises(ConfigurationError) as error:
        fresh.prepare()
    assert error.value.rule == "VAULT-SHARED"
    for name, content in files.items():
        (folder / name).write_bytes(content)
    assert fresh.prepare() == ()


@pytest.mark.parametrize("source", ["issuer", "provisioner"])
def test_one_key_pair_for_two_logins_is_not_pinned(
    fresh: Place, openbao: OpenBao, source: str
) -> None:
    """Neither two identities of an environment nor an identity and the provisioner."""
    folder, before = folder_of(fresh), state_of(openbao, fresh)
    held = openbao.folder if source == "provisioner" else folder
    for kind in ("key", "pub"):
        (folder / f"anchor.{kind}").write_bytes((held / f"{source}.{kind}").read_bytes())
    with pytest.raises(ConfigurationError) as error:
        fresh.prepare()
    assert (error.value.rule, error.value.what) == (
        "KEY-SHARED",
        f"anchor.pub is also that of {source}",
    )
    assert state_of(openbao, fresh) == before


def test_a_provisioner_without_its_key_has_a_rule_of_its_own(fresh: Place, tmp_path: Path) -> None:
    """It may be kept off this machine; one that is there and unusable is another matter."""
    connection = fresh.provisioner._connection  # type: ignore[attr-defined]
    for key, rule in ((tmp_path / "none.key", "KEY-PROVISIONER"), (tmp_path / "bad", "KEY-MODE")):
        if rule == "KEY-MODE":
            key.touch(mode=0o644)
        fresh.provisioner = VaultProvisioner(connection, key)
        with pytest.raises(ConfigurationError) as error:
            fresh.prepare()
        assert (error.value.rule, error.value.where) == (rule, str(key))


# --- a replaced login is gone -------------------------------------------------------------------


def test_preparing_leaves_the_login_that_the_folder_holds(fresh: Place, tmp_path: Path) -> None:
    """Key, AppRole, another secret, another role_id, key again: each locks out all before it."""
    folder = folder_of(fresh)
    former: list[Credentials] = []
    replace: tuple[Callable[[], None], ...] = (
        lambda: to_approle(folder, "issuer", f"one-{folder.name}"),
        lambda: to_approle(folder, "issuer", f"two-{folder.name}"),
        lambda: to_approle(folder, "issuer", f"two-{folder.name}", "another-role-id"),
        lambda: to_key(folder, "issuer"),
        lambda: to_key(folder, "issuer"),
        lambda: to_approle(folder, "issuer", f"three-{folder.name}"),
    )
    for step in replace:
        former.append(kept(fresh, "issuer", tmp_path / "kept"))
        assert logs_in(fresh, former[-1])
        step()
        assert fresh.prepare()
        assert fresh.prepare() == ()
        current = identities.credentials(folder, "issuer", "test")
        assert logs_in(fresh, current)
        assert [logs_in(fresh, login) for login in former] == [False] * len(former)
    connect.signer("test", fresh.environment).rotate_crl()


def test_what_was_withdrawn_is_said(fresh: Place) -> None:
    """One phrase for each, for the audit trail."""
    folder = folder_of(fresh)
    to_approle(folder, "anchor", f"one-{folder.name}")
    assert fresh.prepare()[-2:] == ("secret_id of anchor known", "jwt login of anchor withdrawn")
    to_approle(folder, "anchor", f"two-{folder.name}")
    assert fresh.prepare() == ("secret_id of anchor known", "former secret_id of anchor destroyed")
    to_key(folder, "anchor")
    assert fresh.prepare()[-1] == "approle login of anchor withdrawn"


@pytest.mark.parametrize("path", ["/custom-secret-id", "/secret-id-accessor/destroy"])
def test_a_replaced_secret_whose_reply_was_lost_is_gone_after_the_next(
    fresh_environment: FreshEnvironment, tmp_path: Path, path: str
) -> None:
    """Dying after the new one was made known, or after the old one was destroyed."""
    place = approle_place(fresh_environment)
    old = kept(place, "issuer", tmp_path / "kept")
    to_approle(folder_of(place), "issuer", f"new-{folder_of(place).name}")
    with lost_write(place, path), pytest.raises(OutcomeUnknown):
        place.prepare()
    place.prepare()
    assert place.prepare() == ()
    assert not logs_in(place, old)
    assert logs_in(place, identities.credentials(folder_of(place), "issuer", "test"))


def test_a_withdrawal_whose_reply_was_lost_is_finished_by_the_next(
    fresh: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dying before the old login is deleted leaves both, dying after it leaves one."""
    old = kept(fresh, "issuer", tmp_path / "kept")
    to_approle(folder_of(fresh), "issuer", f"new-{folder_of(fresh).name}")

    def dying(_: Connection, path: str) -> None:
        raise OutcomeUnknown(f"the connection died: {path}")

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "delete", dying)
        with pytest.raises(OutcomeUnknown):
            fresh.prepare()
    assert logs_in(fresh, old)
    assert fresh.prepare() == ("jwt login of issuer withdrawn",)
    assert not logs_in(fresh, old)


def test_a_new_key_of_an_identity_locks_the_old_one_out(fresh: Place, tmp_path: Path) -> None:
    """Rekeying an identity is: new key files, prepare."""
    old = [kept(fresh, identity, tmp_path / "kept") for identity in IDENTITIES]
    for identity in IDENTITIES:
        to_key(folder_of(fresh), identity)
    assert fresh.prepare() == tuple(
        f"key of {identity} pinned: jwt_validation_pubkeys" for identity in IDENTITIES
    )
    connect.signer("test", fresh.environment).rotate_crl()
    assert [logs_in(fresh, login) for login in old] == [False] * len(IDENTITIES)


def test_preparing_tries_every_login(fresh: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login that the server does not take shows at once, with its identity."""
    with monkeypatch.context() as patch:
        patch.setattr(SystemClock, "now", lambda _: datetime.now(UTC) + timedelta(hours=2))
        connection = fresh.provisioner._connection  # type: ignore[attr-defined]
        with pytest.raises(Denied) as error:
            fresh.prepare()
        assert connection._token
    assert error.value.rule == "VAULT-LOGIN"
    assert "issuer cannot log in" in error.value.what
    for identity in IDENTITIES:
        (folder_of(fresh) / f"{identity}.key").unlink()
    assert fresh.prepare() == ()


# --- how long a login token is good -------------------------------------------------------------


@pytest.mark.parametrize(
    ("late", "taken"),
    [
        pytest.param(-LIFE - 3, False, id="more than half a minute ahead"),
        pytest.param(-LIFE + 5, True, id="nearly half a minute ahead"),
        pytest.param(0, True, id="in time"),
        pytest.param(LIFE - 5, True, id="nearly half a minute old"),
        pytest.param(LIFE + 1, False, id="half a minute old"),
        pytest.param(2 * LIFE, False, id="a minute old"),
        pytest.param(119, False, id="two minutes old"),
    ],
)
def test_a_login_token_is_good_for_half_a_minute(fresh: Place, late: int, *, taken: bool) -> None:
    """And on clocks that differ by half a minute; the server adds nothing to what it says."""
    login = identities.credentials(folder_of(fresh), "issuer", "test")
    body = login.body(datetime.now(UTC) - timedelta(seconds=late))

    class Captured:
        path = login.path

        def body(self, now: datetime) -> dict[str, str]:
            del now
            return body

    assert logs_in(fresh, Captured()) is taken


def test_the_roles_say_their_leeways(fresh: Place, openbao: OpenBao) -> None:
    """Zero would be the server's default, up to 150 seconds; less than zero is none."""
    operator, namespace = openbao.operator(), fresh.environment.vault.namespace
    for identity in IDENTITIES:
        role = operator.read(f"{namespace}/auth/jwt-{identity}/role/{identity}") or {}
        leeways = {name: value for name, value in role.items() if name.endswith("_leeway")}
        assert leeways == dict.fromkeys(
            ("clock_skew_leeway", "expiration_leeway", "not_before_leeway"), -1
        )


@contextmanager
def lost_write(place: Place, path: str) -> Iterator[None]:
    """Lose the reply of the provisioner's write to a path that ends like this."""
    connection = place.provisioner._connection  # type: ignore[attr-defined]
    write = connection.write

    def writing(where: str, body: Any, **options: Any) -> Any:
        reply = write(where, body, **options)
        if where.endswith(path):
            raise OutcomeUnknown("the reply was lost")
        return reply

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "write", writing)
        yield
