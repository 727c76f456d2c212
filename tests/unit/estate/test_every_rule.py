"""Every rule of the estate file, once: a mistake, its file and line, the sentence, the remedy."""

# ruff: noqa: E501 - the long lines are what a person reads

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fakes.clock import HeldClock
from tests.fakes.root import TestRoot
from tests.unit.delivery.material import pki
from tests.unit.estate.material import CHECKOUT, change, root, write_example
from trustwright.cli.main import cli
from trustwright.cli.terminal import exit_code
from trustwright.estatefile import Problem, check_estate, load_estate
from trustwright.policy.estate import RULES
from trustwright.vault import identities
from trustwright.x509 import parse

ESTATE, PAYMENTS, PLATFORM = "estate.yaml", "consumers/payments.yaml", "consumers/platform.yaml"
ELSEWHERE = {
    # Said by commands that ask for one thing of the estate.
    *("EST-CONSUMER", "EST-ENVIRONMENT", "EST-ROOT"),
}


@dataclass(frozen=True)
class Case:
    """A rule, a change to one file of the example, and the line that `check` prints of it."""

    rule: str
    file: str
    old: str
    new: str
    line: str


CASES = [
    Case("EST-YAML", ESTATE, "organization: Example", "organization: [Example", "estate.yaml:7:5: while parsing a flow sequence: expected ',' or ']', but got ':' [EST-YAML] → mend the syntax"),
    Case("EST-TAG", ESTATE, "organization: Example", "organization: !!binary Example", "estate.yaml:5:15: the tag binary has no meaning here [EST-TAG] → remove it"),
    Case("EST-ALIAS", ESTATE, "intermediate: *intermediate", "intermediate: { <<: 5 }", "estate.yaml:41:25: `<<` merges mappings only [EST-ALIAS] → write <<: *name"),
    Case("EST-KEY", ESTATE, "organization: Example", "? [1]\n: 2\norganization: Example", "estate.yaml:5:3: a key must be a word [EST-KEY] → write `key: value`"),
    Case("EST-DUPLICATE", ESTATE, "namespace: test", "namespace: test\n      namespace: other", "estate.yaml:18:7: `namespace` already stands in line 17 [EST-DUPLICATE] → keep one of the two"),
    Case("EST-INCLUDE", ESTATE, "consumers/*.yaml", "consumer/*.yaml", "estate.yaml:48:10: no file matches consumer/*.yaml [EST-INCLUDE] → add one or drop the line"),
    Case("EST-INCLUDE-OUTSIDE", ESTATE, "include: consumers/*.yaml", "include: [consumers/*.yaml, ../x.yaml]", "estate.yaml:48:29: ../x.yaml leads out of the estate file's folder [EST-INCLUDE-OUTSIDE] → name files in the estate file's folder"),
    Case("EST-INCLUDE-CYCLE", ESTATE, "include: consumers/*.yaml", "include: [consumers/*.yaml, estate.yaml]", "estate.yaml:48:29: estate.yaml includes itself [EST-INCLUDE-CYCLE] → narrow the pattern"),
    Case("EST-INCLUDE-CONFLICT", PAYMENTS, "consumers:", "organization: Other\nconsumers:", "consumers/payments.yaml:1:1: `organization` is already said at estate.yaml:5:1 [EST-INCLUDE-CONFLICT] → say it in one file"),
    Case("EST-SECRET", PAYMENTS, "user: billing", "password: hunter2", "consumers/payments.yaml:12:9: `password` is a secret, which never stands in the estate file [EST-SECRET] → keep it in the environment or in a file with mode 0600, and replace it: it has been read"),
    Case("EST-MISSING", PAYMENTS, "    owner: payments\n", "", "consumers/payments.yaml:2:5: `consumers[0].owner` is missing [EST-MISSING] → add `owner:`"),
    Case("EST-UNKNOWN", PAYMENTS, "owner: payments", "owner: payments\n    ownr: payments", "consumers/payments.yaml:6:5: unknown key `consumers[0].ownr` [EST-UNKNOWN] → did you mean `owner`?"),
    Case("EST-TYPE", PAYMENTS, "trusts: [prod]", "trusts: prod", "consumers/payments.yaml:7:13: `consumers[0].trusts` must be a list [EST-TYPE] → write [one, two], or one `- item` a line"),
    Case("EST-VALUE", PAYMENTS, "role: server", "role: srver", "consumers/payments.yaml:4:11: `consumers[0].role` must be one of: server, admin, proxy, agent [EST-VALUE] → did you mean `server`?"),
    Case("EST-EMPTY", PAYMENTS, "trusts: [prod]", "trusts: []", "consumers/payments.yaml:7:13: `consumers[0].trusts` is empty [EST-EMPTY] → give it at least one; write [one, two], or one `- item` a line"),
    Case("EST-MANY", ESTATE, "usage: [server] }", "usage: [server, client, server] }", "estate.yaml:27:83: `environments.test.roles.server.usage` has 3 items, at most 2 are allowed [EST-MANY] → leave at most 2 of them"),
    Case("EST-NAME", PAYMENTS, "name: billing", "name: Billing", "consumers/payments.yaml:2:11: `consumers[0].name` is no name [EST-NAME] → a name is lower case, digits and inner hyphens, up to 40 characters, like billing"),
    Case("EST-DNS-NAME", PAYMENTS, "[billing.prod.example.internal,", "[10.0.0.1,", "consumers/payments.yaml:6:13: `consumers[0].names[0]` is no DNS name: its last label is a number, as in an address [EST-DNS-NAME] → a DNS name is lower case and has a dot, like billing.prod.example.internal; no wildcard, no address, up to 253 characters"),
    Case("EST-OID", ESTATE, "1.3.6.1.4.1.32473.1.1", "1.99.2", "estate.yaml:14:13: `environments.test.policy` is no object identifier: its second arc is at most 39 below 1 [EST-OID] → an object identifier reads like 1.3.6.1.4.1.32473.1.1, each part below 2147483648"),
    Case("EST-FINGERPRINT", ESTATE, "fingerprint: sha256:", "fingerprint: sha1:", "estate.yaml:9:16: `root.fingerprint` is no fingerprint [EST-FINGERPRINT] → write sha256: and 64 lower-case hex digits; `trustwright-root show` prints it"),
    Case("EST-DURATION", ESTATE, "ceremony_lead: 14d", "ceremony_lead: two weeks", "estate.yaml:24:22: `environments.test.intermediate.ceremony_lead` is no duration [EST-DURATION] → a duration reads like 90s, 15m, 72h or 730d"),
    Case("EST-ADDRESS", ESTATE, "https://vault.example.internal:8200", "http://vault.example.internal:8200", "estate.yaml:16:16: `environments.test.vault.address` is no address of a server [EST-ADDRESS] → write https://host:port, without user, query or fragment, up to 300 characters; never http: logins go there"),
    Case("EST-PUBLISH", ESTATE, "domain: test.example.internal", "publish: http://crl?x\n    domain: test.example.internal", "estate.yaml:13:14: `environments.test.publish` is no address for certificates to point at [EST-PUBLISH] → write http://host/path, without user, query or fragment, up to 300 characters"),
    Case("EST-NAMESPACE", ESTATE, "namespace: test", "namespace: Test", "estate.yaml:17:18: `environments.test.vault.namespace` is no namespace [EST-NAMESPACE] → lower case, digits and hyphens, joined by /, up to 200 characters; empty for the root namespace"),
    Case("EST-MOUNT", ESTATE, "mount: pki", "mount: /pki", "estate.yaml:18:14: `environments.test.vault.mount` is no mount [EST-MOUNT] → lower case, digits and hyphens, joined by /, up to 200 characters; no / at the ends"),
    Case("EST-PATH", ESTATE, "certificate: root.pem", "certificate: ~/root.pem", "estate.yaml:8:16: `~` is not expanded [EST-PATH] → write the path of a file or folder; a relative one begins where this file stands"),
    Case("EST-MODE", PAYMENTS, '"0640"', '"640"', 'consumers/payments.yaml:14:15: `consumers[0].deliver.directory.mode` is no file mode [EST-MODE] → four octal digits in quotes, like "0640"'),
    Case("EST-ACCOUNT", PAYMENTS, "user: billing", "user: Billing!", 'consumers/payments.yaml:12:15: `consumers[0].deliver.directory.user` is no account [EST-ACCOUNT] → the name of a user or group, or its number in quotes: "33"'),
    Case("EST-KEEP", PAYMENTS, "user: billing", "keep: 0", "consumers/payments.yaml:12:15: `consumers[0].deliver.directory.keep` is less than 1 [EST-KEEP] → write a whole number from 1 to 50, without quotes"),
    Case("EST-HOOK", PAYMENTS, "reload: [systemctl,", "reload: [' ',", "consumers/payments.yaml:15:17: reload names no program [EST-HOOK] → write a list: [systemctl, reload, NAME]"),
    Case("EST-PROBE", PAYMENTS, "tls://127.0.0.1:8443", "tls://127.0.0.1:99999", "consumers/payments.yaml:8:12: there is no port 99999 [EST-PROBE] → a port lies between 1 and 65535"),
    Case("EST-ORGANIZATION", ESTATE, "organization: Example", "organization: ''", "estate.yaml:5:15: `organization` is empty [EST-ORGANIZATION] → write it as it should read in every certificate, up to 64 characters"),
    Case("EST-ISSUER-NAME", ESTATE, "organization: Example", "organization: EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEE", "estate.yaml:12:3: the intermediate's common name would have 65 octets, 64 are allowed [EST-ISSUER-NAME] → shorten the organization or the environment's name"),
    Case("EST-OWNER", PAYMENTS, "owner: payments", "owner: '   '", "consumers/payments.yaml:5:12: the owner is blank, or has outer blanks or control characters [EST-OWNER] → name the team or person to tell, like payments or alice@example.org"),
    Case("EST-DOMAIN-OVERLAP", ESTATE, "domain: prod.example.internal", "domain: example.internal", "estate.yaml:33:13: example.internal overlaps with test.example.internal of test: name constraints would not separate them [EST-DOMAIN-OVERLAP] → give each environment a domain of its own, side by side"),
    Case("EST-POLICY-TWICE", ESTATE, "1.3.6.1.4.1.32473.1.2", "1.3.6.1.4.1.32473.1.1", "estate.yaml:34:13: the policy OID is also that of test [EST-POLICY-TWICE] → number each environment's policy"),
    Case("EST-POLICY-ANY", ESTATE, "1.3.6.1.4.1.32473.1.2", "2.5.29.32.0", "estate.yaml:34:13: 2.5.29.32.0 is anyPolicy, which stands for every environment's [EST-POLICY-ANY] → take a number below your own arc, like 1.3.6.1.4.1.32473.1.1"),
    Case("EST-NAMESPACE-TWICE", ESTATE, "namespace: prod", "namespace: test", "estate.yaml:35:5: address and namespace (test) are also those of test: they would share logins and policies [EST-NAMESPACE-TWICE] → give each environment a vault.namespace of its own, or a server of its own"),
    Case("EST-CANARY-NAME", ESTATE, "names: test.example.internal, usage: [server] }", "names: aaaaaaaaaaaaaaaaaaaaaaaa.test.example.internal, usage: [server] }", "estate.yaml:27:53: the probe that proves the issuer would be called trustwright-canary.aaaaaaaaaaaaaaaaaaaaaaaa.test.example.internal, which has 65 characters; X.520 allows 64 [EST-CANARY-NAME] → use a subtree of at most 45 characters"),
    Case("EST-CONSUMER-CANARY", PAYMENTS, "name: billing", "name: trustwright-canary", "consumers/payments.yaml:2:11: trustwright-canary is the certificate that proves an issuer's CRL [EST-CONSUMER-CANARY] → name the consumer differently"),
    Case("EST-IDENTITY-TWICE", ESTATE, "identities/prod", "identities/test", "estate.yaml:40:17: the identity folder is also that of test [EST-IDENTITY-TWICE] → keep each environment's logins in a folder of their own"),
    Case("EST-ROLE-DOMAIN", ESTATE, "names: admins.prod", "names: admins.test", "estate.yaml:46:51: admins.test.example.internal lies outside the environment's domain prod.example.internal [EST-ROLE-DOMAIN] → use prod.example.internal or a name below it"),
    Case("EST-TTL", ESTATE, "agent: { ttl: 24h", "agent: { ttl: 900d", "estate.yaml:29:21: ttl 900d goes past the intermediate's validity 730d [EST-TTL] → shorten the ttl"),
    Case("EST-RENEW", ESTATE, "renew_before: 8h", "renew_before: 24h", "estate.yaml:29:40: renew_before 1d is not shorter than the ttl 1d: it would be replaced all the time [EST-RENEW] → a third of the ttl is usual"),
    Case("EST-VALIDITY", ESTATE, "validity: 730d", "validity: 730d\n      request_validity: 731d", "estate.yaml:24:25: a request could be signed for longer than its certificate lives [EST-VALIDITY] → a week (7d) is usual"),
    Case("EST-LEAD", ESTATE, "overlap: 14d", "overlap: 714d", "estate.yaml:21:19: ceremony_lead, overlap and the longest ttl (731d) use up the validity 730d: its rotation would be due at once [EST-LEAD] → lengthen validity, or shorten lead, overlap or ttl"),
    Case("EST-ADMIN-USAGE", ESTATE, "admins.test.example.internal, usage: [client]", "admins.test.example.internal, usage: [server]", "estate.yaml:30:88: the admin role has server usage [EST-ADMIN-USAGE] → use [client]; services have the role server or proxy"),
    Case("EST-USAGE-TWICE", ESTATE, "usage: [server, client]", "usage: [server, server]", "estate.yaml:28:82: a usage stands twice [EST-USAGE-TWICE] → name each usage once"),
    Case("EST-CONSUMER-ENVIRONMENT", PLATFORM, "environment: prod", "environment: prd", "consumers/platform.yaml:3:18: no environment 'prd' [EST-CONSUMER-ENVIRONMENT] → there is: prod, test"),
    Case("EST-CONSUMER-TWICE", PLATFORM, "name: gateway", "name: collector", "consumers/platform.yaml:12:11: environment prod already has a consumer collector [EST-CONSUMER-TWICE] → name each consumer differently"),
    Case("EST-TRUSTS", PAYMENTS, "trusts: [prod]", "trusts: [prod, stage]", "consumers/payments.yaml:7:20: no environment 'stage' to trust [EST-TRUSTS] → there is: prod, test"),
    Case("EST-TRUSTS-OWN", PAYMENTS, "trusts: [test]", "trusts: [prod]", "consumers/payments.yaml:23:13: billing does not trust its own environment test [EST-TRUSTS-OWN] → add test to trusts"),
    Case("EST-NAME-TWICE", PAYMENTS, "pay.prod.example.internal", "gateway.prod.example.internal", "consumers/platform.yaml:6:13: gateway.prod.example.internal already belongs to billing [EST-NAME-TWICE] → a DNS name belongs to one consumer and stands once"),
    Case("EST-NAME-DOMAIN", PAYMENTS, "pay.prod.example.internal", "pay.test.example.internal", "consumers/payments.yaml:6:44: pay.test.example.internal lies outside the environment's domain prod.example.internal [EST-NAME-DOMAIN] → use a name below prod.example.internal"),
    Case("EST-NAME-ROLE", PLATFORM, "alice.admins.prod", "alice.prod", "consumers/platform.yaml:26:13: alice.prod.example.internal lies outside admins.prod.example.internal, which is all that the role admin may name [EST-NAME-ROLE] → use a name below admins.prod.example.internal"),
    Case("EST-COMMON-NAME", PAYMENTS, "[billing.prod", "[bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.prod", "consumers/payments.yaml:6:13: the first name is the common name and has 72 characters, X.520 allows 64 [EST-COMMON-NAME] → put a shorter name first"),
    Case("EST-PATH-TWICE", PAYMENTS, "path: /etc/billing-test/tls", "path: /etc/billing/tls", "consumers/payments.yaml:25:26: /etc/billing/tls is already the path of billing [EST-PATH-TWICE] → give each consumer a folder of its own"),
    Case("EST-PATH-SYSTEM", PAYMENTS, "path: /etc/billing/tls", "path: /usr/bin", "consumers/payments.yaml:11:15: /usr/bin is a system folder [EST-PATH-SYSTEM] → use a folder of its own, like /etc/billing/tls"),
    Case("EST-PATH-IDENTITY", PAYMENTS, "path: /etc/billing/tls", "path: /etc/trustwright/identities/test/tls", "consumers/payments.yaml:11:15: /etc/trustwright/identities/test/tls lies in the identity folder of test [EST-PATH-IDENTITY] → use a folder of its own, like /etc/billing/tls"),
    Case("EST-PATH-HOME", PAYMENTS, "path: /etc/billing/tls", "path: ..", "consumers/payments.yaml:11:15: {folder} is the folder of the estate file [EST-PATH-HOME] → use a folder of its own, like /etc/billing/tls"),
    Case("EST-KEY-MODE", PAYMENTS, '"0640"', '"0644"', 'consumers/payments.yaml:14:15: mode 0644 is not one for a key [EST-KEY-MODE] → use "0600", "0640", "0400" or "0440"'),
    Case("EST-DELIVER", PAYMENTS, "    deliver:\n      directory: {", "    deliver:\n      vault_kv: {}\n      directory: {", "consumers/payments.yaml:24:5: billing is delivered to a directory and to Vault's KV [EST-DELIVER] → say one of directory and vault_kv"),
    Case("EST-DELIVER-ADMIN", PLATFORM, "directory: { path: /home/alice/.trustwright/prod }", "vault_kv: {}", "consumers/platform.yaml:29:17: alice is an admin, whose certificate passes no service path [EST-DELIVER-ADMIN] → say directory: `trustwright admin issue` writes there"),
    Case("EST-DELIVERY-MOUNT", ESTATE, "mount: pki", "mount: pki\n      delivery: pki/sets", "estate.yaml:19:17: the mounts pki/sets and pki overlap [EST-DELIVERY-MOUNT] → leave it out, or name a mount of its own, like trustwright-delivery"),
    Case("EST-HOST-PATH", PLATFORM, "path: /etc/mailer/tls", "path: etc/mailer", "consumers/platform.yaml:39:15: `consumers[5].deliver.vault_kv.path` is no path on a host [EST-HOST-PATH] → write it from the top, of letters, digits, dots, hyphens, underscores: /etc/billing/tls"),
    Case("EST-NETWORK", PLATFORM, "10.20.0.0/16", "10.20.0.1/16", "consumers/platform.yaml:43:19: `consumers[5].deliver.vault_kv.sources[0]` is no network: address or prefix do not fit [EST-NETWORK] → write address and prefix, like 10.1.2.0/24 or 2001:db8::/64"),
    Case("EST-ROUTE", ESTATE, "environments: [prod]", "environments: [prd]", "estate.yaml:54:60: no environment 'prd' [EST-ROUTE] → there is: prod, test"),
]  # fmt: skip


