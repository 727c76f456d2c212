"""``trustwright schema`` as an editor uses it: good files pass, wrong ones do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from tests.unit.estate.material import EXAMPLES, change, write_example
from trustwright.ceremony.rootpolicy import new_policy
from trustwright.cli.main import cli
from trustwright.cli.schema import SCHEMAS
from trustwright.cli.terminal import exit_code
from trustwright.estatefile import check_estate


def validator(what: str, capsys: pytest.CaptureFixture[str]) -> Draft202012Validator:
    """Return what an editor does with a printed schema."""
    assert exit_code(cli, "trustwright", ["schema", what]) == 0
    schema = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def wrong(judge: Draft202012Validator, text: str) -> list[str]:
    """Return the places that a file's text is refused for."""
    found = judge.iter_errors(YAML(typ="safe", pure=True).load(text))
    return sorted({".".join(map(str, each.absolute_path)) for each in found})


@pytest.mark.parametrize(
    "file", sorted(EXAMPLES.rglob("*.yaml")), ids=lambda each: str(each.relative_to(EXAMPLES))
)
def test_every_example_is_good(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The estate file, and each part that it includes."""
    assert wrong(validator("estate", capsys), file.read_text()) == []


WRONG = [
    ("validity: 730d", "validity: banana", "environments.test.intermediate.validity"),
    ("validity: 730d", "validity: 730", "environments.test.intermediate.validity"),
    ("    domain: test", "    domian: test", "environments.test"),
    ("key: ec-p384", "key: rsa", "environments.test.intermediate.key"),
    ("organization: Example", "organization: ''", "organization"),
    ("organization: Example", "organisation: Example", ""),
    ("domain: test.example.internal", "domain: Test", "environments.test.domain"),
    ("domain: test.example.internal", "domain: 10.0.0.1", "environments.test.domain"),
    ("policy: 1.3.6", "policy: x1.3.6", "environments.test.policy"),
    ("address: https:", "address: http:", "environments.test.vault.address"),
    ("internal:8200", "internal?a=b#c", "environments.test.vault.address"),
    ("mount: pki", "mount: /pki", "environments.test.vault.mount"),
    ("  test:\n", "  Test:\n", "environments"),
    ("server: { ttl", "srver: { ttl", "environments.test.roles"),
    ("usage: [server] }", "usage: [] }", "environments.test.roles.server.usage"),
    ("usage: [server] }", "usage: server }", "environments.test.roles.server.usage"),
    ("ttl: 72h, ", "", "environments.test.roles.server"),
    ("include: consumers/*.yaml", "include: [5]", "include"),
    ("at_least: info", "at_least: loud", "notify.routes.0.at_least"),
]


@pytest.mark.parametrize(("old", "new", "place"), WRONG, ids=[each[1] for each in WRONG])
def test_an_editor_marks_what_the_check_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, place: str
) -> None:
    """At its place, and `check` refuses the file too."""
    file = write_example(tmp_path)
    change(file, old, new)

    # Behind an alias it is wrong in both environments.
    found = wrong(validator("estate", capsys), file.read_text())
    assert {each.replace(".prod.", ".test.") for each in found} == {place}
    assert check_estate(file) != ()


PART = [
    ("owner: payments", "ownr: payments", ["consumers.0"]),
    ("    owner: payments\n", "", ["consumers.0"]),
    ("trusts: [prod]", "trusts: prod", ["consumers.0.trusts"]),
    ('mode: "0640"', "mode: 0640", ["consumers.0.deliver.directory.mode"]),
    ("user: billing", "keep: 0", ["consumers.0.deliver.directory.keep"]),
    ("user: billing", "keep: true", ["consumers.0.deliver.directory.keep"]),
    ("user: billing", "timeout: 30", ["consumers.0.deliver.directory.timeout"]),
    ("role: server", "role: srver", ["consumers.0.role"]),
    ("consumers:", "consumer:", [""]),
]


@pytest.mark.parametrize(("old", "new", "places"), PART, ids=[each[1] for each in PART])
def test_an_editor_marks_what_is_wrong_in_a_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, places: list[str]
) -> None:
    """Also in a file that is included."""
    file = write_example(tmp_path)
    part = file.parent / "consumers" / "payments.yaml"
    change(part, old, new)

    assert wrong(validator("estate", capsys), part.read_text()) == places
    assert check_estate(file) != ()


def defaults(schema: Any, whole: Any) -> list[tuple[Any, Any]]:
    """Return each member's schema with its default."""
    if isinstance(schema, list):
        return [pair for each in schema for pair in defaults(each, whole)]
    if not isinstance(schema, dict):
        return []
    found = [pair for each in schema.values() for pair in defaults(each, whole)]
    if "default" in schema:
        found.append((schema | {"$defs": whole.get("$defs", {})}, schema["default"]))
    return found


@pytest.mark.parametrize("what", list(SCHEMAS))
def test_defaults_are_what_one_may_write(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An editor puts them in: a duration as text, not in seconds."""
    schema = validator(what, capsys).schema
    assert isinstance(schema, dict)
    found = defaults(schema, schema)

    assert found or what == "response"
    for member, value in found:
        assert list(Draft202012Validator(member).iter_errors(value)) == [], (member, value)


def test_the_default_of_a_duration(capsys: pytest.CaptureFixture[str]) -> None:
    """As the examples write it."""
    schema = validator("estate", capsys).schema
    assert isinstance(schema, dict)
    made = schema["$defs"]["Intermediate"]["properties"]

    assert (made["validity"]["default"], made["overlap"]["default"]) == ("730d", "14d")


@pytest.mark.parametrize("what", list(SCHEMAS))
def test_nothing_of_ours_is_left(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Members that no editor knows are no part of it."""
    schema = json.dumps(validator(what, capsys).schema)

    assert not [name for name in ("x-rule", "x-noun", '"ge"', '"le"') if name in schema]


def test_the_root_policys_own_text_is_good(capsys: pytest.CaptureFixture[str]) -> None:
    """Names, durations and defaults as the transcript keeps them."""
    text = new_policy("Example", {"prod": "prod.example.internal"}, {}).text()

    assert wrong(validator("root-policy", capsys), text) == []
    assert wrong(validator("root-policy", capsys), text.replace('"prod"', '"Prod"')) == [
        "environments"
    ]


def test_a_value_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """An editor shows beside a value how it is written."""
    schema = validator("estate", capsys).schema
    assert isinstance(schema, dict)

    assert schema["$defs"]["Role"]["properties"]["ttl"]["description"] == (
        "a duration reads like 90s, 15m, 72h or 730d"
    )
