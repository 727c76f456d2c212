"""``trustwright plan``: its page, its JSON, its exit codes."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.ports import FakePorts
from tests.fakes.world import World
from tests.unit.lifecycle.scenes import Answer, bootstrap, leave_request, twist
from tests.unit.lifecycle.test_planning import drop_consumer
from trustwright.cli.main import cli
from trustwright.cli.planpage import LONGEST, page
from trustwright.cli.terminal import exit_code
from trustwright.errors import ConfigurationError, TrustwrightError, Unavailable
from trustwright.model.plan import Change, EnvironmentPlan, Member, Remark

pytestmark = pytest.mark.unit

Capture = pytest.CaptureFixture[str]
POLICY = "".join(f'path "p{n}" {{ }}\n' for n in range(9))

WHOLE = EnvironmentPlan.of(
    "prod",
    "ready",
    [
        Change("prod/vault/roles/agent", "create", (Member("ttl", None, 60),)),
        Change(
            "prod/vault/roles/server",
            "update",
            (
                Member("allow_any_name", now=True, wanted=False),
                Member(
                    "allowed_uri_sans",
                    ["spiffe://a/server/one", "spiffe://a/server/two"],
                    ["spiffe://a/server/one", "spiffe://a/server/three"],
                ),
                Member("max_ttl", None, 259_200),
                Member("ou", [], ["prod"]),
            ),
        ),
        Change(
            "prod/vault/sys/policies/acl/trustwright-issuer",
            "update",
            (Member("policy", POLICY.replace("p4", "x4"), POLICY),),
        ),
        Change("prod/vault/roles/wide", "delete", destructive=True),
        Change("prod/certificates/billing", "update", why=("due: it is valid until 2026-11-29",)),
        Change(
            "prod/consumers/gone",
            "delete",
            why=("it is in the record and not in the estate file",),
            destructive=True,
            consequences=("revokes prod-g1/0a:0b", "leaves its files in /etc/gone"),
        ),
        Remark("unseen", "prod/sets/x", "no right"),
        Remark("foreign", "prod/vault/sys/mounts/kv", "not made by Trustwright: left alone"),
        Remark("trouble", "prod/vault/issuer/evil", "an issuer that the record does not know"),
        Remark("waits", "prod/sets/ledger", "for the host's certification request"),
    ],
)

PAGE = """\
prod (ready)
  + prod/vault/roles/agent
  ~ prod/vault/roles/server
      allow_any_name: true -> false
      allowed_uri_sans:
        + spiffe://a/server/three
        - spiffe://a/server/two
      max_ttl: (absent) -> 259200
      ou: [] -> ["prod"]
  ~ prod/vault/sys/policies/acl/trustwright-issuer
      policy:
        @@ -4,3 +4,3 @@
         path "p3" { }
        -path "x4" { }
        +path "p4" { }
         path "p5" { }
  - prod/vault/roles/wide
      only when it is approved: --destroy prod/vault/roles/wide
  ~ prod/certificates/billing
      due: it is valid until 2026-11-29
  - prod/consumers/gone
      it is in the record and not in the estate file
      revokes prod-g1/0a:0b
      leaves its files in /etc/gone
      only when it is approved: --destroy prod/consumers/gone
  ! prod/vault/issuer/evil: an issuer that the record does not know
  waits: prod/sets/ledger: for the host's certification request
  foreign: prod/vault/sys/mounts/kv: not made by Trustwright: left alone
  not looked at: prod/sets/x: no right

