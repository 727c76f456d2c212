"""Roles as parameters, orders as bodies, policies as code, URLs."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from trustwright.errors import ConfigurationError, PolicyViolation
from trustwright.model.estate import Environment
from trustwright.ports import SignOrder
from trustwright.vault import identities, policies, roles, urls

pytestmark = pytest.mark.unit

ORDER = SignOrder(
    issuer_id="i",
    role="server",
    csr="CSR",
    names=("a.test.example.internal", "b.test.example.internal"),
    uris=("spiffe://test.example.internal/server/a",),
    ttl=3600,
)


def _environment(**changes: Any) -> Environment:
    role = {"ttl": "72h", "renew_before": "24h", "names": "in.test.example.internal"}
    vault = {"address": "https://vault:8200/", "namespace": "a/test", "identity": Path("ids")}
    return Environment.model_validate(
        {
            "domain": "test.example.internal",
            "policy": "1.3.6.1.4.1.99999.1.1",
            "vault": vault,
            "roles": {
                "server": {**role, "usage": ["server"]},
                "admin": {**role, "ttl": "12h", "usage": ["client"], "key": "ec-p384"},
                "proxy": {**role, "usage": ["client", "server"]},
            },
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("name", "server", "client", "bits", "ttl"),
    [
        ("server", True, False, 256, 259_200),
        ("admin", False, True, 384, 43_200),
        ("proxy", True, True, 256, 259_200),
    ],
)
def test_a_role_follows_the_estate(
    name: str, bits: int, ttl: int, *, server: bool, client: bool
) -> None:
    """Usage, names, key and life are the estate's; the rest is the narrow form."""
    environment = _environment()
    role = environment.roles[name]  # type: ignore[index]
    uris = (f"spiffe://test.example.internal/{name}/a", f"spiffe://test.example.internal/{name}/b")
    found = roles.parameters(role, "test", environment, "Example", uris)
    own = {key: value for key, value in found.items() if key not in roles.NARROW}
    assert own == {
        "allowed_domains": ["in.test.example.internal"],
        "allowed_uri_sans": list(uris),
        "client_flag": client,
        "server_flag": server,
        "key_bits": bits,
        "max_ttl": ttl,
        "ttl": ttl,
        "organization": ["Example"],
        "ou": ["test"],
        "policy_identifiers": ["1.3.6.1.4.1.99999.1.1"],
    }
    assert roles.as_sent(found) == found | {"allowed_uri_sans": ",".join(uris)}


@pytest.mark.parametrize("uri", ["spiffe://d/server/*", "spiffe://d/a,spiffe://d/b"])
def test_a_uri_that_the_server_would_read_otherwise_is_refused(uri: str) -> None:
    """``*`` would stand for anything, slashes and dots included; a comma would make two of it."""
    environment = _environment()
    with pytest.raises(PolicyViolation) as error:
        roles.parameters(environment.roles["server"], "test", environment, "Example", (uri,))
    assert error.value.rule == "VAULT-NAMES"


def test_nothing_in_a_role_is_wide() -> None:
    """Names come from the call, everything is stored, nothing is leased."""
    allowed = {name for name, value in roles.NARROW.items() if value is True}
    assert allowed == {"allow_subdomains", "enforce_hostnames", "require_cn"}
    assert roles.NARROW["key_usage"] == ["DigitalSignature"]


def test_an_order_becomes_the_parameters_that_the_policy_allows() -> None:
    """And no others."""
    assert roles.sign_body(ORDER) == {
        "csr": "CSR",
        "common_name": "a.test.example.internal",
        "alt_names": "a.test.example.internal,b.test.example.internal",
        "uri_sans": "spiffe://test.example.internal/server/a",
        "ttl": "3600s",
    }
    text = policies.render("issuer", "test", _environment())
    for name in roles.sign_body(ORDER):
        assert f'"{name}"' in text


@pytest.mark.parametrize(
    "changes",
    [
        {"names": ()},
        {"names": ("a.example.internal,evil.example.com",)},
        {"names": ("a.example.internal evil.example.com",)},
        {"names": ("a.example.internal", "")},
        {"names": ("a.example.internal\n",)},
        {"names": ("ä.example.internal",)},
        {"uris": ("spiffe://a/b,spiffe://c/d",)},
        {"names": ("root@mail.test.example.internal",)},
        {"names": ("a.test.example.internal", "root@mail.test.example.internal")},
    ],
)
def test_a_name_that_could_become_two_is_refused(changes: dict[str, Any]) -> None:
    """The server splits at commas, and takes what holds an @ for an e-mail address."""
    with pytest.raises(PolicyViolation) as error:
        roles.sign_body(replace(ORDER, **changes))
    assert error.value.rule == "VAULT-NAMES"


def _rules(policy: str) -> dict[str, list[str]]:
    found = re.findall(r'path "([^"]+)" \{\s*capabilities\s*= \[([^\]]*)\]', policy)
    return {path: re.findall(r'"(\w+)"', words) for path, words in found}


def test_the_issuers_policy_names_each_role_of_a_service() -> None:
    """Reads, signs through these roles and never through admin or the default, revokes."""
    assert _rules(policies.render("issuer", "test", _environment())) == {
        "pki/revoke": ["update"],
        "pki/crl/rotate": ["read"],
        "pki/certs": ["list"],
        "pki/cert/+": ["read"],
        "pki/issuer/+/sign/admin": ["deny"],
        "pki/issuer/+/sign/proxy": ["update"],
        "pki/issuer/default/sign/proxy": ["deny"],
        "pki/issuer/+/sign/server": ["update"],
        "pki/issuer/default/sign/server": ["deny"],
        "trustwright-delivery/data/+/set": ["create", "read", "update"],
        "trustwright-delivery/metadata/+/set": ["read"],
        "trustwright-delivery/data/+/request": ["read"],
    }


