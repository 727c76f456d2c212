"""`infra/compose`: whole, closed to the outside, without a secret, and told what `up` tells."""

from __future__ import annotations

import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.docs.readme import ROOT
from trustwright.embedded.folder import Folder
from trustwright.embedded.prefect_server import prefect_server
from trustwright.embedded.runner import runner
from trustwright.embedded.state import Ports, StackState

pytestmark = pytest.mark.unit

FOLDER = ROOT / "infra" / "compose"
# https://github.com/compose-spec/compose-spec: the attributes that we use, and their forms.
SERVICE_KEYS = {
    *("image", "build", "user", "init", "read_only", "tmpfs", "cap_drop", "security_opt"),
    *("restart", "command", "working_dir", "secrets", "networks", "healthcheck", "environment"),
    *("volumes", "ports", "depends_on", "stop_grace_period"),
}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}
HEALTH_KEYS = {"test", "interval", "timeout", "retries", "start_period"}
SECRET_NAME = re.compile(r"PASSWORD|AUTH_STRING|TOKEN|SECRET|_KEY$")
UNLIKE_ONE_MACHINE = {
    "PREFECT_SERVER_DATABASE_CONNECTION_URL": "PostgreSQL, in parts: its password is a secret",
    "HTTP_PROXY": "the network `data` has no way out; `front` is the operator's",
    "HTTPS_PROXY": "as above",
    "NO_PROXY": "as above",
}


@cache
def compose() -> dict[str, Any]:
    """Return the file, its merges done."""
    found: dict[str, Any] = YAML(typ="safe").load(FOLDER / "compose.yaml")
    return found


SERVICES: dict[str, dict[str, Any]] = compose()["services"]
each_service = pytest.mark.parametrize("name", SERVICES)


def ours(name: str) -> bool:
    """Tell whether a service runs our image."""
    return "build" in SERVICES[name]


def test_the_top_holds_what_compose_knows() -> None:
    """Extensions begin with ``x-``."""
    known = {"name", "services", "networks", "volumes", "secrets"}
    assert {key for key in compose() if not key.startswith("x-")} == known


@each_service
def test_a_service_has_known_keys_in_their_forms(name: str) -> None:
    """A mistyped key would be refused by Compose, or worse, left out by an older one."""
    service = SERVICES[name]
    assert set(service) <= SERVICE_KEYS
    for key in ("secrets", "networks", "volumes", "ports", "cap_drop", "security_opt", "tmpfs"):
        assert all(isinstance(each, str) for each in service.get(key, []))
    assert all(isinstance(value, str) for value in service.get("environment", {}).values())
    assert service["restart"] in {"no", "always", "unless-stopped", "on-failure"}
    assert set(service.get("healthcheck", {})) <= HEALTH_KEYS
    assert service.get("healthcheck", {"test": ["CMD"]})["test"][0] == "CMD"


def test_every_name_leads_somewhere_and_none_is_left_over() -> None:
    """Networks, secrets and volumes that services name are declared, and the other way round."""
    for kind in ("networks", "secrets"):
        named = {each for service in SERVICES.values() for each in service.get(kind, [])}
        assert named == set(compose()[kind]), kind
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    named = {mount.split(":")[0] for mount in mounts if mount[0] != "."}
    assert named == set(compose()["volumes"])