def _no_text(estate: Path) -> None:
    (estate.parent / PAYMENTS).write_bytes(b"a: \xff")


def _renamed(estate: Path) -> None:
    for file in (estate, *(estate.parent / "consumers").iterdir()):
        text = re.sub(r"\n  test:\n", "\n  root-crl:\n", file.read_text())
        text = text.replace("environment: test", "environment: root-crl")
        file.write_text(
            text.replace("[test]", "[root-crl]").replace("prod, test]", "prod, root-crl]")
        )


def _without_role(estate: Path) -> None:
    lines = estate.read_text().splitlines(keepends=True)
    estate.write_text(
        "".join(each for each in lines if "proxy: " not in each or "prod." not in each)
    )


def _key_in_root(estate: Path) -> None:
    pem = estate.parent / "root.pem"
    pem.write_text(f"-----BEGIN PRIVATE KEY-----\n{pem.read_text()}")


def _intermediate_as_root(estate: Path) -> None:
    certificate = pki().intermediate
    (estate.parent / "root.pem").write_text(parse.pem(certificate))
    change(estate, root().fingerprint, parse.fingerprint(certificate))


def _keys(estate: Path) -> Path:
    """Make login keys for both environments; return the folder of theirs."""
    folder = estate.parent / "identities"
    for name in ("test", "prod"):
        change(estate, f"/etc/trustwright/identities/{name}", f"identities/{name}")
        identities.create_identity_keys(folder / name)
    return folder


