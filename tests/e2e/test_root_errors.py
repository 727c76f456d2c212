"""What ``trustwright-root`` says when something is wrong: place, rule and remedy, in one line."""

from __future__ import annotations

import json
import shlex
import subprocess

import pytest

from tests.e2e.machine import Machine
from trustwright.ceremony.words import words_of

pytestmark = pytest.mark.e2e
NEW = ["init", "--organization", "Example", "--environment=test=test.example.internal"]


@pytest.mark.parametrize(
    ("args", "code", "rule"),
    [
        (["init", "--organization", "Example"], 2, "ROOT-POLICY"),
        (["init", "--organization", "Example", "--environment", "test"], 2, "ROOT-POLICY"),
        (["init", "--organization", "Example", "--environment", "test=nodots"], 2, "ROOT-POLICY"),
        (
            [
                "init",
                "--organization",
                "Example",
                "--environment=test=test.example.internal",
                "--validity",
                "long",
            ],
            2,
            "ROOT-VALIDITY",
        ),
        *(([*NEW, "--validity", life], 2, "ROOT-VALIDITY") for life in ("1m", "364d", "9999999d")),
        *(
            ([*NEW, "--common-name", name], 2, "ROOT-NAME")
            for name in ("Root\nCA", "Root\x1b[2J", "  ", "", " Root CA", "Root\u202eCA", "R" * 65)
        ),
        (["show"], 2, "ROOT-FOLDER"),
        (["review", "nothing.json"], 2, "REQUEST-FILE"),
        (["transcript", "verify", "nothing.jsonl"], 2, "ROOT-FOLDER"),
    ],
)
def test_bad_input_is_one_line(machine: Machine, args: list[str], code: int, rule: str) -> None:
    """The error names the rule; the exit code is that of its class; nothing is left behind."""
    if args[0] == "init":
        args = [*args, "--passphrase-file", "passphrase"]
    found, line = machine.refused(*args)

    assert (code, f"[{rule}]" in line) == (found, True), line
    assert not machine.root.exists()


@pytest.mark.parametrize(
    ("args", "code", "what", "rule", "hint"),
    [
        (
            ("review", "rubbish.json"),
            3,
            "rubbish.json: not JSON: Expecting value: line 1 column 1 (char 0)",
            "CER-JSON",
            "carry NAME.request.json over again, unchanged",
        ),
        (
            ("review", "nothing.json"),
            2,
            "nothing.json: cannot be read: No such file or directory",
            "REQUEST-FILE",
            "name the NAME.request.json that was carried here",
        ),
        (
            ("crl", "--passphrase-file", "wrong"),
            4,
            "{root}/root.key: the passphrase is wrong, or the file is damaged",
            "ROOT-PASSPHRASE",
            "start again; where it is the right one, put root.key back from a copy",
        ),
        (
            ("crl", "--passphrase-fd", "77"),
            2,
            "file descriptor 77: cannot be read: Bad file descriptor",
            "PASS-FD",
            "open it for reading, like: --passphrase-fd 3 3< FILE",
        ),
        (
            ("crl", "--witness", ""),
            2,
            "a witness has a name of 1 to 100 characters that can be shown",
            "WITNESS-NAME",
            "--witness 'Ada Lovelace', once for each person",
        ),
        (
            ("show", "--folder", "/etc"),
            2,
            "/etc: no root here: there is no root.pem, root.key, policy.toml, transcript.jsonl",
            "ROOT-FOLDER",
            "give --folder, or make a root: trustwright-root init",
        ),
        (
            ("crl", "--passphrase-file", "/tmp"),
            2,
            "/tmp: is no file",
            "PASS-FILE",
            "name the file whose first line is the passphrase",
        ),
        (
            ("transcript", "verify", "--head", "0123456789ab"),
            2,
            "--head: a head has 64 hex digits or 32 words",
            "HEAD-DIGEST",
            "give all of them, as transcript verify shows them",
        ),
        (
            ("transcript", "verify", "nothing.jsonl"),
            2,
            "nothing.jsonl: is no file",
            "ROOT-FOLDER",
            "name a transcript.jsonl",
        ),
    ],
)
def test_error_names_place_rule_and_remedy(
    ready: Machine, args: tuple[str, ...], code: int, what: str, rule: str, hint: str
) -> None:
    """The whole line, as a person at the offline machine reads it."""
    (ready.place / "rubbish.json").write_text("rubbish")
    (ready.place / "wrong").write_text("another passphrase\n")
    (ready.place / "wrong").chmod(0o600)

    line = f"error: {what} [{rule}] → {hint}".format(root=ready.root)
    assert ready.refused(*args) == (code, line)


