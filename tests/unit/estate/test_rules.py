"""Each rule over the parsed estate: what breaks it, where it points, what it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.unit.estate.material import estate_with, plain, put
from trustwright.ceremony.request import CRL_SUBJECT
from trustwright.ceremony.rootpolicy import new_policy
from trustwright.errors import ConfigurationError
from trustwright.model.profile import Subject
from trustwright.policy import estate_environments
from trustwright.policy.breach import Location, below, duration_text
from trustwright.policy.estate import RULES, judge

PROD = ("environments", "prod")
TLS = ("deliver", "directory")
LONG = f"{'a' * 40}.{'b' * 10}.prod.example.internal"


@dataclass(frozen=True)
class Case:
    """One value that breaks exactly one rule."""

    rule: str
    put: str
    value: object
    place: Location
    what: str


CASES = [
    Case(
        "EST-ORGANIZATION",
        "organization",
        " Example",
        ("organization",),
        "the organization has outer blanks or control characters",
    ),
    Case(
        "EST-ORGANIZATION",
        "organization",
        "Exa\x00mple",
        ("organization",),
        "the organization has outer blanks or control characters",
    ),
    Case(
        "EST-ORGANIZATION",
        "organization",
        "Exa\u00a0mple",
        ("organization",),
        "the organization has outer blanks or control characters",
    ),
    *[
        Case(
            "EST-OWNER",
            "consumers.1.owner",
            owner,
            ("consumers", 1, "owner"),
            "the owner is blank, or has outer blanks or control characters",
        )
        for owner in ("   ", "a\x1b[31mX\n", " payments", "a\tb", "\u202estnemyap", "a\u2028b")
    ],
    Case(
        "EST-POLICY-ANY",
        "environments.prod.policy",
        "2.5.29.32.0",
        (*PROD, "policy"),
        "2.5.29.32.0 is anyPolicy, which stands for every environment's",
    ),
    Case(
        "EST-RESERVED",
        "environments.root-crl",
        plain()["environments"]["prod"],
        ("environments", "root-crl"),
        "root-crl is what a request for a root CRL is called, no environment",
    ),
    Case(
        "EST-DOMAIN-OVERLAP",
        "environments.prod.domain",
        "example.internal",
        (*PROD, "domain"),
        "example.internal overlaps with test.example.internal of test: name constraints would not "
        "separate them",
    ),
    Case(
        "EST-POLICY-TWICE",
        "environments.prod.policy",
        "1.3.6.1.4.1.32473.1.1",
        (*PROD, "policy"),
        "the policy OID is also that of test",
    ),
    Case(
        "EST-NAMESPACE-TWICE",
        "environments.prod.vault.namespace",
        "test",
        (*PROD, "vault"),
        "address and namespace (test) are also those of test: they would share logins and policies",
    ),
    Case(
        "EST-CANARY-NAME",
        "environments.prod.roles.server.names",
        f"{'a' * 24}.prod.example.internal",
        (*PROD, "roles", "server", "names"),
        f"the probe that proves the issuer would be called trustwright-canary.{'a' * 24}.prod."
        "example.internal, which has 65 characters; X.520 allows 64",
    ),
    Case(
        "EST-IDENTITY-TWICE",
        "environments.prod.vault.identity",
        "/etc/trustwright/identities/test",
        (*PROD, "vault", "identity"),
        "the identity folder is also that of test",
    ),
    Case(
        "EST-ROLE-DOMAIN",
        "environments.prod.roles.admin.names",
        "test.example.internal",
        (*PROD, "roles", "admin", "names"),
        "test.example.internal lies outside the environment's domain prod.example.internal",
    ),
    Case(
        "EST-TTL",
        "environments.prod.roles.admin.ttl",
        "730d",
        (*PROD, "roles", "admin", "ttl"),
        "ttl 730d goes past the intermediate's validity 730d",
    ),
    Case(
        "EST-RENEW",
        "environments.prod.roles.admin.renew_before",
        "12h",
        (*PROD, "roles", "admin", "renew_before"),
        "renew_before 12h is not shorter than the ttl 12h: it would be replaced all the time",
    ),
    Case(
        "EST-VALIDITY",
        "environments.prod.intermediate.validity",
        "14641d",
        (*PROD, "intermediate", "validity"),
        "validity 14641d is longer than any profile allows",
    ),
    Case(
        "EST-VALIDITY",
        "environments.prod.intermediate.request_validity",
        "730d",
        (*PROD, "intermediate", "request_validity"),
        "a request could be signed for longer than its certificate lives",
    ),
    Case(
        "EST-LEAD",
        "environments.prod.intermediate.overlap",
        "713d",
        (*PROD, "intermediate"),
        "ceremony_lead, overlap and the longest ttl (730d) use up the validity 730d: its rotation "
        "would be due at once",
    ),
    Case(
        "EST-ADMIN-USAGE",
        "environments.prod.roles.admin.usage",
        ["client", "server"],
        (*PROD, "roles", "admin", "usage"),
        "the admin role has server usage",
    ),
    Case(
        "EST-USAGE-TWICE",
        "environments.prod.roles.server.usage",
        ["server", "server"],
        (*PROD, "roles", "server", "usage"),
        "a usage stands twice",
    ),
    Case(
        "EST-CONSUMER-ROLE",
        "consumers.1.role",
        "proxy",
        ("consumers", 1, "role"),
        "environment prod has no role 'proxy'",
    ),
    Case(
        "EST-CONSUMER-TWICE",
        "consumers.1.name",
        "billing",
        ("consumers", 1, "name"),
        "environment prod already has a consumer billing",
    ),
    Case(
        "EST-TRUSTS",
        "consumers.1.trusts",
        ["prod", "stage"],
        ("consumers", 1, "trusts", 1),
        "no environment 'stage' to trust",
    ),
    Case(
        "EST-TRUSTS",
        "consumers.1.trusts",
        ["prod", "prod"],
        ("consumers", 1, "trusts", 1),
        "prod stands twice in trusts",
    ),
    Case(
        "EST-TRUSTS-OWN",
        "consumers.1.trusts",
        ["test"],
        ("consumers", 1, "trusts"),
        "shop does not trust its own environment prod",
    ),
    Case(
        "EST-NAME-TWICE",
        "consumers.1.names",
        ["billing.prod.example.internal"],
        ("consumers", 1, "names", 0),
        "billing.prod.example.internal already belongs to billing",
    ),
    Case(
        "EST-NAME-DOMAIN",
        "consumers.1.names",
        ["shop.prod.example.internal", "x.example.org"],
        ("consumers", 1, "names", 1),
        "x.example.org lies outside the environment's domain prod.example.internal",
    ),
    Case(
        "EST-NAME-DOMAIN",
        "consumers.1.names",
        ["shop.evilprod.example.internal"],
        ("consumers", 1, "names", 0),
        "shop.evilprod.example.internal lies outside the environment's domain "
        "prod.example.internal",
    ),
    Case(
        "EST-NAME-ROLE",
        "environments.prod.roles.server.names",
        "web.prod.example.internal",
        ("consumers", 0, "names", 0),
        "billing.prod.example.internal lies outside web.prod.example.internal, which is all that "
        "the role server may name",
    ),
    Case(
        "EST-NAME-ROLE",
        "consumers.1.names",
        ["shop.prod.example.internal", "prod.example.internal"],
        ("consumers", 1, "names", 1),
        "prod.example.internal is the top of the subtree that the role server may name, and the "
        "role signs only names below it",
    ),
    Case(
        "EST-CONSUMER-CANARY",
        "consumers.1.name",
        "trustwright-canary",
        ("consumers", 1, "name"),
        "trustwright-canary is the certificate that proves an issuer's CRL",
    ),
    Case(
        "EST-COMMON-NAME",
        "consumers.1.names",
        [LONG],
        ("consumers", 1, "names", 0),
        "the first name is the common name and has 73 characters, X.520 allows 64",
    ),
    Case(
        "EST-PATH-TWICE",
        "consumers.1.deliver.directory.path",
        "/etc/billing/tls",
        ("consumers", 1, *TLS, "path"),
        "/etc/billing/tls is already the path of billing",
    ),
    Case(
        "EST-PATH-TWICE",
        "consumers.1.deliver.directory.path",
        "/etc/billing/tls/a/b",
        ("consumers", 1, *TLS, "path"),
        "/etc/billing/tls/a/b lies inside the path of billing (/etc/billing/tls)",
    ),
    Case(
        "EST-PATH-TWICE",
        "consumers.1.deliver.directory.path",
        "/etc/billing",
        ("consumers", 0, *TLS, "path"),
        "/etc/billing/tls lies inside the path of shop (/etc/billing)",
    ),
    *[
        Case(
            "EST-PATH-SYSTEM",
            "consumers.1.deliver.directory.path",
            path,
            ("consumers", 1, *TLS, "path"),
            f"{path} is a system folder",
        )
        for path in (
            *("/", "/etc", "/srv", "/root", "/home", "/home/alice", "/usr/bin", "/usr/lib/ssl"),
            *("/etc/ssl", "/etc/ssl/private", "/etc/systemd/system", "/etc/cron.d", "/var/lib"),
            *("/usr/local", "/usr/local/bin", "/boot/tls", "/proc/1/x", "/dev/shm", "/var/tmp"),
        )
    ],
    *[
        Case(
            "EST-PATH-IDENTITY",
            "consumers.1.deliver.directory.path",
            path,
            ("consumers", 1, *TLS, "path"),
            f"{path} {relation} the identity folder of {owner}",
        )
        for path, relation, owner in (
            ("/etc/trustwright/identities/test", "lies in", "test"),
            ("/etc/trustwright/identities/prod/tls/shop", "lies in", "prod"),
            ("/etc/trustwright/identities", "holds", "prod"),
        )
    ],
    *[
        Case(
            "EST-KEY-MODE",
            "consumers.1.deliver.directory.mode",
            mode,
            ("consumers", 1, *TLS, "mode"),
            f"mode {mode} is not one for a key",
        )
        for mode in ("0644", "0660", "0602", "0700", "0601", "0040", "0000", "0777")
    ],
    Case(
        "EST-HOOK",
        "consumers.1.deliver.directory.reload",
        [" ", "x"],
        ("consumers", 1, *TLS, "reload"),
        "reload names no program",
    ),
    Case(
        "EST-HOOK",
        "consumers.1.deliver.directory.check",
        ["a\0b"],
        ("consumers", 1, *TLS, "check"),
        "check has a line break or a NUL in it",
    ),
    Case(
        "EST-HOOK",
        "consumers.1.deliver.directory.timeout",
        "2h",
        ("consumers", 1, *TLS, "timeout"),
        "timeout 2h would hold up everybody else",
    ),
    Case(
        "EST-PROBE",
        "consumers.1.probe",
        "tls://127.0.0.1:0",
        ("consumers", 1, "probe"),
        "there is no port 0",
    ),
    Case(
        "EST-PROBE",
        "consumers.1.probe",
        "tls://127.0.0.1:65536",
        ("consumers", 1, "probe"),
        "there is no port 65536",
    ),
    Case(
        "EST-PROBE",
        "consumers.1.probe",
        "tls://a@b:1",
        ("consumers", 1, "probe"),
        "'a@b' is no host",
    ),
    Case(
        "EST-PROBE",
        "environments.prod.roles.server.usage",
        ["client"],
        ("consumers", 0, "probe"),
        "role server has no server usage: nothing is served there",
    ),
    Case(
        "EST-DELIVER",
        "consumers.1.deliver.vault_kv",
        {},
        ("consumers", 1, "deliver"),
        "shop is delivered to a directory and to Vault's KV",
    ),
    Case(
        "EST-DELIVER",
        "consumers.1.deliver.directory",
        None,
        ("consumers", 1, "deliver"),
        "shop is delivered nowhere",
    ),
    Case(
        "EST-DELIVER-ADMIN",
        "consumers.1",
        {
            **plain()["consumers"][1],
            "role": "admin",
            "probe": None,
            "deliver": {"vault_kv": {}},
        },
        ("consumers", 1, "deliver", "vault_kv"),
        "shop is an admin, whose certificate passes no service path",
    ),
    *[
        Case(
            "EST-DELIVERY-MOUNT",
            "environments.prod.vault.delivery",
            mount,
            ("environments", "prod", "vault", "delivery"),
            f"the mounts {mount} and pki overlap",
        )
        for mount in ("pki", "pki/sets")
    ],
    Case(
        "EST-KEY-MODE",
        "consumers.1.deliver",
        {"vault_kv": {"mode": "0644"}},
        ("consumers", 1, "deliver", "vault_kv", "mode"),
        "mode 0644 is not one for a key",
    ),
    Case(
        "EST-HOOK",
        "consumers.1.deliver",
        {"vault_kv": {"reload": ["systemctl", "reload\nshop"]}},
        ("consumers", 1, "deliver", "vault_kv", "reload"),
        "reload has a line break or a NUL in it",
    ),
    Case(
        "EST-PATH-SYSTEM",
        "consumers.1.deliver",
        {"vault_kv": {"path": "/etc"}},
        ("consumers", 1, "deliver", "vault_kv", "path"),
        "/etc is a system folder",
    ),
    Case(
        "EST-ROUTE",
        "notify.routes.0.environments",
        ["prod", "stage"],
        ("notify", "routes", 0, "environments", 1),
        "no environment 'stage'",
    ),
]


def test_a_good_estate_breaks_no_rule() -> None:
    """The base of every case below."""
    assert list(judge(estate_with(lambda _: None))) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}-{case.put}-{case.value}")
def test_one_wrong_value_breaks_its_rule(case: Case) -> None:
    """The breach points at the value, says what is wrong and has a remedy."""
    broken = list(judge(estate_with(put(case.put, case.value))))
    own = [breach for rule, breach in broken if rule == case.rule]

    assert (own[0].place, own[0].what) == (case.place, case.what)
    assert own[0].hint


@pytest.mark.parametrize("rule", sorted(RULES))
def test_every_rule_has_a_case_and_names_itself(rule: str) -> None:
    """Rule = function = identifier = test."""
    assert rule in {case.rule for case in CASES} | {"EST-ISSUER-NAME", "EST-CONSUMER-ENVIRONMENT"}
    assert (RULES[rule].__doc__ or "").startswith(f"{rule}: ")


@pytest.mark.parametrize(
    "path",
    [
        *("/srv/shop/tls", "/home/alice/.trustwright", "/root/tls", "/var/lib/shop/tls"),
        *("/usr/local/etc/shop", "/dev/shm/shop", "/run/shop/tls", "/opt/shop"),
        *("/etc/shop", "/etc/ssl/private/shop", "/etc/trustwright/identities-of-shop"),
    ],
)
def test_folders_of_their_own(path: str) -> None:
    """Where services keep what is theirs."""
    assert list(judge(estate_with(put("consumers.1.deliver.directory.path", path)))) == []


NAMES = ["prod", "root-crl", "x" * 40, "0", "a-b"]
ORGANIZATIONS = [
    *("Example", "Ex\u00a0ample", " Example", "Ex\x1bample", "Exämple \u200b", "E" * 41, "E" * 42),
    *("Ex ample", "E\u2028x", "示例"),
]


@pytest.mark.parametrize("organization", ORGANIZATIONS, ids=ascii)
@pytest.mark.parametrize("name", NAMES)
def test_the_roots_policy_takes_what_passes(name: str, organization: str) -> None:
    """No name passes here that the offline half refuses, and no other way round."""

    def alter(values: dict[str, Any]) -> None:
        values["organization"] = organization
        values["environments"] = {name: values["environments"]["prod"]}
        values["consumers"] = []
        values["notify"] = {}

    passes = list(judge(estate_with(alter))) == []
    try:
        new_policy(organization, {name: "prod.example.internal"}, {name: "1.3.6.1.4.1.32473.1.2"})
    except ConfigurationError:
        assert not passes
    else:
        assert passes


def test_the_reserved_name_is_the_ceremonys() -> None:
    """Two layers that may not import each other have it alike."""
    assert estate_environments.CRL_SUBJECT == CRL_SUBJECT


def test_an_unknown_environment_is_said_once() -> None:
    """Its roles and domains cannot be judged, so nothing else is said about the consumer."""
    estate = estate_with(put("consumers.1.environment", "stage"))

    assert [(rule, breach.what, breach.hint) for rule, breach in judge(estate)] == [
        ("EST-CONSUMER-ENVIRONMENT", "no environment 'stage'", "there is: prod, test")
    ]


def test_the_intermediates_common_name_fits() -> None:
    """64 characters with four digits of generation: 48 for organization and environment."""
    fitting = "E" * (64 - len(" test Issuing CA G9999"))
    Subject(organization=fitting, common_name=f"{fitting} test Issuing CA G9999")

    assert list(judge(estate_with(put("organization", fitting)))) == []
    broken = list(judge(estate_with(put("organization", f"{fitting}E"))))
    assert [(rule, breach.place) for rule, breach in broken] == [
        ("EST-ISSUER-NAME", ("environments", "test")),
        ("EST-ISSUER-NAME", PROD),
    ]


@pytest.mark.parametrize(("renew_before", "broken"), [("55s", False), ("56s", True)])
def test_a_certificate_serves_for_some_seconds(renew_before: str, broken: bool) -> None:
    """A set that is due before it is in service would be replaced all the time."""
    roles = {
        "ttl": "60s",
        "renew_before": renew_before,
        "names": "prod.example.internal",
        "usage": ["client"],
    }
    found = list(judge(estate_with(put("environments.prod.roles.admin", roles))))
    said = "renew_before 56s leaves a certificate of 1m 4s in service: a delivery takes some itself"
    assert [(rule, breach.what) for rule, breach in found] == [("EST-RENEW", said)] * broken


def test_a_ttl_of_seconds_is_too_short() -> None:
    """Profiles begin at a minute."""
    roles = {
        "ttl": "59s",
        "renew_before": "20s",
        "names": "prod.example.internal",
        "usage": ["client"],
    }
    broken = list(judge(estate_with(put("environments.prod.roles.admin", roles))))

    assert [(rule, breach.what) for rule, breach in broken] == [
        ("EST-TTL", "ttl 59s is too short to be delivered")
    ]


@pytest.mark.parametrize(
    "probe",
    [
        "tls://[::1]:8443",
        "tls://a_b.example.:443",
        "tls://billing.prod.example.internal:1",
        "tls://10.0.0.1:65535",
        "smtp://mail.prod.example.internal:25",
        "postgres://[2001:db8::1]:5432",
    ],
)
def test_probes_of_every_kind_of_host(probe: str) -> None:
    """Names, IPv4 and bracketed IPv6; each protocol that comes before TLS."""
    assert list(judge(estate_with(put("consumers.0.probe", probe)))) == []


@pytest.mark.parametrize(
    "probe",
    [
        *("tls://::1:8443", "tls://[]:1", "tls://[x]:1", "tls://a/b:1", "tls://[::::]:1"),
        *("smtp://:25", "postgres://a@b:1", "imap://a:1", "TLS://a:1", "smtp://smtp://a:1"),
        *("tls://a\x1b[31m:1", "tls://-a:1", "tls://b\u00fccher.example:1", "tls://a b:1"),
    ],
)
def test_probes_of_no_host(probe: str) -> None:
    """An IPv6 address needs brackets, so that its port is told apart."""
    try:
        estate = estate_with(put("consumers.0.probe", probe))
    except ValueError:
        return
    assert [rule for rule, _ in judge(estate)] == ["EST-PROBE"]


def test_addresses_are_compared_as_servers_compare_them() -> None:
    """Case and a slash at the end make no other server."""
    values = {
        "address": "https://VAULT.example.internal:8200/",
        "namespace": "test",
        "mount": "pki",
        "identity": "/elsewhere",
    }
    broken = list(judge(estate_with(put("environments.prod.vault", values))))

    assert [rule for rule, _ in broken] == ["EST-NAMESPACE-TWICE"]


@pytest.mark.parametrize(
    ("namespace", "mount", "rules"),
    [
        ("test", "pki", ["EST-NAMESPACE-TWICE"]),
        ("test", "pki2", ["EST-NAMESPACE-TWICE"]),
        ("test/below", "pki", []),
        ("", "pki", []),
    ],
)
def test_a_namespace_holds_one_environment_whatever_the_mount(
    namespace: str, mount: str, rules: list[str]
) -> None:
    """Logins and policies belong to the namespace; one below another is a place of its own."""

    def alter(values: Any) -> None:
        values["environments"]["prod"]["vault"] |= {"namespace": namespace, "mount": mount}

    assert [rule for rule, _ in judge(estate_with(alter))] == rules


def test_two_environments_in_the_root_namespace_are_refused() -> None:
    """The sentence names the namespace that has no name."""

    def alter(values: Any) -> None:
        for name, mount in (("test", "pki"), ("prod", "pki2")):
            values["environments"][name]["vault"] |= {"namespace": "", "mount": mount}

    ((rule, breach),) = judge(estate_with(alter))
    assert (rule, breach.place) == ("EST-NAMESPACE-TWICE", (*PROD, "vault"))
    assert "address and namespace (root) are also those of test" in breach.what


def test_thousands_of_consumers_are_judged_in_a_moment() -> None:
    """No rule compares every consumer with every other."""
    one = estate_with(lambda _: None).consumers[0].model_dump()
    one["deliver"]["directory"] |= {"timeout": "30s"}

    def alter(values: dict[str, object]) -> None:
        values["consumers"] = [
            one
            | {
                "name": f"c{i}",
                "names": [f"c{i}.prod.example.internal"],
                "deliver": {"directory": {"path": f"/srv/c{i}/tls"}},
            }
            for i in range(5000)
        ]

    assert list(judge(estate_with(alter))) == []


@pytest.mark.parametrize(
    ("name", "inside"),
    [("a.b", True), ("x.a.b", True), ("xa.b", False), ("b", False), ("a.b.c", False)],
)
def test_a_subtree_ends_at_a_dot(name: str, inside: bool) -> None:
    """RFC 5280 §4.2.1.10: labels are added to the left."""
    assert below(name, "a.b") is inside


@pytest.mark.parametrize(
    ("seconds", "text"), [(86_400, "1d"), (90_000, "25h"), (5400, "90m"), (61, "61s")]
)
def test_durations_read_as_they_are_written(seconds: int, text: str) -> None:
    """The largest unit that fits."""
    assert duration_text(seconds) == text
