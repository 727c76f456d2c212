"""``trustwright vault``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.estate.material import write_example
from trustwright.cli.main import cli
from trustwright.cli.terminal import exit_code
from trustwright.ports import Capabilities
from trustwright.vault.probe import ABSENT_IN_VAULT, WITHOUT_NAMESPACES
from trustwright.vault.provision import VaultProvisioner

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the example's estate file, which the environment names."""
    file = write_example(tmp_path / "estate")
    text = file.read_text()
    file.write_text(text.replace("      ca: vault-ca.pem\n", ""))
    monkeypatch.setenv("TRUSTWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRUSTWRIGHT_ESTATE", str(file))
    return file


def run(*arguments: str) -> int:
    """Run the command."""
    return exit_code(cli, "trustwright", ["vault", *arguments])


def test_the_policies_of_every_identity_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Four identities and the provisioner, each under its name."""
    assert run("policies", "prod") == 0
    said = capsys.readouterr().out
    assert [line for line in said.splitlines() if line.startswith("# --- ")] == [
        "# --- trustwright-issuer, in the namespace prod",
        "# --- trustwright-rotator, in the namespace prod",
        "# --- trustwright-anchor, in the namespace prod",
        "# --- trustwright-admin, in the namespace prod",
        "# --- trustwright-provisioner, in the root namespace",
    ]
    assert said.count("# Trustwright: environment prod, mount pki\n") == 4
    assert 'path "prod/sys/policies/acl/trustwright-admin"' in said


@pytest.mark.parametrize("command", ["policies", "probe"])
def test_an_unknown_environment(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The estate names no such thing."""
    assert run(command, "stage") == 2
    assert "[EST-ENVIRONMENT]" in capsys.readouterr().err


ADDRESS = "https://vault.example.internal:8200"


def test_a_server_that_lacks_what_is_needed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything that is absent is said, and what makes it unfit is the error."""
    absent = (*ABSENT_IN_VAULT, WITHOUT_NAMESPACES)
    found = Capabilities("Vault", "1.18.3", namespaces=False, pagination=False, absent=absent)
    monkeypatch.setattr(VaultProvisioner, "probe", lambda _: found)
    assert run("probe", "prod") == 2
    said = capsys.readouterr()
    assert said.out == f"{ADDRESS}: Vault 1.18.3\n" + "".join(f"lacks {each}\n" for each in absent)
    assert said.err.startswith("error: environments.prod.vault.namespace: Vault 1.18.3 at ")
    assert "[VAULT-ABILITIES]" in said.err


def test_a_server_that_has_everything(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any key: nobody logs in."""
    found = Capabilities("OpenBao", "2.7.2", namespaces=True, pagination=True)
    monkeypatch.setattr(VaultProvisioner, "probe", lambda _: found)
    assert run("probe", "prod") == 0
    assert capsys.readouterr().out == f"{ADDRESS}: OpenBao 2.7.2\nit can hold prod\n"
