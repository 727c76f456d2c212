"""``trustwright consumer``: a login in a folder, a configuration on the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.estate.material import write_example
from trustwright.cli.main import cli
from trustwright.cli.terminal import exit_code
from trustwright.errors import Unavailable
from trustwright.lifecycle import enrolment
from trustwright.ports import HostLogin
from trustwright.store.migrate import migrate

pytestmark = pytest.mark.unit

WRAPPED = "s.wrapped-token"


@pytest.fixture(autouse=True)
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the example, and a store beside it."""
    file = write_example(tmp_path / "estate")
    (file.parent / "vault-ca.pem").write_text("the server's CA")
    url = f"sqlite:///{tmp_path / 'store.db'}"
    migrate(url)
    monkeypatch.setenv("TRUSTWRIGHT_ESTATE", str(file))
    monkeypatch.setenv("TRUSTWRIGHT_STORE_URL", url)
    monkeypatch.setenv("TRUSTWRIGHT_HOME", str(tmp_path / "home"))
    return file


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Answer enrolments; return what was asked."""
    calls: list[Any] = []

    def answer(_ports: Any, *names: str, replace: bool) -> HostLogin:
        calls.append((*names, replace))
        return HostLogin("role", WRAPPED, 900)

    monkeypatch.setattr(enrolment, "enrol_host", answer)
    return calls


def run(*arguments: str) -> int:
    """Run ``trustwright consumer``."""
    return exit_code(cli, "trustwright", ["consumer", *arguments])


def test_a_login_is_written_for_its_reader_alone(
    tmp_path: Path, asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Files 0600 in a folder 0700; the token is not on the terminal, what to type is."""
    folder = tmp_path / "login"
    assert run("enrol", "prod/mailer", "--output", str(folder), "--replace") == 0

    assert asked == [("prod", "mailer", True)]
    assert {each.name: each.read_text() for each in folder.iterdir()} == {
        "role_id": "role",
        "secret_id.wrapped": WRAPPED,
        "ca.pem": "the server's CA",
    }
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {each.stat().st_mode & 0o777 for each in folder.iterdir()} == {0o600}
    said = capsys.readouterr().out
    assert WRAPPED not in said
    facts = "BAO_ADDR=https://vault.example.internal:8200 BAO_NAMESPACE=prod"
    unwrap = "BAO_TOKEN=$(cat secret_id.wrapped) bao unwrap -field=secret_id > secret_id"
    assert said.splitlines()[2:] == [
        f"  umask 077; export {facts} BAO_CACERT=$PWD/ca.pem",
        f"  {unwrap} && rm secret_id.wrapped",
    ]


def test_a_folder_that_is_there_is_left_alone(
    tmp_path: Path, asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is enrolled for it."""
    assert run("enrol", "prod/mailer", "--output", str(tmp_path)) == 2

    assert asked == []
    assert "CLI-OUTPUT" in capsys.readouterr().err


def test_what_is_refused_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same command may be given again when the cause is gone."""

    def down(*_: Any, **__: Any) -> HostLogin:
        raise Unavailable("no connection", rule="VAULT-UNREACHABLE")

    with monkeypatch.context() as broken:
        broken.setattr(enrolment, "enrol_host", down)
        assert run("enrol", "prod/mailer", "--output", str(tmp_path / "login")) == 5
    assert "[VAULT-UNREACHABLE]" in capsys.readouterr().err
    assert not (tmp_path / "login").exists()


def test_a_bundle_that_is_gone_is_said_first(
    estate: Path, tmp_path: Path, asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Before a login is made that nobody could write down."""
    (estate.parent / "vault-ca.pem").unlink()
    assert run("enrol", "prod/mailer", "--output", str(tmp_path / "login")) == 2

    assert (asked, (tmp_path / "login").exists()) == ([], False)
    assert "VAULT-CA" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["mailer", "prod/", "/mailer", ""])
def test_a_consumer_is_named_with_its_environment(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two environments may have the name."""
    assert run("agent-config", name) == 2
    assert "CLI-CONSUMER" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("prod/nobody", "EST-CONSUMER"),
        ("test/mailer", "EST-CONSUMER"),
        ("prod/billing", "CONSUMER-AGENT"),
    ],
)
def test_a_consumer_without_an_agent(
    name: str, rule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is not there, or its set goes to a directory."""
    assert run("agent-config", name) == 2
    assert rule in capsys.readouterr().err


def test_a_configuration_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """With the estate's folder, owner, mode and command, and the host's paths."""
    assert run("agent-config", "prod/mailer", "--interval", "5") == 0
    text = capsys.readouterr().out

    for part in (
        'secret_id_file_path                 = "/etc/trustwright/consumers/prod-mailer/secret_id"',
        'ca_cert   = "/etc/trustwright/consumers/prod-mailer/ca.pem"',
        "cd /etc/mailer/tls\n",
        "reload() { systemctl try-reload-or-restart mailer; }",
        'chown :mail "$new"/*\n',
        'chmod 0640 "$new/key.pem"',
        'static_secret_render_interval = "5s"',
    ):
        assert part in text, part


@pytest.mark.parametrize("path", ["etc/login", '/etc/"x', "/etc/$x", "/etc/a\\b", "/etc/a\nb"])
def test_a_path_that_would_say_more_is_refused(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It stands in quotes in the configuration."""
    assert run("agent-config", "prod/mailer", "--login", path) == 2
    assert "CLI-HOST-PATH" in capsys.readouterr().err


def test_the_schema_knows_one_of_the_two(capsys: pytest.CaptureFixture[str]) -> None:
    """An editor marks a consumer that says both, or neither."""
    assert exit_code(cli, "trustwright", ["schema", "estate"]) == 0
    delivery = json.loads(capsys.readouterr().out)["$defs"]["Delivery"]

    assert (delivery["minProperties"], delivery["maxProperties"]) == (1, 1)
    assert set(delivery["properties"]) == {"directory", "vault_kv"}
