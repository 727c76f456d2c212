"""Plans of a real OpenBao: everything, nothing, each thing that a hand changed; and no write."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.contract.openbao import OpenBao, on_disk, running
from tests.e2e.real import RealWorld
from tests.fakes.world import run_application
from trustwright.errors import Unavailable, VerificationError
from trustwright.lifecycle.planning import plan_environment
from trustwright.model.plan import EnvironmentPlan, Member
from trustwright.vault import connect, identities, policies
from trustwright.vault.client import Connection

pytestmark = pytest.mark.contract

SERVICES = (("billing", "server", "managed"), ("ledger", "server", "host"))
LOOKS = {"read", "list", "help"}
"""Operations of the audit device that change nothing; *help* is the API's own description."""


def signs(plan: EnvironmentPlan) -> list[str]:
    """Return action and address of each change, without the environment."""
    return [f"{each.action} {each.address.removeprefix('prod/')}" for each in plan.changes]


def remarks(plan: EnvironmentPlan, kind: str) -> list[str]:
    """Return the addresses of one kind of remark, without the environment."""
    return [each.address.removeprefix("prod/") for each in plan.remarks if each.kind == kind]


@dataclass
class Place:
    """A bootstrapped environment, and the operator who changes it by hand."""

    world: RealWorld
    operator: Connection

    def plan(self) -> EnvironmentPlan:
        """Plan prod."""
        return plan_environment(self.world.ports, "prod")

    def path(self, path: str) -> str:
        """Return a path of prod's namespace, as the operator writes it."""
        return f"{self.world.namespace('prod')}/{path}"

    def write(self, path: str, **body: Any) -> None:
        """Write as the operator; the server may warn."""
        self.operator.write(self.path(path), body, warnings=(".*",))

    def change(self, path: str, **body: Any) -> None:
        """Write members beside those that are there."""
        self.write(path, **((self.operator.find(self.path(path)) or {}) | body))


def fresh(server: OpenBao, folder: Path, suffix: str) -> RealWorld:
    """Return a world in which nothing was done yet."""
    made = RealWorld(server, folder, suffix, SERVICES)
    made.leave_host_request("prod", "ledger")
    return made