def _copied_key(estate: Path) -> None:
    folder = _keys(estate)
    for kind in ("key", "pub"):
        shutil.copy(folder / "test" / f"issuer.{kind}", folder / "prod" / f"issuer.{kind}")


def _misfitting_key(estate: Path) -> None:
    folder = _keys(estate) / "prod"
    (folder / "anchor.pub").unlink()
    (folder / "anchor.key").unlink()
    shutil.copy(folder / "rotator.pub", folder / "issuer.pub")
    (folder / "rotator.pub").unlink()
    (folder / "rotator.key").unlink()


@dataclass(frozen=True)
class Scene:
    """A rule, a change to several files, and the line that `check` prints of it."""

    rule: str
    alter: Callable[[Path], None]
    line: str


SCENES = [
    Scene("EST-FILE", _no_text, "consumers/payments.yaml:1:4: not UTF-8: byte 0xff [EST-FILE] → save it as UTF-8"),
    Scene("EST-RESERVED", _renamed, "estate.yaml:12:3: root-crl is what a request for a root CRL is called, no environment [EST-RESERVED] → call the environment otherwise: the root's policy refuses this name"),
    Scene("EST-CONSUMER-ROLE", _without_role, "consumers/platform.yaml:4:11: environment prod has no role 'proxy' [EST-CONSUMER-ROLE] → there is: admin, agent, server"),
    Scene("EST-ROOT-FILE", lambda estate: (estate.parent / "root.pem").unlink(), "estate.yaml:8:16: root.pem cannot be read: No such file or directory [EST-ROOT-FILE] → copy the root's certificate here: trustwright-root show --certificate"),
    Scene("EST-ROOT-KEY", _key_in_root, "estate.yaml:8:16: root.pem holds a private key [EST-ROOT-KEY] → name a file with the certificate alone, and ask how the key came to this machine"),
    Scene("EST-ROOT-CA", _intermediate_as_root, "estate.yaml:8:16: root.pem is no self-signed CA [EST-ROOT-CA] → copy the root's certificate here: trustwright-root show --certificate"),
    Scene("EST-ROOT-FINGERPRINT", lambda estate: change(estate, root().fingerprint, "sha256:" + "1" * 64), f"estate.yaml:9:16: the certificate's fingerprint is {root().fingerprint} [EST-ROOT-FINGERPRINT] → compare it with the ceremony's transcript before you change it"),
    Scene("EST-ROOT-LIFE", lambda estate: change(estate, "validity: 730d", "validity: 6243d"), "estate.yaml:23:17: validity 6243d goes past the root's end at 2043-12-27T00:00:00Z [EST-ROOT-LIFE] → shorten it, to 6242d at most, or make a new root"),
    Scene("EST-IDENTITY-KEY", _copied_key, "estate.yaml:40:17: the key of issuer is also that of issuer in test [EST-IDENTITY-KEY] → remove issuer.key and issuer.pub where they are copies, then run `trustwright identity create` for that environment"),
    Scene("EST-IDENTITY-PAIR", _misfitting_key, "estate.yaml:40:17: issuer.pub is not the public half of issuer.key [EST-IDENTITY-PAIR] → remove the one that is wrong, or both, then: trustwright identity create prod"),
]  # fmt: skip