@pytest.mark.parametrize(
    ("damage", "args", "code", "what", "rule", "hint"),
    [
        (
            "echo hi >root.pem",
            ("show",),
            4,
            "{root}/root.pem: not PEM of 'CERTIFICATE', or something stands around it",
            "X509-PEM",
            "put root.pem back from a copy",
        ),
        (
            "rm transcript.jsonl",
            ("crl",),
            4,
            "{root}/transcript.jsonl: cannot be read: No such file or directory",
            "CER-301",
            "compare with a copy, and put transcript and head back together",
        ),
        (
            "echo x >transcript.head",
            ("recover",),
            4,
            "{root}/transcript.head: does not name a line",
            "CER-304",
            "compare with a copy, and put transcript and head back together",
        ),
        (
            "chmod 755 .",
            ("show",),
            2,
            "{root}: must be its owner's alone, this has mode 0755",
            "ROOT-MODE",
            "chmod go= {root}",
        ),
        (
            "sed -i 's/1830d/183d/' policy.toml",
            ("crl", "--passphrase-file", "passphrase"),
            3,
            "{root}/policy.toml: it is not the one that the transcript fixed",
            "CER-312",
            "look at it: trustwright-root policy; then: trustwright-root policy --accept",
        ),
    ],
)
def test_damage_is_named_with_file_and_remedy(
    ready: Machine,
    damage: str,
    args: tuple[str, ...],
    code: int,
    what: str,
    rule: str,
    hint: str,
) -> None:
    """What is broken in the folder, and what to put back."""
    subprocess.run(["sh", "-c", damage], cwd=ready.root, check=True)

    line = f"error: {what} [{rule}] → {hint}".format(root=ready.root)
    assert ready.refused(*args) == (code, line)


def test_head_of_a_witness_is_heard_in_any_spelling(ready: Machine) -> None:
    """Capitals and words are the same digest; another digest is no changed transcript."""
    head = json.loads(ready.ok("transcript", "verify", "--json"))["head"]
    for said in (head, head.upper(), f" {head} ", words_of(head, 32).upper()):
        assert f"head {head}" in ready.ok("transcript", "verify", "--head", said)

    code, line = ready.refused("transcript", "verify", "--head", head[1:] + head[0])
    assert (code, "that was written down [CER-304] → compare it digit by digit" in line) == (
        4,
        True,
    )


@pytest.mark.parametrize(("target", "code"), [("/dev/full", 2), ("&-", 2)])
def test_output_that_takes_nothing_is_one_line(ready: Machine, target: str, code: int) -> None:
    """A full disk and a closed output: one error, no traceback, nothing from the interpreter."""
    command = shlex.join(ready.command("show"))
    done = subprocess.run(
        ["sh", "-c", f"{command} >{target}"],
        env=ready.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (code, 1)
    assert done.stderr.startswith("error: standard output cannot be written: ")


def test_octets_that_are_no_text_are_no_passphrase(ready: Machine) -> None:
    """A keyboard in another encoding than the terminal's; and no answer at all."""
    for given, rule in ((b"cactus \xff\xfe ribbon\n", "PASS-TEXT"), (b"\x04", "PASS-SOURCE")):
        with ready.terminal("crl") as typed:
            typed.expect("passphrase of the root key: ")
            typed.send(given)
            typed.expect(f"[{rule}]")
            assert typed.end() == 2


@pytest.mark.parametrize(
    "args", [["unknown"], ["sign"], ["show", "--what"], ["init", "--key", "rsa"]]
)
def test_wrong_usage_is_one_line(machine: Machine, args: list[str]) -> None:
    """Usage errors are errors like all others."""
    code, line = machine.refused(*args)

    assert code == 2
    assert "--help" in line
