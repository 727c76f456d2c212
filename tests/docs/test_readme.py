"""README's commands are run, in their order, and show what README says they show."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from tests.docs.readme import ROOT, blocks, fits, plain, steps
from tests.e2e.pty_session import Session
from tests.ports import free_port
from trustwright.ceremony.words import digest_words
from trustwright.model.ceremony import Request

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

DONE = "[[done]]"
PASSPHRASE = "seven quiet herons walk past the old mill"
QUESTIONS = (
    "passphrase of the root key: ",
    "the same again: ",
    "type the environment's name: ",
    "type the first eight words of the digest: ",
)
DEMO, WALK, HELP = slice(0, 1), slice(1, -1), slice(-1, None)


def environment(folder: Path) -> dict[str, str]:
    """Return what a person's shell has: this one's environment without settings of ours."""
    ours = ("TRUSTWRIGHT_", "PREFECT_", "VAULT_", "BAO_", "MAKE", "PYTEST_")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    return kept | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "200",
        "PS1": "",
    }


class Reader:
    """Somebody who reads README and types what it says."""

    def __init__(self, shell: Session, folder: Path) -> None:
        self.shell, self.folder = shell, folder

    def run(self, command: str) -> str:
        """Type a command, answer what is asked, return what the terminal showed."""
        self.shell.type(f"{command}; echo '[[do''ne]]'")
        shown = ""
        while True:
            found, before = self.shell.first_of(DONE, *self.questions(command))
            shown += before
            if found == DONE:
                return shown
            answer = self.answer(found)
            self.shell.type(answer)
            shown += found if answer == PASSPHRASE else f"{found}{answer}\n"

    def questions(self, command: str) -> tuple[str, ...]:
        """Return the questions that a command may ask."""
        if " sign " in command:
            return (QUESTIONS[0], *QUESTIONS[2:])
        return QUESTIONS[:2] if " init " in command else ()

    def answer(self, question: str) -> str:
        """Return a person's answer."""
        if "environment" in question:
            return "prod"
        if "words" in question:
            (file,) = self.folder.glob("prod-g1-*.request.json")
            return " ".join(digest_words(Request.parse(file.read_bytes()).digest())[:8])
        return PASSPHRASE


def put_elsewhere(text: str, ports: dict[str, str], folder: Path) -> str:
    """Return a block on other ports and in a folder of its own.

    Somebody may use the default ports on this machine, or have a demo there that he kept.
    """
    for default, free in ports.items():
        text = text.replace(default, free)
    options = f"--openbao-port {ports['18200']} --prefect-port {ports['14200']}"
    demo = f"make demo ARGS='--folder {folder} {options}'"
    text = text.replace("$ make demo\n", f"$ {demo}\n").replace(" .demo", f" {folder}")
    return text.replace("$ trustwright up\n", f"$ trustwright up {options}\n")


def check(text: str, reader: Reader) -> None:
    """Run a console block."""
    for step in steps(text):
        shown = reader.run(step.command)
        assert fits(step, shown), f"$ {step.command}\n" + "\n".join(plain(shown))


def read(chosen: slice, folder: Path, place: Path) -> None:
    """Go through some of README's blocks in one shell; a YAML block is written as estate.yaml."""
    command = ["/bin/bash", "--noprofile", "--norc", "--noediting"]
    openbao, prefect = str(free_port()), str(free_port())
    ports = {"18200": openbao, "14200": prefect, "14210": prefect}
    with Session(command, environment(folder), seconds=500) as shell:
        reader = Reader(shell, folder)
        reader.run(f"stty -echo; cd {place}")
        for language, written in blocks()[chosen]:
            text = put_elsewhere(written, ports, folder)
            if language == "yaml":
                (folder / "estate.yaml").write_text(text)
            else:
                check(text, reader)


def put_down(home: Path) -> None:
    """Stop a stack whatever came of it, and leave another one alone."""
    down = f"TRUSTWRIGHT_HOME={home} trustwright down"
    with Session(["/bin/bash", "-c", down], environment(home)) as shell:
        shell.end()


def test_demo_block(tmp_path: Path) -> None:
    """``make demo`` tells the story that README tells."""
    try:
        read(DEMO, tmp_path / "demo", ROOT)
    finally:
        put_down(tmp_path / "demo" / "home")


def test_walk_through(tmp_path: Path) -> None:
    """From the first command to the delivered files, by hand."""
    try:
        read(WALK, tmp_path, tmp_path)
    finally:
        put_down(tmp_path / "home")


def test_help_block(tmp_path: Path) -> None:
    """The help is there."""
    read(HELP, tmp_path, tmp_path)


def test_every_link_leads_somewhere() -> None:
    """No file that README names is missing."""
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []
