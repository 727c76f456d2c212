"""A single wrong value: its own rule, our words, a remedy."""

# ruff: noqa: E501 - the long lines are what a person reads

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.unit.estate.material import PYDANTIC, plain, put
from trustwright.estatefile.problem import Mark
from trustwright.estatefile.shape import Shaped, shape
from trustwright.estatefile.tree import Tree
from trustwright.estatefile.words import estate_schema, schema_at
from trustwright.model.values import NOUN, RULE
from trustwright.policy.breach import Location
from trustwright.policy.estate import judge

DIRECTORY = "consumers.0.deliver.directory"
VAULT = "environments.prod.vault"


def shaped(values: dict[str, Any]) -> Shaped:
    """Return what becomes of plain values, as if each stood in one line of a file."""
    return shape(Tree(value=values, marks={(): Mark(Path("/etc/trustwright/estate.yaml"))}))


def said(place: str, value: object) -> list[tuple[str, str, str]]:
    """Return rule, sentence and remedy of every problem after one value was changed."""
    values = copy.deepcopy(plain())
    put(place, value)(values)
    return [(each.rule, each.what, each.hint) for _, each in shaped(values).problems]


@dataclass(frozen=True)
class Wrong:
    """A value, the rule that it breaks, and what is said of it without its place."""

    put: str
    value: object
    rule: str
    what: str


WRONG = [
    Wrong("consumers.0.names.0", "10.0.0.1", "EST-DNS-NAME", "is no DNS name: its last label is a number, as in an address"),
    Wrong("consumers.0.names.0", "Billing.example", "EST-DNS-NAME", "is no DNS name"),
    Wrong("environments.prod.domain", "a." * 130 + "b", "EST-DNS-NAME", "has 261 characters, at most 253 are allowed"),
    Wrong("environments.prod.policy", "1.99.2", "EST-OID", "is no object identifier: its second arc is at most 39 below 1"),
    Wrong("environments.prod.policy", "1.3.4294967296", "EST-OID", "is no object identifier: an arc has more than 31 bits"),
    Wrong("environments.prod.policy", "one.two", "EST-OID", "is no object identifier"),
    Wrong("environments.prod.policy", "1.3." + "9." * 70 + "1", "EST-OID", "has 145 characters, at most 128 are allowed"),
    Wrong("environments.prod.intermediate.overlap", "14 days", "EST-DURATION", "is no duration"),
    Wrong("environments.prod.intermediate.overlap", "14d\n", "EST-DURATION", "is no duration"),
    Wrong("environments.prod.intermediate.overlap", 14, "EST-DURATION", "is no duration"),
    Wrong("environments.prod.intermediate.overlap", ["14d"], "EST-DURATION", "is no duration"),
    Wrong("organization", "", "EST-ORGANIZATION", "is empty"),
    Wrong("organization", "E" * 65, "EST-ORGANIZATION", "has 65 characters, at most 64 are allowed"),
    Wrong("consumers.0.owner", "", "EST-OWNER", "is empty"),
    Wrong("consumers.0.owner", "o" * 101, "EST-OWNER", "has 101 characters, at most 100 are allowed"),
    Wrong("consumers.0.owner", ["payments"], "EST-TYPE", "must be text"),
    Wrong("consumers.0.owner", None, "EST-TYPE", "must be text"),
    Wrong("consumers.0.name", "Billing", "EST-NAME", "is no name"),
    Wrong("consumers.0.trusts.0", "", "EST-NAME", "is no name"),
    Wrong("consumers.0.trusts", [], "EST-EMPTY", "is empty"),
    Wrong("consumers.0.names", [], "EST-EMPTY", "is empty"),
    Wrong("consumers.0.names", [f"a{n}.prod.example.internal" for n in range(21)], "EST-MANY", "has 21 items, at most 20 are allowed"),
    Wrong("consumers.0.names", "billing.prod.example.internal", "EST-TYPE", "must be a list"),
    Wrong("consumers.0.role", "srver", "EST-VALUE", "must be one of: server, admin, proxy, agent"),
    Wrong("consumers.0.role", ["server"], "EST-VALUE", "must be one of: server, admin, proxy, agent"),
    Wrong("consumers.0.probe", "https://a:1", "EST-PROBE", "is no probe"),
    Wrong("consumers.0", "billing", "EST-TYPE", "must be a mapping"),
    Wrong("consumers", {}, "EST-TYPE", "must be a list"),
    Wrong("environments", {}, "EST-EMPTY", "is empty"),
    Wrong("environments", [], "EST-TYPE", "must be a mapping"),
    Wrong("environments.prod.roles", {}, "EST-EMPTY", "is empty"),
    Wrong("environments.prod.roles.server.usage", ["server", "client", "server"], "EST-MANY", "has 3 items, at most 2 are allowed"),
    Wrong("root.fingerprint", "sha1:00", "EST-FINGERPRINT", "is no fingerprint"),
    Wrong("root.certificate", ["root.pem"], "EST-TYPE", "must be text"),
    Wrong(f"{VAULT}.namespace", "Prod", "EST-NAMESPACE", "is no namespace"),
    Wrong(f"{VAULT}.mount", "/pki", "EST-MOUNT", "is no mount"),
    Wrong(f"{VAULT}.mount", "p" * 201, "EST-MOUNT", "has 201 characters, at most 200 are allowed"),
    Wrong(f"{DIRECTORY}.mode", "640", "EST-MODE", "is no file mode"),
    Wrong(f"{DIRECTORY}.mode", 640, "EST-TYPE", "must be text"),
    Wrong(f"{DIRECTORY}.user", "Root!", "EST-ACCOUNT", "is no account"),
    Wrong(f"{DIRECTORY}.check", [], "EST-EMPTY", "is empty"),
    Wrong(f"{DIRECTORY}.check", "systemctl reload x", "EST-TYPE", "must be a list"),
    Wrong(f"{DIRECTORY}.check", [["systemctl"]], "EST-TYPE", "must be text"),
    Wrong(f"{DIRECTORY}.keep", 0, "EST-KEEP", "is less than 1"),
    Wrong(f"{DIRECTORY}.keep", 51, "EST-KEEP", "is more than 50"),
    Wrong(f"{DIRECTORY}.keep", True, "EST-TYPE", "must be a whole number"),
    Wrong(f"{DIRECTORY}.keep", "2", "EST-TYPE", "must be a whole number"),
    Wrong(f"{DIRECTORY}.keep", 2.5, "EST-TYPE", "must be a whole number"),
    Wrong(f"{DIRECTORY}.keep", "9" * 5000, "EST-TYPE", "must be a whole number"),
    Wrong("notify.routes.0.at_least", "loud", "EST-VALUE", "must be one of: info, warning, critical"),
    Wrong("notify.routes.0.channel", "Chat", "EST-NAME", "is no name"),
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=lambda each: f"{each.put}-{str(each.value)[:20]}")
def test_one_wrong_value_is_one_problem(wrong: Wrong) -> None:
    """Nothing beside it is called wrong, and there is a remedy."""
    ((rule, what, hint),) = said(wrong.put, wrong.value)

    assert (rule, what.split("` ")[1]) == (wrong.rule, wrong.what)
    assert hint


NO_ADDRESS = [
    "http://vault.example.internal:8200",
    "https://vault.example.internal:99999",
    "https://vault.example.internal:0",
    "https://vault.example.internal:",
    "https://[::1",
    "https://[]:8200",
    "https://[1::2::3]:8200",
    "https://::1:8200",
    "https://admin@vault.example.internal",
    "https://vault.example.internal?a=b",
    "https://vault.example.internal/v1?a=b#c",
    "https://vault.example.internal#c",
    "https://vault.example.internal/a b",
    "https://vault.example.internal/\\",
    "https://vault.example.internal\n",
    "https:///v1",
    "https://",
    "https://-vault",
    "https://vaült.example",
    "ftp://vault.example.internal",
    "vault.example.internal",
]


@pytest.mark.parametrize("url", NO_ADDRESS)
def test_no_address_of_a_server(url: str) -> None:
    """Logins go to an address under TLS, and it says where and nothing more."""
    ((rule, what, hint),) = said(f"{VAULT}.address", url)

    shown = "`environments.prod.vault.address` is no address of a server"
    assert (rule, what.removesuffix(": its host or port does not exist")) == ("EST-ADDRESS", shown)
    assert "https://host:port" in hint


@pytest.mark.parametrize(
    "url",
    [
        "https://vault",
        "https://127.0.0.1:18200",
        "https://[::1]:8200/",
        "https://VAULT.example.internal:65535/behind/a/proxy",
    ],
)
def test_addresses_of_servers(url: str) -> None:
    """Names, addresses, and a path where a proxy wants one."""
    assert said(f"{VAULT}.address", url) == []


