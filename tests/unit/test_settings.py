"""Where the settings come from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from trustwright.errors import ConfigurationError
from trustwright.settings import Settings, default_home, store_digest

pytestmark = pytest.mark.unit

SECRET = "hunter2-s3cret"


def rule_of(environ: dict[str, str]) -> str:
    """Return the rule that refuses this environment; the error shows no secret."""
    with pytest.raises(ConfigurationError) as raised:
        Settings.from_environment(environ)
    assert SECRET not in str(raised.value)
    return raised.value.rule


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    """Write a file with a mode."""
    path.write_text(text)
    path.chmod(mode)
    return path


def test_everything_lies_below_one_folder(tmp_path: Path) -> None:
    """The home alone decides all the rest."""
    settings = Settings.from_environment({"TRUSTWRIGHT_HOME": str(tmp_path)})
    assert settings == Settings(
        home=tmp_path,
        estate=tmp_path / "estate.yaml",
        store_url=f"sqlite:///{tmp_path}/store.db",
        provisioner_key=tmp_path / "identities/provisioner.key",
        audit_logs=(tmp_path / "openbao/audit.log",),
        sweep_every=timedelta(hours=1),
    )
    assert settings.workspace == tmp_path / "ceremonies"


@pytest.mark.parametrize(
    ("environ", "home"),
    [
        ({"XDG_DATA_HOME": "/data"}, "/data/trustwright"),
        ({"XDG_DATA_HOME": "relative"}, "~/.local/share/trustwright"),
        ({"XDG_DATA_HOME": ""}, "~/.local/share/trustwright"),
        ({}, "~/.local/share/trustwright"),
        ({"TRUSTWRIGHT_HOME": "", "XDG_DATA_HOME": "/data"}, "/data/trustwright"),
        ({"TRUSTWRIGHT_HOME": "~/pki", "XDG_DATA_HOME": "/data"}, "~/pki"),
    ],
)
def test_the_home_folder(environ: dict[str, str], home: str) -> None:
    """The variable, else the data folder of this account; empty and relative ones do not count."""
    assert default_home(environ) == Path(home).expanduser()


@pytest.mark.parametrize("name", ["p%41", "p%(x)s", "who?", "one\ntwo", "tab\t", "\x7f"])
def test_a_home_that_servers_read_otherwise_is_refused(tmp_path: Path, name: str) -> None:
    """In a database's URL it would be another folder, or none; the error is one line."""
    assert rule_of({"TRUSTWRIGHT_HOME": str(tmp_path / name)}) == "STACK-HOME"
    with pytest.raises(ConfigurationError) as raised:
        default_home({"TRUSTWRIGHT_HOME": str(tmp_path / name)})
    assert "--home DIR" in raised.value.hint
    assert "\n" not in raised.value.what


def test_a_relative_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a person types in one folder still holds in a flow that runs in another."""
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_environment(
        {"TRUSTWRIGHT_HOME": "here", "TRUSTWRIGHT_ESTATE": "git/estate.yaml"}
    )
    assert settings.home == tmp_path / "here"
    assert settings.estate == tmp_path / "git/estate.yaml"


def test_variables_go_before_the_defaults(tmp_path: Path) -> None:
    """Each path can be put elsewhere."""
    settings = Settings.from_environment(
        {
            "TRUSTWRIGHT_HOME": str(tmp_path),
            "TRUSTWRIGHT_STORE_URL": "postgresql://h/d",
            "TRUSTWRIGHT_ESTATE": "/e.yaml",
            "TRUSTWRIGHT_PROVISIONER_KEY": "/p.key",
            "TRUSTWRIGHT_VAULT_AUDIT_LOG": "/var/log/a.log:/var/log/b.log",
            "TRUSTWRIGHT_SWEEP_EVERY": "15m",
            "PREFECT_API_URL": "http://127.0.0.1:4200/api",
            "PREFECT_API_AUTH_STRING": "u:p",
        }
    )
    assert settings == Settings(
        home=tmp_path,
        estate=Path("/e.yaml"),
        store_url="postgresql://h/d",
        provisioner_key=Path("/p.key"),
        audit_logs=(Path("/var/log/a.log"), Path("/var/log/b.log")),
        sweep_every=timedelta(minutes=15),
        prefect_url="http://127.0.0.1:4200/api",
        prefect_auth="u:p",
    )


def test_the_store_url_may_stand_in_a_private_file(tmp_path: Path) -> None:
    """One line, for this account alone."""
    url = f"postgresql://a:{SECRET}@h/d"
    file = write(tmp_path / "url", f"{url}\n")
    settings = Settings.from_environment({"TRUSTWRIGHT_STORE_URL_FILE": str(file)})
    assert settings.store_url == url
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("text", "mode", "rule"),
    [
        (f"postgresql://a:{SECRET}@h/d", 0o640, "SET-MODE"),
        (f"postgresql://a:{SECRET}@h/d\nmore", 0o600, "SET-FILE"),
        ("\n", 0o600, "SET-FILE"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(
    tmp_path: Path, text: str, mode: int, rule: str
) -> None:
    """Open to others, several lines, none."""
    file = write(tmp_path / "url", text, mode)
    assert rule_of({"TRUSTWRIGHT_STORE_URL_FILE": str(file)}) == rule


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """The variable names nothing."""
    assert rule_of({"TRUSTWRIGHT_STORE_URL_FILE": str(tmp_path / "none")}) == "SET-FILE"


def test_two_store_urls_are_refused(tmp_path: Path) -> None:
    """Which of the two is meant is not guessed."""
    both = {
        "TRUSTWRIGHT_STORE_URL": f"postgresql://a:{SECRET}@h/d",
        "TRUSTWRIGHT_STORE_URL_FILE": str(tmp_path),
    }
    assert rule_of(both) == "SET-STORE"


def test_the_stack_says_where_prefect_is(tmp_path: Path) -> None:
    """Address and login come from the stack's state, when the environment is silent."""
    auth = write(tmp_path / "auth", f"trustwright:{SECRET}\n")
    state = {"version": 1, "prefect_api": "http://127.0.0.1:14200/api", "prefect_auth": str(auth)}
    write(tmp_path / "stack.json", json.dumps(state))
    settings = Settings.from_environment({"TRUSTWRIGHT_HOME": str(tmp_path)})
    assert settings.prefect_api == "http://127.0.0.1:14200/api"
    assert settings.prefect_auth == f"trustwright:{SECRET}"
    assert SECRET not in repr(settings)


def test_the_login_of_one_server_is_not_sent_to_another(tmp_path: Path) -> None:
    """With another address in the environment the stack's login is not used."""
    auth = write(tmp_path / "auth", f"trustwright:{SECRET}\n")
    state = {"prefect_api": "http://127.0.0.1:14200/api", "prefect_auth": str(auth)}
    write(tmp_path / "stack.json", json.dumps(state))
    settings = Settings.from_environment(
        {"TRUSTWRIGHT_HOME": str(tmp_path), "PREFECT_API_URL": "https://elsewhere/api"}
    )
    assert (settings.prefect_api, settings.prefect_auth) == ("https://elsewhere/api", None)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"prefect_api": 1}', '{"estate": []}'])
def test_a_broken_state_is_refused(tmp_path: Path, text: str) -> None:
    """A half-written file is said, not guessed at."""
    write(tmp_path / "stack.json", text)
    assert rule_of({"TRUSTWRIGHT_HOME": str(tmp_path)}) == "SET-STACK"


def stack(home: Path, *, runs: bool, **said: str) -> None:
    """Write a ``stack.json``; `runs` names a process in it."""
    processes = {"runner": {"pid": 1}} if runs else {}
    write(home / "stack.json", json.dumps({"processes": processes, **said}))


@pytest.mark.parametrize("runs", [True, False])
def test_the_stack_says_which_estate(tmp_path: Path, runs: bool) -> None:
    """A command in another shell means the estate that the flows use."""
    stack(tmp_path, runs=runs, estate="/one.yaml")
    for more in ({}, {"TRUSTWRIGHT_ESTATE": ""}, {"TRUSTWRIGHT_ESTATE": "/one.yaml"}):
        settings = Settings.from_environment({"TRUSTWRIGHT_HOME": str(tmp_path), **more})
        assert settings.estate == Path("/one.yaml")


def test_another_estate_than_the_running_flows_is_refused(tmp_path: Path) -> None:
    """Both are named, and the way out; when nothing runs, the other one is taken."""
    environ = {"TRUSTWRIGHT_HOME": str(tmp_path), "TRUSTWRIGHT_ESTATE": "/other.yaml"}
    stack(tmp_path, runs=True, estate="/one.yaml")
    with pytest.raises(ConfigurationError) as raised:
        Settings.from_environment(environ)
    assert raised.value.rule == "SET-ESTATE"
    assert str(raised.value).startswith("/other.yaml: the flows of this stack use /one.yaml ")
    assert "trustwright down" in raised.value.hint
    for runs, said in ((False, {"estate": "/one.yaml"}), (True, {"estate": ""}), (True, {})):
        stack(tmp_path, runs=runs, **said)
        assert Settings.from_environment(environ).estate == Path("/other.yaml")


def test_a_moved_home_takes_its_files_with_it(tmp_path: Path) -> None:
    """What the state says with a relative path lies below the home, wherever that is now."""
    home = tmp_path / "moved"
    (home / "prefect").mkdir(parents=True)
    write(home / "prefect" / "auth", f"trustwright:{SECRET}\n")
    stack(home, runs=True, estate="git/estate.yaml", prefect_auth="prefect/auth")
    settings = Settings.from_environment({"TRUSTWRIGHT_HOME": str(home)})
    assert settings.estate == home / "git/estate.yaml"
    assert settings.prefect_auth == f"trustwright:{SECRET}"


def test_a_link_to_the_estate_is_the_estate(tmp_path: Path) -> None:
    """Two names of one file are one estate."""
    (tmp_path / "link.yaml").symlink_to(tmp_path / "real.yaml")
    stack(tmp_path, runs=True, estate=str(tmp_path / "real.yaml"))
    environ = {"TRUSTWRIGHT_HOME": str(tmp_path), "TRUSTWRIGHT_ESTATE": f"{tmp_path}/link.yaml"}
    assert Settings.from_environment(environ).estate == tmp_path / "link.yaml"


def test_another_store_than_the_running_flows_is_refused(tmp_path: Path) -> None:
    """The state holds a digest of the address, for the address may hold a password."""
    url = f"postgresql://a:{SECRET}@h/d"
    digest = store_digest(url, tmp_path)
    assert SECRET not in digest
    home = {"TRUSTWRIGHT_HOME": str(tmp_path)}
    stack(tmp_path, runs=True, store=digest)
    assert rule_of(home) == "SET-STORE"
    assert Settings.from_environment({**home, "TRUSTWRIGHT_STORE_URL": url}).store_url == url
    stack(tmp_path, runs=True, store=store_digest(f"sqlite:///{tmp_path}/store.db", tmp_path))
    assert Settings.from_environment(home).store_url == f"sqlite:///{tmp_path}/store.db"
    assert rule_of({**home, "TRUSTWRIGHT_STORE_URL": url}) == "SET-STORE"
    stack(tmp_path, runs=False, store=digest)
    assert Settings.from_environment(home).store_url == f"sqlite:///{tmp_path}/store.db"


def test_an_sqlite_store_is_one_however_it_is_spelled(tmp_path: Path) -> None:
    """The same file through a link, or with dots, is no other store."""
    home, link = tmp_path / "home", tmp_path / "link"
    home.mkdir()
    link.symlink_to(home)
    for spelled in (f"{home}/store.db", f"{link}/store.db", f"{home}/../home/store.db"):
        assert store_digest(f"sqlite:///{spelled}", home) == "default"
    for other in (f"sqlite:///{home}/other.db", "sqlite://", "postgresql://h/sqlite:///d"):
        assert store_digest(other, home) not in {"default", store_digest("sqlite:////a", home)}


def test_prefect_is_missed_only_when_it_is_needed(tmp_path: Path) -> None:
    """Without a stack the settings load; asking for Prefect names the remedy."""
    settings = Settings.from_environment({"TRUSTWRIGHT_HOME": str(tmp_path)})
    with pytest.raises(ConfigurationError) as raised:
        _ = settings.prefect_api
    assert raised.value.rule == "SET-PREFECT"
    assert "PREFECT_API_URL" in raised.value.hint


def test_importing_the_settings_is_cheap() -> None:
    """No pydantic and no third package is imported for them."""
    code = "import sys, trustwright.settings; print('pydantic' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.stdout == "False\n"