@pytest.fixture(scope="module")
def place(openbao: OpenBao, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """One environment for the tests of this module: each leaves it as it found it."""
    world = fresh(openbao, tmp_path_factory.mktemp("planned"), "planned")
    world.bootstrap("prod")
    return Place(world, openbao.operator())


@contextmanager
def audited(server: OpenBao, namespace: str) -> Iterator[list[tuple[str, str]]]:
    """Collect operation and path of every request that reaches a namespace, logins left out."""
    start, seen = server.audit.stat().st_size, list[tuple[str, str]]()
    yield seen
    with server.audit.open("rb") as log:
        log.seek(start)
        for line in log:
            request = json.loads(line)
            asked = request["request"]
            within = asked.get("namespace", {}).get("path", "").rstrip("/")
            login = asked["path"].endswith("/login")
            if request["type"] == "request" and within == namespace and not login:
                seen.append((asked["operation"], asked["path"]))


def test_from_everything_to_nothing(openbao: OpenBao, tmp_path: Path) -> None:
    """A fresh server lacks all, a bootstrapped one nothing; looking writes to neither."""
    world = fresh(openbao, tmp_path, "fresh")
    with audited(openbao, "") as seen:
        plan = plan_environment(world.ports, "prod")
    assert {operation for operation, _ in seen} <= LOOKS
    assert (plan.phase, plan.remarks) == ("planned", ())
    assert {each.action for each in plan.changes} == {"create"}
    vault = [each.split("/", 1)[1] for each in signs(plan) if each.startswith("create vault/")]
    assert vault[:5] == [
        f"sys/namespaces/{world.namespace('prod')}",
        "sys/mounts/pki",
        "sys/mounts/pki/tune",
        "config/urls",
        "config/crl",
    ]
    wanted = {f"sys/policies/acl/trustwright-{each}" for each in identities.IDENTITIES}
    wanted |= {f"auth/jwt-{each}/role/{each}" for each in identities.IDENTITIES}
    wanted |= {f"roles/{each}" for each in ("server", "admin", "proxy", "agent")}
    assert wanted < set(vault)
    assert signs(plan)[len(vault) :] == [
        "create intermediate",
        *(
            f"create {part}/{name}"
            for name in ("billing", "ledger")
            for part in ("consumers", "certificates", "sets")
        ),
    ]
    world.bootstrap("prod")
    with audited(openbao, world.namespace("prod")) as seen:
        assert plan_environment(world.ports, "prod") == EnvironmentPlan("prod", "ready")
    assert {operation for operation, _ in seen} == {"read", "list"}
    assert len(seen) > 30


By = Callable[[Place], None]


def by_role(place: Place) -> None:
    """Widen a role, and leave the rest of it."""
    place.change("pki/roles/server", allow_any_name=True, max_ttl=999_999)


def by_role_anew(place: Place) -> None:
    """Write a role as people do: what is not named falls back to the server's defaults."""
    place.write("pki/roles/server", allow_any_name=True)


def by_policy(place: Place) -> None:
    """Add a rule to a policy."""
    path = "sys/policies/acl/trustwright-issuer"
    text = (place.operator.find(place.path(path)) or {})["policy"]
    place.write(path, policy=f'{text}\npath "secret/*" {{ capabilities = ["read"] }}\n')


def by_policy_anew(place: Place) -> None:
    """Replace a policy, its mark included."""
    place.write(
        "sys/policies/acl/trustwright-issuer", policy='path "*" { capabilities = ["sudo"] }'
    )


def by_tuning(place: Place) -> None:
    """Let the mount give longer lives."""
    place.write("sys/mounts/pki/tune", max_lease_ttl="87600h")


def by_urls(place: Place) -> None:
    """Point certificates elsewhere."""
    place.change("pki/config/urls", crl_distribution_points=["http://127.0.0.1:1/crl"])


def by_crl(place: Place) -> None:
    """Turn the CRL off."""
    place.change("pki/config/crl", disable=True)


def by_key(place: Place) -> None:
    """Pin another key for a login."""
    other = place.world.folder / "other" / "issuer.key"
    identities.create_key_pair(other)
    place.change("auth/jwt-anchor/config", jwt_validation_pubkeys=[identities.public_half(other)])


def by_login(place: Place) -> None:
    """Give a login more policies."""
    place.change("auth/jwt-anchor/role/anchor", token_policies=["trustwright-anchor", "default"])


def by_extra_role(place: Place) -> None:
    """Make a role of one's own."""
    place.write("pki/roles/wide", allow_any_name=True)


def by_extra_login(place: Place) -> None:
    """Make a second role in a login mount."""
    place.write(
        "auth/jwt-issuer/role/back", role_type="jwt", user_claim="sub", bound_audiences=["x"]
    )


def by_extra_policy(place: Place) -> None:
    """Leave a policy with the environment's mark."""
    text = policies.render("issuer", "prod", place.world.ports.estate.environments["prod"])
    place.write("sys/policies/acl/trustwright-old", policy=text)


def by_default(place: Place) -> None:
    """Make a root in the mount and point the default at it; it is taken away afterwards."""
    made = place.operator.write(
        place.path("pki/root/generate/internal"),
        {"common_name": "x", "issuer_name": "evil", "key_name": "evil"},
        warnings=(".*",),
    )
    place.change("pki/config/issuers", default=made["issuer_id"])


def without_evil(place: Place) -> None:
    """Remove the root that `by_default` made."""
    place.operator.delete(place.path("pki/issuer/evil"))
    place.operator.delete(place.path("pki/key/evil"))


@pytest.mark.parametrize(
    ("by_hand", "change"),
    [
        (by_role, "update vault/roles/server"),
        (by_role_anew, "update vault/roles/server"),
        (by_policy, "update vault/sys/policies/acl/trustwright-issuer"),
        (by_policy_anew, "update vault/sys/policies/acl/trustwright-issuer"),
        (by_tuning, "update vault/sys/mounts/pki/tune"),
        (by_urls, "update vault/config/urls"),
        (by_crl, "update vault/config/crl"),
        (by_key, "update vault/auth/jwt-anchor/config"),
        (by_login, "update vault/auth/jwt-anchor/role/anchor"),
        (by_extra_role, "delete vault/roles/wide"),
        (by_extra_login, "delete vault/auth/jwt-issuer/role/back"),
        (by_extra_policy, "delete vault/sys/policies/acl/trustwright-old"),
    ],
)
def test_what_a_hand_changed_is_named_and_mended(place: Place, by_hand: By, change: str) -> None:
    """That and nothing else; what is surplus goes only when its address was approved."""
    assert place.plan() == EnvironmentPlan("prod", "ready")
    by_hand(place)
    found = place.plan()
    assert (signs(found), found.remarks) == ([change], ())
    surplus = [each.address for each in found.destructive]
    assert len(surplus) == change.startswith("delete")
    left = run_application(place.world.ports, "prod")
    assert [each.address for each in left.changes] == surplus
    assert run_application(place.world.ports, "prod", *surplus) == EnvironmentPlan("prod", "ready")


def test_values_are_shown_and_keys_by_their_digest(place: Place) -> None:
    """What is there, what is wanted; a public key as a digest."""
    by_tuning(place)
    by_key(place)
    tuned, pinned = place.plan().changes
    assert tuned.members == (Member("max_lease_ttl", 315_360_000, 259_200),)
    (member,) = pinned.members
    assert member.name == "jwt_validation_pubkeys"
    for value in (member.now, member.wanted):
        assert [each[:7] for each in value] == ["sha256:"]
    assert member.now != member.wanted
    run_application(place.world.ports, "prod")


def test_a_moved_default_and_strange_issuers_are_found(place: Place) -> None:
    """The default goes back; issuer and key are for a person, for nobody of ours may delete one."""
    by_default(place)
    found = place.plan()
    assert signs(found) == ["update vault/config/issuers"]
    assert found.changes[0].members == (Member("default", "evil", "prod-g1"),)
    assert remarks(found, "trouble") == ["vault/issuer/evil", "vault/key/evil"]
    left = run_application(place.world.ports, "prod")
    assert left.changes == ()
    assert remarks(left, "trouble") == ["vault/issuer/evil", "vault/key/evil"]
    without_evil(place)
    assert place.plan() == EnvironmentPlan("prod", "ready")


def test_what_is_not_ours_is_named_and_left_alone(place: Place) -> None:
    """Whatever is approved: the flows do not remove it, and the provisioner may not."""
    foreign = ("sys/mounts/kv", "sys/auth/userpass", "sys/policies/acl/other")
    place.write("sys/mounts/kv", type="kv")
    place.write("sys/auth/userpass", type="userpass")
    rule = 'path "kv/*" { capabilities = ["read"] }'
    place.write("sys/policies/acl/other", policy=rule)
    place.write("sys/policies/acl/trustwright-mine", policy=rule)
    named = [f"vault/{each}" for each in (*foreign, "sys/policies/acl/trustwright-mine")]
    found = place.plan()
    assert (found.changes, found.differs) == ((), False)
    assert sorted(remarks(found, "foreign")) == sorted(named)
    run_application(place.world.ports, "prod", *(f"prod/{each}" for each in named))
    for path in (*foreign, "sys/policies/acl/trustwright-mine"):
        assert place.operator.find(place.path(path)) is not None
        place.operator.delete(place.path(path))


def test_a_secret_of_an_approle_is_never_shown(openbao: OpenBao, tmp_path: Path) -> None:
    """Neither one that is new nor one that is replaced; and its look-up writes nothing."""
    world = fresh(openbao, tmp_path, "approles")
    folder = world.folder / "identities" / "prod"

    def keep(secret: str) -> None:
        for kind in ("key", "pub"):
            (folder / f"anchor.{kind}").unlink(missing_ok=True)
        (folder / "anchor.approle").touch(mode=0o600)
        text = json.dumps({"role_id": "r-planned", "secret_id": secret})
        (folder / "anchor.approle").write_text(text)

    keep("first-secret")
    environment = world.ports.estate.environments["prod"]
    provisioner = connect.provisioner("prod", environment, openbao.provisioner_key)
    for secret in ("first-secret", "second-secret"):
        keep(secret)
        with audited(openbao, world.namespace("prod")) as seen:
            found = provisioner.plan("prod", environment, "Example", {})
        assert "update" not in {o for o, path in seen if not path.endswith("/secret-id/lookup")}
        said = repr(found)
        assert "anchor/secret-id" in said
        assert all(each not in said for each in ("first-secret", "second-secret", "r-planned"))
        provisioner.prepare("prod", environment, "Example", {})
    assert provisioner.plan("prod", environment, "Example", {}) == ()


def test_a_look_cannot_write(place: Place) -> None:
    """Whatever a step of the walk would try: nothing is sent."""
    looking = place.operator.looking()
    calls: list[Callable[[], object]] = [
        lambda: looking.write(place.path("pki/roles/x"), {}),
        lambda: looking.patch(place.path("pki/roles/server"), {"ttl": 1}),
        lambda: looking.delete(place.path("pki/roles/server")),
        lambda: looking.act(place.path("pki/crl/rotate")),
    ]
    with audited(place.world.server, place.world.namespace("prod")) as seen:
        for call in calls:
            with pytest.raises(VerificationError) as refused:
                call()
            assert refused.value.rule == "VAULT-LOOK"
    assert seen == []


def test_a_provisioner_of_an_earlier_version_says_what_it_cannot_see(place: Place) -> None:
    """Its policy lists nothing: that is named, and what it can see is planned."""
    path = "sys/policies/acl/provisioner"
    before = (place.operator.find(path) or {})["policy"]
    narrow = (
        before.replace(', "list"]', "]")
        .replace('acl" {', 'none" {')
        .replace('sys/mounts" {', 'none" {')
        .replace('sys/auth" {', 'none" {')
    )
    by_tuning(place)
    place.operator.write(path, {"policy": narrow})
    try:
        found = place.plan()
    finally:
        place.operator.write(path, {"policy": before})
    assert signs(found) == ["update vault/sys/mounts/pki/tune"]
    unseen = remarks(found, "unseen")
    assert {"vault/roles", "vault/sys/policies/acl", "vault/sys/mounts", "vault/sys/auth"} < set(
        unseen
    )
    assert "vault/auth/jwt-issuer/role" in unseen
    run_application(place.world.ports, "prod")


def test_a_sealed_server_gives_no_plan(tmp_path: Path) -> None:
    """Not half a plan either: nothing is shown that was not looked at."""
    (tmp_path / "server").mkdir()
    with running(tmp_path / "server", on_disk(tmp_path / "server")) as server:
        world = fresh(server, tmp_path, "sealed")
        server.operator().write("sys/seal", {})
        with pytest.raises(Unavailable) as refused:
            plan_environment(world.ports, "prod")
    assert refused.value.rule == "VAULT-SEALED"