@each_service
def test_what_a_service_waits_for_can_come(name: str) -> None:
    """The other one is there, and says when it is healthy or done."""
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        assert set(wait) == {"condition"}
        assert wait["condition"] in CONDITIONS
        if wait["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        if wait["condition"] == "service_completed_successfully":
            assert SERVICES[other]["restart"] == "no"


@each_service
def test_no_secret_stands_in_the_file(name: str) -> None:
    """What is secret by its name is a path to a secret that the service has been given."""
    for key, value in SERVICES[name].get("environment", {}).items():
        if SECRET_NAME.search(key):
            assert value.startswith(("/run/secrets/", "/etc/trustwright/identities/")), key
        if value.startswith("/run/secrets/"):
            assert value.removeprefix("/run/secrets/") in SERVICES[name]["secrets"]
        assert not re.search(r"://[^/]*:[^/@]*@", value), key


def test_secrets_are_files_that_git_ignores() -> None:
    """With everything else that an operator puts beside the file."""
    places = [secret["file"] for secret in compose()["secrets"].values()]
    assert all(place.startswith("./secrets/") for place in places)
    for place in (*places, "./estate/estate.yaml", "./delivered/x/key.pem"):
        done = subprocess.run(["git", "check-ignore", "--quiet", place], cwd=FOLDER, check=False)
        assert done.returncode == 0, place


def test_mounted_files_of_ours_are_there() -> None:
    """Docker would make an empty folder in the place of one that is not."""
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    files = {mount.split(":")[0] for mount in mounts if mount[0] == "."}
    made = {"./estate", "./secrets/identities", "./delivered"}
    assert made < files
    assert [file for file in sorted(files - made) if not (FOLDER / file).is_file()] == []


@each_service
def test_a_service_is_reached_from_this_machine_only(name: str) -> None:
    """A published port names the loopback; the databases' network has no way out."""
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))
    assert SERVICES["postgres"]["networks"] == ["data"]
    assert compose()["networks"]["data"] == {"internal": True}


@each_service
def test_a_service_gets_no_more_than_it_needs(name: str) -> None:
    """Ours run as an account of their own on a read-only image without capabilities."""
    service = SERVICES[name]
    assert "no-new-privileges:true" in service["security_opt"]
    if ours(name):
        assert service["user"] == "10001:10001"
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])


def test_images_are_pinned() -> None:
    """By a version, and ours by the project's own."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for name, service in SERVICES.items():
        tag = service["image"].partition(":")[2]
        assert tag == version if ours(name) else re.fullmatch(r"\d+[\w.-]*", tag)


def test_the_image_is_built_from_the_locks() -> None:
    """Every file that is copied is there, every package comes with its hash, nobody is root."""
    text = (FOLDER / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?:--\S+ )*(\S+) ", text, re.MULTILINE)
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert {"trustwright", "tasks", "flows", "deployments", "infra/vault"} <= set(copied)
    installs = re.findall(r"pip install .*", text)
    assert len(installs) == 3
    assert all("--require-hashes" in each or "--no-index --no-deps" in each for each in installs)
    assert "requirements/embedded.txt" in text
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["10001:10001"]
    assert all(
        re.search(r":3\.1[123]-", image) for image in re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    )


def one_machine(tmp_path: Path, part: str) -> dict[str, str]:
    """Return what `trustwright up` tells a part about Prefect."""
    folder, state = Folder(tmp_path / "home"), StackState.fresh(Ports())
    folder.create()
    made = prefect_server(folder, state) if part == "prefect" else runner(folder, state, "module")
    told = made.environment()
    names = ("PREFECT_", "DO_NOT_TRACK", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    return {name: text for name, text in told.items() if name.startswith(names)}


@pytest.mark.parametrize("part", ["prefect", "runner"])
def test_prefect_is_told_what_it_is_told_on_one_machine(tmp_path: Path, part: str) -> None:
    """A setting that `up` learns is missed here; one that differs says why."""
    told = one_machine(tmp_path, part)
    here = {
        name.removeprefix("FROM_FILE_"): text
        for name, text in SERVICES[part]["environment"].items()
    }
    missing = told.keys() - here.keys()
    assert missing <= UNLIKE_ONE_MACHINE.keys()
    places = {name for name, text in told.items() if re.search(r"/|:", text)}
    secret = {name for name in told if SECRET_NAME.search(name)}
    same = told.keys() - missing - places - secret
    assert len(same) > 5
    assert {name: here[name] for name in same} == {name: told[name] for name in same}
