"""A whole ceremony with the real program, on a terminal and in a script."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from datetime import timedelta

import pytest

from tests.e2e.machine import DOMAINS, PASSPHRASE, Machine
from tests.unit.ceremony.folder import new_root
from trustwright.ceremony.checks import check_response
from trustwright.ceremony.response import open_response
from trustwright.ceremony.review import word_lines
from trustwright.ceremony.words import words_of
from trustwright.clock import SystemClock
from trustwright.x509 import parse

pytestmark = pytest.mark.e2e


def test_whole_ceremony_on_a_terminal(machine: Machine) -> None:
    """Init asks twice, sign asks for environment, words and passphrase; all of it verifies."""
    with machine.terminal("init", "--organization", "Example", *machine.environments()) as typed:
        typed.expect("passphrase of the root key: ")
        typed.type(PASSPHRASE)
        typed.expect("the same again: ")
        typed.type(PASSPHRASE)
        typed.expect("root made in")
        assert typed.end() == 0
        assert PASSPHRASE not in typed.seen
    path, request = machine.ask("prod")

    with machine.terminal("sign", path.name, "--witness", "Ada") as typed:
        page = typed.expect("type the environment's name: ")
        typed.type("prod")
        typed.expect("type the first eight words of the digest: ")
        typed.type(words_of(request.digest(), 8))
        typed.expect("passphrase of the root key: ")
        typed.type(PASSPHRASE)
        typed.expect("written to ")
        assert typed.end() == 0
        assert PASSPHRASE not in typed.seen
    assert "Make an issuing authority for prod, generation 1." in page
    assert [line for line in word_lines(request.digest())[:2] if line in page] == []
    assert request.digest()[:32] not in page
    shown = machine.run("review", path.name).stdout
    assert [line for line in word_lines(request.digest()) if line not in shown] == []

    response = open_response(path.with_name(path.name.replace("request", "response")).read_bytes())
    root = parse.certificate(machine.ok("show", "--certificate"))
    check_response(
        response, request, root=root, now=SystemClock().now(), known_serials=(), domains=DOMAINS
    )
    verified = machine.ok("transcript", "verify")
    assert verified.startswith("ok: 3 lines, 1 responses, 0 root CRLs, 0 abandoned")
    assert "witnesses=Ada" in machine.ok("transcript", "show")


def test_two_different_passphrases_make_no_root(machine: Machine) -> None:
    """A slip at the second prompt is found before anything is made."""
    with machine.terminal("init", "--organization", "Example", *machine.environments()) as typed:
        typed.expect("passphrase of the root key: ")
        typed.type(PASSPHRASE)
        typed.expect("the same again: ")
        typed.type(f"{PASSPHRASE}!")
        typed.expect("[PASS-TWICE]")
        assert typed.end() == 2
    assert not machine.root.exists()


def test_interrupted_prompt_signs_nothing(ready: Machine) -> None:
    """Control-C at a question: exit 130, nothing in the transcript."""
    path, _ = ready.ask("test")
    with ready.terminal("sign", path.name) as typed:
        typed.expect("type the environment's name: ")
        typed.type("\x03")
        typed.expect("error: stopped")
        assert typed.end() == 130
    assert json.loads(ready.ok("show", "--json"))["transcript"]["lines"] == 1


def test_answers_come_on_standard_input(ready: Machine) -> None:
    """A script gives both answers and the passphrase as three lines, in this order."""
    path, request = ready.ask("test")
    words = words_of(request.digest(), 8).upper().replace("-", " ")
    said = ready.ok(
        "sign", str(path), "--passphrase-fd", "0", stdin=f"test\n{words}\n{PASSPHRASE}\n"
    )

    assert "response 1 " in said


@pytest.mark.parametrize(
    ("given", "code", "rule"),
    [
        ("prod\n", 3, "CER-314"),
        ("\n", 3, "CER-314"),
        ("", 3, "CER-314"),
        ("test\naardvark adroitness absurd adviser\n", 3, "CER-315"),
        ("test\nno such words here\n", 3, "CER-315"),
        ("test\n{seven}\n", 3, "CER-315"),
        ("test\n{eight}\nwrong passphrase\n", 4, "ROOT-PASSPHRASE"),
    ],
)
def test_wrong_answer_signs_nothing(ready: Machine, given: str, code: int, rule: str) -> None:
    """Wrong environment, wrong or too few words, wrong passphrase."""
    path, request = ready.ask("test")
    digest = request.digest()
    stdin = given.format(seven=words_of(digest, 7), eight=words_of(digest, 8))

    found, line = ready.refused("sign", str(path), "--passphrase-fd", "0", stdin=stdin)

    assert (code, f"[{rule}]" in line) == (found, True)
    assert json.loads(ready.ok("show", "--json"))["transcript"]["lines"] == 1


def test_rotation_revocation_and_lists(ready: Machine) -> None:
    """Two generations, a CRL in between, reprint, and a transcript that verifies at the end."""
    path, first = ready.ask("test")
    assert "[CER-313]" in ready.refused("sign", str(path), "--reprint")[1]
    assert ready.ok("recover") == "nothing was left open\n"
    ready.ok("sign", str(path), *ready.answers(first))
    output = path.with_name(path.name.replace("request", "response"))
    written = output.read_bytes()

    code, line = ready.refused("sign", str(path), *ready.answers(first))
    assert (code, "[CER-108]" in line, "by response 1" in line) == (3, True, True)
    output.unlink()
    ready.ok("sign", str(path), "--reprint")
    assert written == output.read_bytes()

    ready.ok("crl", "--output", "root.crl.pem", "--passphrase-file", "passphrase")
    code, line = ready.refused("crl", "--output", "root.crl.pem", "--passphrase-file", "passphrase")
    assert (code, "[FILE-EXISTS]" in line) == (6, True)

    path, second = ready.ask("test", 2)
    assert "WHAT CHANGES against response 1" in ready.ok("review", str(path))
    ready.ok("sign", str(path), *ready.answers(second), "--output", "second.json")
    assert ready.ok("transcript", "verify").startswith("ok: 7 lines, 2 responses, 1 root CRLs")
    assert json.loads(ready.ok("transcript", "verify", "--json"))["lines"] == 7


def test_record_that_was_rolled_back_uses_no_key(ready: Machine) -> None:
    """An older transcript beside newer responses would give a CRL number again and forgive."""
    path, first = ready.ask("test")
    ready.ok("sign", str(path), *ready.answers(first))
    names = ("transcript.jsonl", "transcript.head")
    older = {name: (ready.root / name).read_bytes() for name in names}
    path, gone = ready.ask_to_revoke("test")
    ready.ok("sign", str(path), *ready.answers(gone))
    for name, data in older.items():
        (ready.root / name).write_bytes(data)

    path, second = ready.ask("test", 2)
    for args in (
        ("crl", "--output", "roll.crl", "--passphrase-file", "passphrase"),
        ("sign", str(path), *ready.answers(second)),
        ("policy", "--accept", "--confirm-version", "1", "--passphrase-file", "passphrase"),
        ("review", str(path)),
        ("recover",),
    ):
        code, line = ready.refused(*args)
        assert (code, "[CER-309]" in line) == (4, True), (args, line)
    assert not (ready.place / "roll.crl").exists()
    assert older == {name: (ready.root / name).read_bytes() for name in names}


def test_output_is_never_overwritten(ready: Machine) -> None:
    """A file of that name that says something else stops the ceremony before it begins."""
    path, request = ready.ask("test")
    (ready.place / "taken").write_text("mine")

    code, line = ready.refused("sign", str(path), *ready.answers(request), "--output", "taken")

    assert (code, "[FILE-EXISTS]" in line) == (6, True)
    assert (ready.place / "taken").read_text() == "mine"
    assert json.loads(ready.ok("show", "--json"))["transcript"]["lines"] == 1


def test_review_exits_0_only_when_signable(ready: Machine) -> None:
    """An expired request: page and verdicts on stdout, one error, exit 3."""
    now = SystemClock().now()
    path, _ = ready.ask("test", created=now - timedelta(days=9), expires=now - timedelta(days=1))
    done = ready.run("review", str(path))

    assert done.returncode == 3
    assert "NOT SIGNABLE: CER-105" in done.stdout
    assert "[CER-105]" in done.stderr
    found = json.loads(ready.run("review", str(path), "--json").stdout)
    assert found["signable"] is False


def test_policy_counts_when_it_was_accepted(ready: Machine) -> None:
    """A changed policy needs a higher version, a person's answer and the passphrase."""
    toml = ready.root / "policy.toml"
    path, request = ready.ask("test")
    toml.write_text(toml.read_text().replace('"1830d"', '"365d"'))
    assert "[CER-312]" in ready.refused("sign", str(path), *ready.answers(request))[1]
    accept = ["policy", "--accept", "--confirm-version", "2", "--passphrase-file", "passphrase"]
    assert "[CER-316]" in ready.refused(*accept)[1]

    toml.write_text(toml.read_text().replace("version = 1", "version = 2"))
    assert "maximum_validity" in ready.ok("policy")
    assert "[CER-314]" in ready.refused(*accept[:3], "3", *accept[4:])[1]
    assert "policy version 2 is in force" in ready.ok(*accept)
    assert "[CER-139]" in ready.refused("sign", str(path), *ready.answers(request))[1]
    assert ready.ok("transcript", "verify").startswith("ok: 2 lines")


