"""The provisioner's policy of an earlier release is brought to this one, wherever a run is cut."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.contract.openbao import OpenBao, running
from tests.contract.vaults import environment
from trustwright.errors import Denied
from trustwright.model.estate import Consumer
from trustwright.vault import connect, identities, policies
from trustwright.vault.client import Connection
from trustwright.vault.ownpolicy import EARLIER, MOUNT, OWN, POLICY, ROLE, renew_own_policy

pytestmark = pytest.mark.contract

WANTED = policies.provisioner([("", "pki", "kv"), ("+", "pki", "kv")]) + policies.own()
RULES = """\
path "sys/policies/acl/trustwright-admin" { capabilities = ["create", "read", "update"] }
path "sys/auth/approle-admin" { capabilities = ["create", "read", "update", "sudo"] }
path "auth/approle-admin/role/admin" { capabilities = ["create", "read", "update", "delete"] }
path "auth/approle-admin/role/admin/role-id" { capabilities = ["read", "update"] }
path "auth/approle-admin/role/admin/custom-secret-id" { capabilities = ["create", "update"] }
"""
"""Of what the first release wrote into a stack's OpenBao, that which counts here."""

BILLING = Consumer.model_validate(
    {
        "name": "billing",
        "environment": "prod",
        "role": "server",
        "owner": "payments",
        "names": ["billing.prod.example.internal"],
        "trusts": ["prod"],
        "deliver": {"vault_kv": {}},
    }
)


class Cut(BaseException):
    """The process ended here."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    """A server that initialized itself."""
    with running(tmp_path_factory.mktemp("own")) as server:
        yield server


@pytest.fixture
def operator(server: OpenBao) -> Iterator[Connection]:
    """Whoever looks behind the scenes; the provisioner has its earlier policy."""
    with closing(server.operator()) as operator:
        for path in (MOUNT, POLICY):
            operator.delete(path)
        operator.write(OWN, {"policy": RULES})
        yield operator


def renew(server: OpenBao) -> bool:
    """What `up` does."""
    return renew_own_policy(server.address, server.ca, server.provisioner_key, WANTED)


def check_renewed(operator: Connection) -> None:
    """The policy is there, and nothing by which it was written."""
    assert (operator.find(OWN) or {})["policy"].strip() == WANTED.strip()
    assert (operator.find(POLICY), operator.find(MOUNT)) == (None, None)


def test_an_earlier_policy_becomes_todays_once(server: OpenBao, operator: Connection) -> None:
    """The second look writes nothing."""
    assert renew(server)
    check_renewed(operator)
    assert not renew(server)


def test_an_environment_in_the_root_namespace_keeps_policy_and_login(
    server: OpenBao, operator: Connection
) -> None:
    """What was there is there again."""
    theirs = 'path "pki/x" { capabilities = ["read"] }'
    operator.write(POLICY, {"policy": theirs})
    operator.write(MOUNT, {"type": "approle"})
    operator.write(ROLE, identities.approle_role("admin"))
    before = operator.find(f"{ROLE}/role-id")
    assert renew(server)
    assert (operator.find(POLICY) or {})["policy"] == theirs
    assert operator.find(f"{ROLE}/role-id") == before
    assert not renew(server)


def test_an_earlier_policy_is_named_where_it_says_no(
    server: OpenBao, operator: Connection, tmp_path: Path
) -> None:
    """To prepare again, which a 403 of another identity asks for, would meet the same 403."""
    del operator
    facts = environment("prod", tmp_path, address=server.address, namespace="prod", ca=server.ca)
    provisioner = connect.provisioner("prod", facts, server.provisioner_key)
    with pytest.raises(Denied) as refused:
        provisioner.enrol(facts, BILLING, replace=False)
    assert refused.value.rule == "VAULT-DENIED"
    assert refused.value.what.startswith("the provisioner's policy does not allow it: ")
    assert refused.value.hint == EARLIER


@pytest.mark.parametrize("after", range(7))  # writes and deletions
def test_a_run_that_was_cut_is_finished_by_the_next(
    server: OpenBao, operator: Connection, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Whatever was done before its end."""
    left = [after]

    def cut(method: str) -> None:
        real = getattr(Connection, method)

        def act(self: Connection, *args: Any, **options: Any) -> Any:
            if left[0] == 0:
                raise Cut
            left[0] -= 1
            return real(self, *args, **options)

        patch.setattr(Connection, method, act)

    with monkeypatch.context() as patch:
        cut("write")
        cut("delete")
        with pytest.raises(Cut):
            renew(server)
    renew(server)
    check_renewed(operator)