def shown(problems: tuple[Problem, ...], file: Path) -> list[str]:
    """Return the lines that `check` prints, without the folder."""
    folder = str(file.parent)
    return [each.text().replace(f"{folder}/", "").replace(folder, "{folder}") for each in problems]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the example's estate file, with a root of its own."""
    return write_example(tmp_path / "estate")


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.rule)
def test_a_mistake_is_a_line(file: Path, case: Case) -> None:
    """File, line, column, sentence, rule and remedy; behind an alias it may be said once more."""
    change(file.parent / case.file, case.old, case.new)
    lines = shown(check_estate(file, HeldClock()), file)

    assert case.line in lines
    narrowed = {"EST-ROLE-DOMAIN", "EST-CANARY-NAME"}
    follows = "[EST-NAME-ROLE]" if case.rule in narrowed else "nothing"
    assert [each for each in lines if f"[{case.rule}]" not in each and follows not in each] == []


@pytest.mark.parametrize("scene", SCENES, ids=lambda each: each.rule)
def test_a_mistake_in_a_named_file_is_a_line(file: Path, scene: Scene) -> None:
    """It is said where the file is named."""
    scene.alter(file)

    assert scene.line in shown(check_estate(file, HeldClock()), file)


@pytest.mark.parametrize(
    ("now", "what"),
    [
        (
            datetime(2043, 12, 27, 0, 0, 1, tzinfo=UTC),
            "root.pem expired at 2043-12-27T00:00:00Z: it signs nothing more [EST-ROOT-DATES] → make a new root, and pin it here",
        ),
        (
            datetime(2023, 12, 31, 22, 59, 59, tzinfo=UTC),
            "root.pem is not valid before 2023-12-31T23:00:00Z [EST-ROOT-DATES] → compare the clocks of both machines",
        ),
    ],
)
def test_a_root_out_of_its_dates_is_a_line(file: Path, now: datetime, what: str) -> None:
    """And nothing is said of what it could sign."""
    assert shown(check_estate(file, HeldClock(now)), file) == [f"estate.yaml:8:16: {what}"]