def test_weak_passphrase_makes_no_root(machine: Machine) -> None:
    """The whole of init is refused, and the folder is not there."""
    (machine.place / "passphrase").write_text("example example example\n")
    code, line = machine.refused(
        "init",
        "--organization",
        "Example",
        *machine.environments(),
        "--passphrase-file",
        "passphrase",
    )

    assert (code, "[PASS-NAME]" in line) == (2, True)
    assert not machine.root.exists()


def test_passphrase_needs_a_terminal_or_an_option(machine: Machine) -> None:
    """Without a terminal nothing is read from where it might be shown."""
    code, line = machine.refused(
        "init",
        "--organization",
        "Example",
        *machine.environments(),
        stdin=f"{PASSPHRASE}\n{PASSPHRASE}\n",
    )

    assert (code, "[PASS-SOURCE]" in line) == (2, True)


def test_existing_root_is_never_made_over(ready: Machine) -> None:
    """Init refuses any existing name."""
    before = (ready.root / "root.key").read_bytes()
    code, line = ready.refused(
        "init",
        "--organization",
        "Example",
        *ready.environments(),
        "--passphrase-file",
        "passphrase",
    )

    assert (code, "[ROOT-EXISTS]" in line) == (6, True)
    assert before == (ready.root / "root.key").read_bytes()


def test_nothing_is_signed_without_openssl(ready: Machine) -> None:
    """No second path, no signature: the intent is not even announced."""
    path, request = ready.ask("test")
    code, line = ready.refused("sign", str(path), *ready.answers(request), PATH="/nonexistent")

    assert (code, "[OPENSSL-MISSING]" in line) == (2, True)
    assert json.loads(ready.ok("show", "--json"))["transcript"]["lines"] == 1


def test_second_program_is_told_to_wait(ready: Machine) -> None:
    """While one waits for an answer, another finds the folder locked."""
    path, request = ready.ask("test")
    with ready.terminal("sign", path.name) as typed:
        typed.expect("type the environment's name: ")
        code, line = ready.refused("sign", str(path), *ready.answers(request))
        for reader in (("transcript", "verify"), ("transcript", "show")):
            assert "[ROOT-LOCKED]" in ready.refused(*reader)[1]
        typed.type("stop")
        assert typed.end() == 3

    assert (code, "[ROOT-LOCKED]" in line) == (6, True)


def test_traceback_is_shown_on_demand(ready: Machine) -> None:
    """The variable that errors name shows where one came from."""
    done = ready.run("review", "nothing.json", TRUSTWRIGHT_TRACEBACK="1")

    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ")


def test_folder_is_its_owners_alone(ready: Machine) -> None:
    """Modes of what init made: folder 0700, key and transcript 0600, nothing for others."""
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in ready.root.iterdir()}

    assert oct(ready.root.stat().st_mode & 0o777) == "0o700"
    assert (modes["root.key"], modes["transcript.jsonl"]) == ("0o600", "0o600")


def test_help_is_fast_and_complete(machine: Machine) -> None:
    """Under a quarter of a second of processor time, and nothing heavy is imported."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    text = machine.ok("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, trustwright.cli.root; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        env=machine.environment,
    ).stdout.split()

    assert spent < 0.25
    assert {"cryptography", "pydantic"} & set(loaded) == set()
    for name in ("init", "show", "review", "sign", "crl", "policy", "transcript", "recover"):
        assert f"\n  {name}" in text


def test_place_that_cannot_be_written_is_named_before_the_passphrase(ready: Machine) -> None:
    """An output below a folder that is not there is refused before any question."""
    path, _ = ready.ask("test")
    for args in (("sign", path.name), ("crl",)):
        code, line = ready.refused(*args, "--output", "missing/out")
        assert (code, "[FILE-WRITE]" in line) == (2, True)
    assert json.loads(ready.ok("show", "--json"))["transcript"]["lines"] == 1


@pytest.mark.parametrize("command", [("recover",), ("crl",), ("policy", "--accept"), ("sign",)])
def test_clock_that_jumped_needs_a_person(machine: Machine, command: tuple[str, ...]) -> None:
    """Every command that records asks for the date when the root has rested for very long."""
    now = SystemClock().now()
    new_root(machine.root, now=now - timedelta(days=500))
    path, request = machine.ask("test")
    args = list(command)
    if command == ("sign",):
        args += [path.name, *machine.answers(request)]
    elif command != ("recover",):
        args += ["--passphrase-file", "passphrase"]
    if command == ("policy", "--accept"):
        policy = machine.root / "policy.toml"
        policy.write_text(policy.read_text().replace("version = 1", "version = 2"))
        args += ["--confirm-version", "2"]

    for said in ([], ["--confirm-time", "2020-01-01"]):
        code, line = machine.refused(*args, *said)
        assert (code, "[CER-317]" in line) == (3, True)
    machine.ok(*args, "--confirm-time", now.date().isoformat())
