"""``trustwright-root transcript``: show and verify."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import click

from trustwright.ceremony import transcript as record
from trustwright.ceremony.audit import audit
from trustwright.ceremony.entries import Entry
from trustwright.ceremony.review import word_lines
from trustwright.ceremony.rootfolder import CERTIFICATE, certificate_in, locked
from trustwright.ceremony.words import digest_of
from trustwright.cli.root_options import folder_option, json_option
from trustwright.cli.terminal import as_json, columns, say
from trustwright.clock import utc_text
from trustwright.errors import ConfigurationError

_HEX = re.compile(r"[0-9a-f]+")
_DIGITS = 64
_UNSHOWN = {"event", "policy_text"}
file_argument = click.argument("file", required=False, type=click.Path(path_type=Path))


@click.group()
def transcript() -> None:
    """Show or verify what the root key was used for."""


@transcript.command()
@folder_option
@file_argument
@json_option
def show(folder: Path, file: Path | None, as_data: bool) -> None:
    """Show every line of the transcript (FILE, or that of the folder)."""
    path = _read(folder, file)
    with locked(path.parent, exclusive=False):
        found = record.read(path)
    if as_data:
        as_json([entry.model_dump(mode="json") for entry in found.entries])
        return
    rows = [
        (str(entry.number), utc_text(entry.at), entry.says.event, _told(entry))
        for entry in found.entries
    ]
    columns(("line", "at", "event", "what"), rows)


@transcript.command(short_help="Judge the transcript: chain and names.")
@folder_option
@file_argument
@click.option(
    "--root",
    "certificate",
    type=click.Path(path_type=Path),
    help="The root's certificate. [default: root.pem beside the transcript]",
)
@click.option(
    "--head",
    metavar="DIGEST",
    help="A head that somebody wrote down, in hex or in words: some line must have it.",
)
@json_option
def verify(
    folder: Path, file: Path | None, certificate: Path | None, head: str | None, as_data: bool
) -> None:
    """Judge the transcript (FILE, or that of the folder): chain, files, signatures, CRL numbers."""
    path, noted = _read(folder, file), None if head is None else _digest(head)
    with locked(path.parent, exclusive=False):
        root = certificate_in(certificate or path.with_name(CERTIFICATE))
        found = audit(path, root, head=noted)
    if as_data:
        as_json(vars(found))
        return
    say(
        f"ok: {found.lines} lines, {found.responses} responses, {found.crls} root CRLs, "
        f"{found.abandoned} abandoned"
    )
    say(f"head {found.head}")
    for line in word_lines(found.head):
        say(f"     {line}")
    for sentence in found.open:
        say(f"open: {sentence}; the next sign, crl or recover closes it")


def _read(folder: Path, file: Path | None) -> Path:
    """Return which transcript is meant.

    Raises:
        ConfigurationError: there is none (rule ``ROOT-FOLDER``).
    """
    path = file or folder / record.FILE
    if file is not None and not path.is_file():
        raise ConfigurationError(
            "is no file", rule="ROOT-FOLDER", hint=f"name a {record.FILE}", where=str(path)
        )
    return path


def _digest(said: str) -> str:
    """Return the digest that a person wrote down, as hex digits or as all of its words.

    Raises:
        ConfigurationError: it is neither (rule ``HEAD-DIGEST``).
    """
    plain = said.strip().lower()
    with suppress(ConfigurationError):
        plain = plain if _HEX.fullmatch(plain) else digest_of(plain)
    if len(plain) == _DIGITS and _HEX.fullmatch(plain):
        return plain
    raise ConfigurationError(
        f"--head: a head has {_DIGITS} hex digits or {_DIGITS // 2} words",
        rule="HEAD-DIGEST",
        hint="give all of them, as transcript verify shows them",
    )


def _told(entry: Entry) -> str:
    members = entry.says.model_dump(mode="json")
    told = {name: value for name, value in members.items() if value and name not in _UNSHOWN}
    return " ".join(f"{name}={_brief(value)}" for name, value in told.items())


def _brief(value: object) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    is_digest = len(text) == 64 and text.isalnum()  # noqa: PLR2004 - a SHA-256 in hex
    return f"{text[:12]}…" if is_digest else text