def test_what_is_published_may_be_plain() -> None:
    """A CRL is signed; but a query, a fragment or a user would stand in every certificate."""
    assert said("environments.prod.publish", "http://crl.example.internal/prod/") == []
    for url in ("http://a@crl.example.internal", "http://crl/?x", "http://crl:99999", "file:///x"):
        assert [each[0] for each in said("environments.prod.publish", url)] == ["EST-PUBLISH"]


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("", "the path is empty"),
        (" ", "the path is empty"),
        ("~/tls", "`~` is not expanded"),
        (" /etc/x/tls", "the path has outer blanks"),
        ("/etc/x\x1b[31m/tls", "the path has control characters"),
        ("/etc/x\0/tls", "the path has control characters"),
        ("/etc/x\n/tls", "the path has control characters"),
        ("/etc/\u202ex/tls", "the path has control characters"),
        ("/" + "x" * 1024, "the path is longer than 1024 bytes"),
    ],
)
@pytest.mark.parametrize("place", [f"{DIRECTORY}.path", f"{VAULT}.identity", "root.certificate"])
def test_paths_that_nobody_means(place: str, path: str, what: str) -> None:
    """At each place where a path stands."""
    assert said(place, path) == [
        (
            "EST-PATH",
            what,
            "write the path of a file or folder; a relative one begins where this file stands",
        )
    ]


def test_an_unknown_key_like_pydantics_mark_of_a_key() -> None:
    """`[key]` is how pydantic ends the place of a mapping's key."""
    assert said(f"{VAULT}.[key]", 1)[0][1] == "unknown key `environments.prod.vault.[key]`"


def test_a_wrong_name_of_an_environment() -> None:
    """It is said at the key, with the rule of names."""
    values = copy.deepcopy(plain())
    values["environments"]["Prod"] = values["environments"].pop("prod")
    found = [(each.rule, each.what) for _, each in shaped(values).problems]

    assert found == [("EST-NAME", "`environments.Prod` is no name")]


def leaves(schema: dict[str, Any], place: Location = ()) -> Iterator[tuple[Location, Any]]:
    """Yield the place and the schema of each single value."""
    parts: list[str | int] = list(schema.get("properties", ()))
    parts += [0] if "items" in schema else []
    parts += ["x"] if "patternProperties" in schema else []
    parts += ["server"] if "propertyNames" in schema and not parts else []
    if not parts and "enum" not in schema:
        yield place, schema
    for part in parts:
        yield from leaves(schema_at((*place, part)), (*place, part))


def test_every_value_has_its_words() -> None:
    """A new field without them would be refused in somebody else's words."""
    found = list(leaves(estate_schema()))

    assert len(found) > 30
    for place, schema in found:
        assert schema.get(RULE, "").startswith("EST-"), place
        assert schema.get(NOUN), place
        assert schema.get("description"), place


VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 51, 10**30, 1.5, "", " ", "x", "X", "é", "\x1b", "0", "1.99.2",
    "10.0.0.1", "2.5.29.32.0", "~", "/", "..", "72h", "0d", "http://a", "https://a@b", "x" * 400,
    [], [None], [1], ["x"], ["x"] * 30, [[]], {}, {"x": 1}, {"": None},
]  # fmt: skip


def places(value: Any, place: str = "") -> Iterator[str]:
    """Yield the dotted place of every value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in inner:
        yield f"{place}{key}"
        if isinstance(item, dict | list):
            yield from places(item, f"{place}{key}.")


def whole() -> dict[str, Any]:
    """Return the good estate with every optional value."""
    values = copy.deepcopy(plain())
    values["environments"]["prod"] |= {"publish": "http://crl.example.internal"}
    values["environments"]["prod"]["vault"] |= {"ca": "/etc/ca.pem"}
    values["environments"]["prod"]["intermediate"] |= {"key": "ec-p256", "request_validity": "7d"}
    values["environments"]["prod"]["roles"]["server"] |= {"key": "ec-p256"}
    values["consumers"][0] |= {"key": "managed"}
    values["consumers"][0]["deliver"]["directory"] |= {
        "user": "x",
        "group": "x",
        "reload": ["x"],
        "check": ["x"],
        "timeout": "9s",
        "keep": 2,
    }
    values["notify"] |= {"urls_file": "/etc/urls"}
    values["notify"]["routes"][0] |= {"at_least": "info"}
    return values


@pytest.mark.parametrize("place", list(places(whole())))
def test_every_mutation_has_a_rule_a_remedy_and_our_words(place: str) -> None:
    """Each of the values in each place: no empty hint, nothing in pydantic's words."""
    for value in VALUES:
        values = whole()
        put(place, value)(values)
        found = shaped(values)
        for _, problem in found.problems:
            text = problem.text()
            assert problem.rule.startswith("EST-"), text
            assert problem.what, text
            assert problem.hint, text
            assert not [each for each in PYDANTIC if each in text], text
        if found.estate is not None:
            assert all(breach.what and breach.hint for _, breach in judge(found.estate))
