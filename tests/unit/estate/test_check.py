"""Problems of the estate file: each with its line, rule and remedy."""

# ruff: noqa: E501, ISC004 - the long lines are what a person reads

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.delivery.material import pki
from tests.unit.estate.material import change, root, write_example
from trustwright.errors import ConfigurationError
from trustwright.estatefile import check_estate, load_estate
from trustwright.model.estate import Estate
from trustwright.x509 import parse


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the example's estate file, with a root of its own."""
    return write_example(tmp_path / "estate")


def found(file: Path) -> list[tuple[str, int, int, str, str]]:
    """Return file name, line, column, rule and sentence of every problem."""
    return [
        (each.file.name, each.line, each.column, each.rule, each.what)
        for each in check_estate(file)
    ]


def only(file: Path) -> str:
    """Return the one problem as the command prints it, without its folder."""
    (problem,) = check_estate(file)
    return problem.text().removeprefix(f"{file.parent}/")


def test_the_example_is_good(file: Path) -> None:
    """What the documentation shows passes its own check."""
    estate = load_estate(file)

    assert check_estate(file) == ()
    assert isinstance(estate, Estate)
    assert [each.name for each in estate.consumers] == [
        "billing",
        "billing",
        "gateway",
        "collector",
        "alice",
        "mailer",
    ]


def test_paths_are_relative_to_the_file_that_names_them(file: Path) -> None:
    """Also in an included file; absolute ones stay."""
    change(file.parent / "consumers" / "payments.yaml", "/etc/billing/tls", "tls/../out")
    estate = load_estate(file)

    assert estate.root.certificate == file.parent / "root.pem"
    assert estate.environments["prod"].vault.ca == file.parent / "vault-ca.pem"
    assert estate.environments["prod"].vault.identity == Path("/etc/trustwright/identities/prod")
    directory = estate.consumers[0].deliver.directory
    assert directory is not None
    assert directory.path == file.parent / "consumers" / "out"