def test_the_admins_policy_names_one_role() -> None:
    """Signs through admin; nothing is listed, read or revoked. Without the role it may nothing."""
    assert _rules(policies.render("admin", "test", _environment())) == {
        "pki/issuer/+/sign/admin": ["update"],
        "pki/issuer/default/sign/admin": ["deny"],
    }
    others = {name: role for name, role in _environment().roles.items() if name != "admin"}
    fewer = _environment().model_copy(update={"roles": others})
    assert _rules(policies.render("admin", "test", fewer)) == {}


@pytest.mark.parametrize("identity", identities.IDENTITIES)
def test_a_policy_says_whose_it_is(identity: identities.Identity) -> None:
    """Its first line; another text is nobody's."""
    text = policies.render(identity, "test", _environment())
    assert text.splitlines()[0] == "# Trustwright: environment test, mount pki"
    assert policies.owner(text) == ("test", "pki")
    for other in ("", "path {}", f"\n{text}", "# Trustwright: environment test"):
        assert policies.owner(other) is None


def test_the_rotators_policy() -> None:
    """Generates, imports, names, points the default; nothing else."""
    text = policies.render("rotator", "test", _environment())
    assert _rules(text) == {
        "pki/issuers/generate/intermediate/internal": ["update"],
        "pki/issuers/generate/intermediate/existing": ["update"],
        "pki/issuers/import/cert": ["update"],
        "pki/issuer/+": ["read", "patch"],
        "pki/issuers": ["list"],
        "pki/keys": ["list"],
        "pki/config/issuers": ["read", "update"],
    }
    assert '["test-g*"]' in text


def test_the_anchors_policy() -> None:
    """One call, which the server guards with sudo, and the read that checks it."""
    assert _rules(policies.render("anchor", "test", _environment())) == {
        "pki/issuer/+/sign-self-issued": ["update", "sudo"],
        "pki/issuer/default/sign-self-issued": ["deny"],
        "pki/issuer/+": ["read"],
    }


def test_the_provisioners_policy_names_every_place_once() -> None:
    """Below each namespace; it may delete logins, roles of its mount, and what is named as ours."""
    places = [("a/test", "pki", "kv"), ("prod", "ca", "sets"), ("a/test", "pki", "kv")]
    text = policies.provisioner(places)
    rules = _rules(text)
    assert {path for path in rules if "namespaces" in path} == {
        "sys/namespaces/a",
        "a/sys/namespaces/test",
        "sys/namespaces/prod",
    }
    assert rules["a/test/sys/mounts/pki"] == ["create", "read", "update"]
    assert rules["prod/ca/roles/+"] == ["create", "read", "update", "delete", "list"]
    assert text.count('path "a/test/sys/mounts/pki"') == 1
    words = {word for rule in rules.values() for word in rule}
    assert words == {"create", "read", "update", "sudo", "delete", "list"}
    assert {
        path.removeprefix("prod/")
        for path, rule in rules.items()
        if "delete" in rule and path.startswith("prod/")
    } == {
        "ca/roles/+",
        "sys/policies/acl/trustwright-*",
        *(
            f"auth/{kind}-{identity}/role/{role}"
            for kind in ("jwt", "approle")
            for identity in identities.IDENTITIES
            for role in (identity, "+")
        ),
        "sets/metadata/+/set",
        "sets/metadata/+/request",
        "sys/policies/acl/trustwright-consumer-*",
        "auth/approle-consumers/role/+",
    }
    for identity in identities.IDENTITIES:
        own = rules[f"prod/sys/policies/acl/{identities.policy_name(identity)}"]
        assert own == ["create", "read", "update"]
    assert {path.rsplit("/", 2)[-2] for path, rule in rules.items() if "sudo" in rule} == {"auth"}


def test_the_provisioners_policy_in_the_root_namespace() -> None:
    """Without a namespace there is nothing to make on the way."""
    rules = _rules(policies.provisioner([("", "pki", "kv")]))
    assert "sys/mounts/pki" in rules
    assert not [path for path in rules if "namespaces" in path]


@pytest.mark.parametrize("identity", identities.IDENTITIES)
def test_no_policy_has_a_placeholder_left(identity: identities.Identity) -> None:
    """Every ``$name`` was filled in, and no rule covers a whole tree."""
    text = policies.render(identity, "test", _environment())
    assert "$" not in text
    assert not [path for path in _rules(text) if path.endswith("*")]


def test_a_template_that_is_gone_is_named() -> None:
    """A broken installation says so."""
    with pytest.raises(ConfigurationError) as error:
        policies._template("nothing")
    assert error.value.rule == "VAULT-POLICY"


def test_certificates_point_at_the_mount() -> None:
    """Each issuer fills in its own identifier."""
    found = urls.templates(_environment())
    base = "https://vault:8200/v1/a/test/pki/issuer/{{issuer_id}}"
    assert found["crl_distribution_points"] == [f"{base}/crl/der"]
    assert found["issuing_certificates"] == [f"{base}/der"]
    crl = urls.crl_url(_environment(), "id-1")
    assert crl == "https://vault:8200/v1/a/test/pki/issuer/id-1/crl/der"


def test_certificates_point_at_the_published_place() -> None:
    """What relying parties use is what we fetch."""
    environment = _environment(publish="http://crl.example.internal/test/")
    crl = urls.crl_url(environment, "id-1")
    assert crl == "http://crl.example.internal/test/issuer/id-1/crl/der"