1 to create, 3 to change, 2 to remove, 1 for a person
"""


def lines(*plans: EnvironmentPlan, remarks: tuple[Remark, ...] = ()) -> str:
    """Return a page as a text."""
    return "".join(f"{line.text}\n" for line in page(plans, remarks))


def test_the_page_of_everything() -> None:
    """Signs, members, a small diff, reasons, consequences, remarks by their kind, counts."""
    assert lines(WHOLE) == PAGE


def test_the_page_of_nothing_is_one_line() -> None:
    """However many environments there are."""
    assert (
        lines(EnvironmentPlan("test", "ready"), EnvironmentPlan("prod", "ready")) == "no changes\n"
    )


def test_remarks_alone_are_no_changes() -> None:
    """What is foreign is said, and so is an environment that the estate does not have."""
    foreign = Remark("foreign", "test/vault/sys/mounts/kv", "left alone")
    found = lines(
        EnvironmentPlan("test", "ready", (), (foreign,)),
        remarks=(Remark("foreign", "old", "in the record"),),
    )
    assert found == (
        "test (ready)\n  foreign: test/vault/sys/mounts/kv: left alone\n\n"
        "foreign: old: in the record\nno changes\n"
    )


def test_what_was_not_looked_at_is_not_called_unchanged() -> None:
    """The last line is what people read."""
    unseen = Remark("unseen", "test/vault", "no key")
    found = lines(EnvironmentPlan("test", "ready", (), (unseen,))).splitlines()
    assert found[1:] == [
        "  not looked at: test/vault: no key",
        "",
        "no changes in what was looked at",
    ]


def test_a_long_difference_is_cut() -> None:
    """A role of a thousand consumers fits a screen."""
    uris = [f"spiffe://a/server/{number}" for number in range(1000)]
    change = Change("a/vault/roles/server", "update", (Member("allowed_uri_sans", [], uris),))
    found = lines(EnvironmentPlan("a", "ready", (change,))).splitlines()
    assert found[-3] == f"        … and {1000 - LONGEST} more"
    assert len(found) == LONGEST + 6


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world whose prod alone is in the estate, and ready; the command gets its ports."""
    made = World(tmp_path)
    leave_request(made)
    bootstrap(made)

    @contextmanager
    def assembled(**_: object) -> Iterator[FakePorts]:
        yield made.ports

    monkeypatch.setattr("trustwright.assembly.assembled", assembled)
    return made


def run(*arguments: str) -> int:
    """Run the command; return its exit code."""
    return exit_code(cli, "trustwright", ["plan", *arguments])


def failing(errors: dict[str, TrustwrightError]) -> Answer:
    """Return an answer that fails for some environments."""

    def answer(honest: Answer, name: str, *rest: Any) -> Any:
        if name in errors:
            raise errors[name]
        return honest(name, *rest)

    return answer


def test_no_changes_end_with_0(world: World, capsys: Capture) -> None:
    """In one line."""
    assert run("prod") == 0
    assert capsys.readouterr() == ("no changes\n", "")


def test_changes_end_with_2_and_a_plan(world: World, capsys: Capture) -> None:
    """Or with the code that a script asks for, which no error has."""
    drop_consumer(world, "gateway")
    assert run("prod") == 2
    shown = capsys.readouterr()
    assert shown.out.splitlines()[-1] == "0 to create, 1 to change, 1 to remove"
    assert shown.err == ""
    assert run("prod", "--exit-code", "10") == 10
    assert run("prod", "--exit-code", "0") == 0


def test_what_only_a_person_can_mend_is_a_difference(world: World, capsys: Capture) -> None:
    """A machine that watches the code learns of a strange issuer."""
    world.ports.vault.mounts["prod"].issuers.clear()
    assert run("prod") == 2
    assert capsys.readouterr().out.splitlines()[-1].endswith(", 1 for a person")


def test_all_environments_in_the_order_of_the_estate(world: World, capsys: Capture) -> None:
    """When none is named; one that is named twice is shown once."""
    assert run() == 2
    first = [line for line in capsys.readouterr().out.splitlines() if line and line[0] != " "]
    assert first[0] == "test (planned)"
    assert run("prod", "prod") == 0


def test_an_error_ends_with_its_own_code_and_no_plan(world: World, capsys: Capture) -> None:
    """An error with the code 2 prints nothing on standard output: that tells it from changes."""
    twist(world.ports, {"provisioner.plan": failing({"prod": ConfigurationError("bad", rule="R")})})
    assert run("prod") == 2
    assert capsys.readouterr() == ("", "error: bad [R]\n")
    twist(world.ports, {"provisioner.plan": failing({"prod": Unavailable("sealed", rule="S")})})
    assert run("prod", "--exit-code", "10") == 5
    assert capsys.readouterr() == ("", "error: sealed [S]\n")
    assert run("nowhere") == 2
    assert "[EST-ENVIRONMENT]" in capsys.readouterr().err


def test_one_environment_that_fails_stops_no_other(world: World, capsys: Capture) -> None:
    """The others are shown; the code is the error's, for the plan is not whole."""
    twist(world.ports, {"provisioner.plan": failing({"prod": Unavailable("sealed", rule="S")})})
    assert run() == 5
    shown = capsys.readouterr()
    assert shown.out.startswith("test (planned)\n  + test/vault/sys/mounts/pki\n")
    assert shown.out.endswith(" to create, 0 to change, 0 to remove; not planned: prod\n")
    assert shown.err == "error: sealed [S]\n"


def test_two_that_fail_are_both_named(world: World, capsys: Capture) -> None:
    """The first gives the code."""
    errors: dict[str, TrustwrightError] = {
        "test": Unavailable("sealed", rule="S"),
        "prod": ConfigurationError("bad", rule="R"),
    }
    twist(world.ports, {"provisioner.plan": failing(errors)})
    assert run() == 5
    shown = capsys.readouterr()
    assert shown == ("", "note: prod was not planned: bad [R]\nerror: sealed [S]\n")


def test_the_json_of_changes(world: World, capsys: Capture) -> None:
    """The shape that the runbook promises."""
    (row,) = world.ports.store.certificates.find(subject="gateway", state="valid")
    until = f"{row.not_after:%Y-%m-%d %H:%M}"
    drop_consumer(world, "gateway")
    leave_request(world, "ledger", names=("other.prod.example.internal",))
    assert run("prod", "--json") == 2
    found = json.loads(capsys.readouterr().out)
    text = found["environments"][0]["remarks"][0].pop("text")
    assert "[HOST-NAMES]" in text
    assert found == {
        "format": 1,
        "outcome": "changes",
        "counts": {"create": 0, "update": 1, "delete": 1},
        "environments": [
            {
                "environment": "prod",
                "phase": "ready",
                "changes": [
                    {
                        "address": "prod/vault/roles/proxy",
                        "action": "update",
                        "destructive": False,
                        "members": [],
                        "why": [],
                        "consequences": [],
                    },
                    {
                        "address": "prod/consumers/gateway",
                        "action": "delete",
                        "destructive": True,
                        "members": [],
                        "why": ["it is in the record and not in the estate file"],
                        "consequences": [
                            f"revokes {row.id} (proxy, valid until {until} UTC)",
                            f"leaves its files in {world.ports.folder.parent}/hosts/prod/gateway",
                        ],
                    },
                ],
                "remarks": [{"kind": "trouble", "address": "prod/sets/ledger"}],
            }
        ],
        "remarks": [],
        "errors": [],
    }


def test_the_json_of_members(capsys: Capture, world: World) -> None:
    """A member with what is there and what is wanted."""
    change = Change("prod/vault/x", "update", (Member("ttl", 1, 2),))
    twist(world.ports, {"provisioner.plan": lambda *_: (change,)})
    assert run("prod", "--json") == 2
    (environment,) = json.loads(capsys.readouterr().out)["environments"]
    assert environment["changes"][0]["members"] == [{"name": "ttl", "now": 1, "wanted": 2}]


def test_the_json_of_nothing_and_of_an_error(world: World, capsys: Capture) -> None:
    """An outcome of its own for each; the error with its rule and remedy."""
    assert run("prod", "--json") == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "none"
    error = Unavailable("sealed", rule="S", hint="unseal it", where="v")
    twist(world.ports, {"provisioner.plan": failing({"prod": error})})
    assert run("prod", "--json") == 5
    found = json.loads(capsys.readouterr().out)
    assert (found["outcome"], found["environments"]) == ("incomplete", [])
    assert found["errors"] == [
        {
            "environment": "prod",
            "kind": "unavailable",
            "what": "sealed",
            "rule": "S",
            "hint": "unseal it",
            "where": "v",
        }
    ]


def test_a_rubbish_estate_file_is_an_error_and_no_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Exit code 2 and nothing on standard output; apply starts nothing either."""
    monkeypatch.setenv("TRUSTWRIGHT_HOME", str(tmp_path))
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    monkeypatch.delenv("TRUSTWRIGHT_ESTATE", raising=False)
    for text in ("", "environments: [", "\x00\xff", "organization: {}", "- a\n- b"):
        (tmp_path / "estate.yaml").write_text(text, encoding="latin-1")
        for command in ("plan", "apply"):
            assert exit_code(cli, "trustwright", [command]) == 2
            shown = capsys.readouterr()
            assert (shown.out, shown.err.count("\n")) == ("", 1), text
            assert shown.err.startswith("error: ")


class Terminal(io.StringIO):
    """A standard output that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_colours_are_for_terminals(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Added green, changed yellow, removed red; NO_COLOR turns them off."""
    drop_consumer(world, "gateway")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    assert run("prod") == 2
    assert "\x1b[33m  ~ prod/vault/roles/proxy\x1b[0m\n" in terminal.getvalue()
    assert "\x1b[31m  - prod/consumers/gateway\x1b[0m\n" in terminal.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    assert run("prod") == 2
    assert "\x1b" not in terminal.getvalue()


def test_nothing_of_a_server_is_obeyed_by_the_terminal(world: World, capsys: Capture) -> None:
    """A role's name and value may hold what they like."""
    member = Member("ou", ["\x1b[2J"], ["prod"])
    change = Change("prod/vault/roles/\x1b]0;x\x07", "update", (member,))
    twist(world.ports, {"provisioner.plan": lambda *_: (change,)})
    assert run("prod") == 2
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\x07" not in shown