def test_paths_do_not_depend_on_where_one_stands(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative name of the estate file gives the same estate."""
    expected = load_estate(file)
    monkeypatch.chdir(file.parent)

    assert load_estate(Path("estate.yaml")) == expected


def test_loading_raises_the_first_problem(file: Path) -> None:
    """With its place, rule and remedy, and how many more there are."""
    change(file, "validity: 730d", "validity: two years")
    change(file, "organization: Example", "organisation: Example")
    with pytest.raises(ConfigurationError) as refused:
        load_estate(file)
    error = refused.value

    assert (error.rule, error.where) == ("EST-MISSING", f"{file}:5:1")
    assert error.what == (f"`organization` is missing (and 2 more: `trustwright check {file}`)")
    assert error.exit_code == 2


SINGLE = [
    (
        "organization: Example",
        "organisation: Example\norganization: Example",
        "estate.yaml:5:1: unknown key `organisation` [EST-UNKNOWN] → did you mean `organization`?",
    ),
    (
        "    domain: test",
        "    domian: x\n    domain: test",
        "estate.yaml:13:5: unknown key `environments.test.domian` [EST-UNKNOWN] → did you mean "
        "`domain`?",
    ),
    (
        "notify:\n",
        "notify:\n  colour: red\n",
        "estate.yaml:51:3: unknown key `notify.colour` [EST-UNKNOWN] → known here: routes, urls_file",
    ),
    (
        "      address: https://vault.example.internal:8200\n",
        "",
        "estate.yaml:15:5: `environments.test.vault.address` is missing [EST-MISSING] → add `address:`",
    ),
    (
        "overlap: 14d",
        "overlap: 14 days",
        "estate.yaml:25:16: `environments.test.intermediate.overlap` is no duration [EST-DURATION] → a "
        "duration reads like 90s, 15m, 72h or 730d",
    ),
    (
        "overlap: 14d",
        "overlap: 14",
        "estate.yaml:25:16: `environments.test.intermediate.overlap` is no duration [EST-DURATION] → a "
        "duration reads like 90s, 15m, 72h or 730d",
    ),
    (
        "key: ec-p384",
        "key: ec-p348",
        "estate.yaml:22:12: `environments.test.intermediate.key` must be one of: ec-p256, ec-p384 "
        "[EST-VALUE] → did you mean `ec-p384`?",
    ),
    (
        "      server: { ttl",
        "      srver: { ttl",
        "estate.yaml:27:7: `environments.test.roles.srver` must be one of: server, admin, proxy, agent "
        "[EST-VALUE] → did you mean `server`?",
    ),
    (
        "mount: pki",
        "mount: /pki/",
        "estate.yaml:18:14: `environments.test.vault.mount` is no mount [EST-MOUNT] → lower case, digits "
        "and hyphens, joined by /, up to 200 characters; no / at the ends",
    ),
    (
        "namespace: test",
        "namespace: 5",
        "estate.yaml:17:18: `environments.test.vault.namespace` must be text [EST-TYPE] → put it in "
        "quotes",
    ),
    (
        "    domain: test.example.internal",
        "    domain: Test.example.internal",
        "estate.yaml:13:13: `environments.test.domain` is no DNS name [EST-DNS-NAME] → a DNS name is lower "
        "case and has a dot, like billing.prod.example.internal; no wildcard, no address, up to 253 "
        "characters",
    ),
    (
        "certificate: root.pem",
        "certificate: ''",
        "estate.yaml:8:16: the path is empty [EST-PATH] → write the path of a file or folder; a "
        "relative one begins where this file stands",
    ),
    (
        "certificate: root.pem",
        "certificate: ~/root.pem",
        "estate.yaml:8:16: `~` is not expanded [EST-PATH] → write the path of a file or folder; a "
        "relative one begins where this file stands",
    ),
    (
        "organization: Example",
        "organization: !!binary Example",
        "estate.yaml:5:15: the tag binary has no meaning here [EST-TAG] → remove it",
    ),
    (
        "organization: Example",
        "organization: Example\norganization: Other",
        "estate.yaml:6:1: `organization` already stands in line 5 [EST-DUPLICATE] → keep one of the two",
    ),
    (
        "organization: Example",
        "organization: [Example",
        "estate.yaml:7:5: while parsing a flow sequence: expected ',' or ']', but got ':' [EST-YAML] → "
        "mend the syntax",
    ),
    (
        "organization: Example",
        "organization: *nothing",
        "estate.yaml:5:15: found undefined alias 'nothing' [EST-YAML] → write `&name` above it, or "
        "put text that begins with * in quotes",
    ),
    (
        "organization: Example",
        "? [1]\n: 2\norganization: Example",
        "estate.yaml:5:3: a key must be a word [EST-KEY] → write `key: value`",
    ),
    (
        "organization: Example",
        "organization: Example\n<<: 7",
        "estate.yaml:6:5: `<<` merges mappings only [EST-ALIAS] → write <<: *name",
    ),
]


@pytest.mark.parametrize(("old", "new", "line"), SINGLE, ids=[each[2][:60] for each in SINGLE])
def test_a_single_mistake_is_one_line(file: Path, old: str, new: str, line: str) -> None:
    """Place, sentence, rule and remedy."""
    change(file, old, new)
    lines = [each.text().removeprefix(f"{file.parent}/") for each in check_estate(file)]

    assert lines[0] == line
    follow_up = "EST-PATH" in line or "roles.srver" in line
    assert len(lines) == 1 or follow_up


def test_all_problems_are_shown_by_position(file: Path) -> None:
    """Across rules and files, the estate file first."""
    change(file, "namespace: prod", "namespace: test")
    change(file, "policy: 1.3.6.1.4.1.32473.1.2", "policy: 1.3.6.1.4.1.32473.1.1")
    change(file, "environments: [prod]", "environments: [stage]")
    payments = file.parent / "consumers" / "payments.yaml"
    change(payments, "owner: payments", "ownr: payments")
    change(payments, "names: [billing.test", "names: [billing.prod")

    assert found(file) == [
        ("estate.yaml", 34, 13, "EST-POLICY-TWICE", "the policy OID is also that of test"),
        (
            "estate.yaml",
            35,
            5,
            "EST-NAMESPACE-TWICE",
            "address and namespace (test) are also those of test: they would share logins and "
            "policies",
        ),
        ("estate.yaml", 54, 60, "EST-ROUTE", "no environment 'stage'"),
        ("payments.yaml", 2, 5, "EST-MISSING", "`consumers[0].owner` is missing"),
        ("payments.yaml", 5, 5, "EST-UNKNOWN", "unknown key `consumers[0].ownr`"),
        (
            "payments.yaml",
            22,
            13,
            "EST-NAME-DOMAIN",
            "billing.prod.example.internal lies outside the environment's domain "
            "test.example.internal",
        ),
    ]


def test_a_name_at_the_top_of_a_roles_subtree_is_refused(file: Path) -> None:
    """The server signs no bare domain: said here, with the line and what to write instead."""
    payments = file.parent / "consumers" / "payments.yaml"
    change(payments, "names: [billing.prod.example.internal", "names: [prod.example.internal")

    (problem,) = check_estate(file)
    assert problem.text() == (
        f"{payments}:6:13: prod.example.internal is the top of the subtree that the role server "
        "may name, and the role signs only names below it [EST-NAME-ROLE] → use a name below it, "
        "like billing.prod.example.internal"
    )


def test_a_missing_list_item_field_points_at_its_item(file: Path) -> None:
    """The second consumer of a file, not the list."""
    platform = file.parent / "consumers" / "platform.yaml"
    change(
        platform,
        "    key: host # the key is made on the host and stays there\n    deliver:\n"
        "      directory: { path: /etc/collector/tls }\n",
        "",
    )

    assert found(file) == [
        ("platform.yaml", 12, 5, "EST-MISSING", "`consumers[3].deliver` is missing")
    ]


def test_a_number_where_text_is_meant_says_so(file: Path) -> None:
    """mode: 0640 without quotes is a number in YAML."""
    change(file.parent / "consumers" / "payments.yaml", '"0640"', "0640")

    assert only(file) == (
        "consumers/payments.yaml:14:15: `consumers[0].deliver.directory.mode` must be text "
        "[EST-TYPE] → put it in quotes"
    )


def test_text_where_a_list_is_meant_says_so(file: Path) -> None:
    """trusts: prod."""
    change(file.parent / "consumers" / "payments.yaml", "trusts: [prod]", "trusts: prod")

    assert only(file) == (
        "consumers/payments.yaml:7:13: `consumers[0].trusts` must be a list [EST-TYPE] → write "
        "[one, two], or one `- item` a line"
    )


def test_a_key_without_a_value_says_so(file: Path) -> None:
    """`vault:` with nothing below it."""
    change(
        file,
        "    vault:\n      address: https://vault.example.internal:8200\n"
        "      namespace: test\n      mount: pki\n      ca: vault-ca.pem\n"
        "      identity: /etc/trustwright/identities/test\n",
        "    vault:\n",
    )
    ((_, line, _, rule, what),) = found(file)

    assert (line, rule) == (15, "EST-TYPE")
    assert what == "`environments.test.vault` must be a mapping"


def test_aliases_and_merges_are_understood(file: Path) -> None:
    """`<<` takes over what is not said; what is said wins."""
    change(file, "intermediate: *intermediate", "intermediate: { <<: *intermediate, overlap: 30d }")
    estate = load_estate(file)

    assert estate.environments["prod"].intermediate.overlap == 30 * 86_400
    assert estate.environments["prod"].intermediate.validity == 730 * 86_400


def test_a_mistake_behind_an_alias_points_at_its_text(file: Path) -> None:
    """Both uses are wrong, in one place."""
    change(file, "key: ec-p384", "key: rsa")

    assert {(line, column) for _, line, column, _, _ in found(file)} == {(22, 12)}


def test_an_alias_to_itself_is_refused(file: Path) -> None:
    """No recursion, no endless merge."""
    change(
        file, "intermediate: &intermediate", "intermediate: &intermediate\n      <<: *intermediate"
    )
    assert [each[1:4] for each in found(file)] == [(21, 19, "EST-ALIAS")]
    change(file, "<<: *intermediate", "key: *intermediate")
    change(file, "key: ec-p384", "")
    assert [each[1:4] for each in found(file)] == [(21, 19, "EST-ALIAS")]


def test_an_alias_bomb_is_refused(tmp_path: Path) -> None:
    """A few lines that stand for a billion values are not built: one problem, and no more."""
    lines = ["a: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"b{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    merges = ["a: &a0 {x: 1}"]
    merges += [f"b{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 10)]
    for bomb in (lines, merges):
        file = tmp_path / "bomb.yaml"
        file.write_text("\n".join(bomb))

        assert [each[3:] for each in found(file)] == [("EST-YAML", "more than 500000 values")]


@pytest.mark.parametrize("text", ["[" * 2000, "- " * 5000, "{a: " * 3000, "[" * 50 + "]" * 50])
def test_deep_nesting_is_refused(tmp_path: Path, text: str) -> None:
    """The parser's own limits are no traceback."""
    file = tmp_path / "deep.yaml"
    file.write_text(text)

    assert {each[3] for each in found(file)} <= {"EST-YAML", "EST-TYPE"}
    assert found(file)


@pytest.mark.parametrize(
    ("data", "rule", "what"),
    [
        (b"", "EST-TYPE", "the file is empty"),
        (b"# nothing\n", "EST-TYPE", "the file is empty"),
        (b"- a\n", "EST-TYPE", "the file is not a mapping"),
        (b"text", "EST-TYPE", "the file is not a mapping"),
        (b"a: \xff\xfe", "EST-FILE", "not UTF-8: byte 0xff"),
        (
            b"--- 1\n--- 2\n",
            "EST-YAML",
            "expected a single document in the stream: but found another document",
        ),
        (b"x" * (8 * 1024 * 1024 + 1), "EST-FILE", "larger than 8388608 bytes"),
    ],
)
def test_what_is_no_estate_file(tmp_path: Path, data: bytes, rule: str, what: str) -> None:
    """Each is one problem, and loading fails with it."""
    file = tmp_path / "estate.yaml"
    file.write_bytes(data)

    assert [(each[3], each[4]) for each in found(file)] == [(rule, what)]
    with pytest.raises(ConfigurationError):
        load_estate(file)


def test_an_empty_mapping_lacks_everything(tmp_path: Path) -> None:
    """What is missing at the top is said at the top."""
    file = tmp_path / "estate.yaml"
    file.write_text("{}")

    assert [each[1:] for each in found(file)] == [
        (1, 1, "EST-MISSING", "`organization` is missing"),
        (1, 1, "EST-MISSING", "`root` is missing"),
        (1, 1, "EST-MISSING", "`environments` is missing"),
    ]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Also a folder and a pipe: said at once, nothing hangs."""
    os.mkfifo(tmp_path / "pipe")

    assert [each[3:] for each in found(tmp_path / "no.yaml")] == [
        ("EST-FILE", "cannot be read: No such file or directory")
    ]
    assert [each[3:] for each in found(tmp_path)] == [
        ("EST-FILE", "cannot be read: a folder, not a file")
    ]
    assert [each[3:] for each in found(tmp_path / "pipe")] == [
        ("EST-FILE", "cannot be read: not a regular file")
    ]
    assert [each[3:] for each in found(Path("/dev/zero"))] == [
        ("EST-FILE", "cannot be read: not a regular file")
    ]


def test_a_byte_order_mark_is_no_part_of_the_file(file: Path) -> None:
    """Some editors write one."""
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())

    assert check_estate(file) == ()


SECRETS = [
    "vault_token: x",
    "password: x",
    "PASSPHRASE: x",
    "secret-id: x",
    "api_key: x",
    "private_key: x",
    "owner: https://user:hunter2@example.org",
    "owner: mailto://user:hunter2@example.org?to=x",
    "owner: hvs.CAESIJ0123456789abcdefghij",
    'owner: "-----BEGIN EC PRIVATE KEY-----"',
]


@pytest.mark.parametrize("line", SECRETS)
def test_a_secret_is_refused_and_not_repeated(file: Path, line: str) -> None:
    """One problem at its key; the value is nowhere in it."""
    payments = file.parent / "consumers" / "payments.yaml"
    old = "    owner: payments\n"
    change(payments, old, f"    {line}\n" + ("" if line.startswith("owner") else old))
    (problem,) = check_estate(file)

    assert (problem.rule, problem.line, problem.column) == ("EST-SECRET", 5, 5)
    assert "hunter2" not in problem.text()
    assert "CAESIJ" not in problem.text()


def test_an_environment_may_be_called_secret(file: Path) -> None:
    """Names that people choose are no keys of ours."""
    text = file.read_text().replace("\n  test:\n", "\n  secret:\n")
    file.write_text(text)
    for each in (file.parent / "consumers").iterdir():
        each.write_text(
            each.read_text()
            .replace("environment: test", "environment: secret")
            .replace("[test]", "[secret]")
            .replace("[prod, test]", "[prod, secret]")
        )

    assert check_estate(file) == ()


def root_rules(file: Path) -> list[tuple[int, str]]:
    """Return line and rule of every problem."""
    return [(each[1], each[3]) for each in found(file)]


def test_the_root_certificate_must_be_there(file: Path) -> None:
    """Missing, a folder, a pipe, rubbish: one problem where it is named."""
    pem = file.parent / "root.pem"
    pem.unlink()
    assert root_rules(file) == [(8, "EST-ROOT-FILE")]
    pem.mkdir()
    assert root_rules(file) == [(8, "EST-ROOT-FILE")]
    pem.rmdir()
    os.mkfifo(pem)
    assert root_rules(file) == [(8, "EST-ROOT-FILE")]
    pem.unlink()
    for text in ("rubbish", root().pem + root().pem, ""):
        pem.write_text(text)
        assert root_rules(file) == [(8, "EST-ROOT-FILE")]


def test_the_fingerprint_must_be_that_of_the_file(file: Path) -> None:
    """The problem says what it is, at the fingerprint."""
    change(file, root().fingerprint, "sha256:" + "1" * 64)
    ((_, line, _, rule, what),) = found(file)

    assert (line, rule) == (9, "EST-ROOT-FINGERPRINT")
    assert what == f"the certificate's fingerprint is {root().fingerprint}"


def test_an_intermediate_is_no_root(file: Path) -> None:
    """Only a self-signed CA is pinned."""
    certificate = pki().intermediate
    (file.parent / "root.pem").write_text(parse.pem(certificate))
    change(file, root().fingerprint, parse.fingerprint(certificate))

    assert (8, "EST-ROOT-CA") in root_rules(file)


def test_an_intermediate_cannot_outlive_the_root(file: Path) -> None:
    """Both environments share the setting, so it is said where it stands."""
    change(file, "validity: 730d", "validity: 7301d")

    assert {each[1:4] for each in found(file)} == {(23, 17, "EST-ROOT-LIFE")}


@pytest.mark.parametrize(("name", "line"), [("root.pem", 8), ("vault-ca.pem", 19)])
def test_a_private_key_in_a_named_file_is_refused(file: Path, name: str, line: int) -> None:
    """The root's key on an online machine ends the day; nothing of it is shown."""
    path = file.parent / name
    path.write_text(f"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIC\n{root().pem}")
    problems = check_estate(file)

    assert {(each.line, each.rule) for each in problems} >= {(line, "EST-ROOT-KEY")}
    assert not any("MIIC" in each.text() for each in problems)


def test_a_bundle_for_vault_may_come_later(file: Path) -> None:
    """The server that it belongs to may not run yet."""
    assert not (file.parent / "vault-ca.pem").exists()
    assert check_estate(file) == ()