def test_a_root_that_expired_does_not_stop_what_runs(file: Path) -> None:
    """It signs no intermediate more; leaves are to be renewed and revoked as before."""
    old = TestRoot(datetime(2000, 1, 1, tzinfo=UTC))
    (file.parent / "root.pem").write_text(old.pem)
    change(file, root().fingerprint, old.fingerprint)

    # The machine's clock, which nobody holds.
    assert [each.rule for each in check_estate(file)] == ["EST-ROOT-DATES"]
    assert load_estate(file).root.fingerprint == old.fingerprint


def test_the_roots_last_second(file: Path) -> None:
    """It is valid then; what it would sign is not."""
    last = datetime(2043, 12, 27, tzinfo=UTC)

    assert {each.rule for each in check_estate(file, HeldClock(last))} == {"EST-ROOT-LIFE"}


def test_every_rule_is_shown() -> None:
    """The tables above leave none out."""
    shown = {case.rule for case in CASES} | {scene.rule for scene in SCENES} | {"EST-ROOT-DATES"}

    assert shown == rules_of_the_code() - ELSEWHERE


def test_no_line_is_without_a_remedy(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints what the table says, and ends with exit code 2."""
    change(file, "organization: Example", "organization: ''")

    assert exit_code(cli, "trustwright", ["check", str(file)]) == 2
    assert capsys.readouterr().out.splitlines()[0] == (
        f"{file}:5:15: `organization` is empty [EST-ORGANIZATION] → write it as it should read in every certificate, up to 64 characters"
    )


PAGE = CHECKOUT / "docs" / "estate-file.md"


def rules_of_the_code() -> set[str]:
    """Return every EST identifier that stands as a text of its own in the code."""
    found: set[str] = set()
    for file in (CHECKOUT / "trustwright").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= set(re.findall(r"^EST-[A-Z-]+$", node.value))
    return found


def test_the_page_lists_the_rules_of_the_code() -> None:
    """Each once, with its meaning and its remedy; none that is gone."""
    rows = re.findall(r"^\| `(EST-[A-Z-]+)` \| (.+) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)

    assert len(rows) == len({rule for rule, _, _ in rows})
    assert {rule for rule, _, _ in rows} == rules_of_the_code()
    assert set(RULES) <= rules_of_the_code()
    assert not [rule for rule, meaning, remedy in rows if not meaning.strip() or not remedy.strip()]
