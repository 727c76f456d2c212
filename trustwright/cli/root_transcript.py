"""``trustwright-root transcript``: show and verify."""

from __future__ import annotations

from pathlib import Path

import click
from cryptography.x509 import Certificate

from trustwright.ceremony import transcript as record
from trustwright.ceremony.audit import audit
from trustwright.ceremony.entries import Entry
from trustwright.ceremony.review import word_lines
from trustwright.ceremony.rootfolder import CERTIFICATE
from trustwright.cli.root_options import folder_option, json_option
from trustwright.cli.terminal import as_json, columns, say
from trustwright.clock import utc_text
from trustwright.errors import ConfigurationError
from trustwright.x509 import parse

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
    found = record.read(file or folder / record.FILE)
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
@click.option("--head", metavar="DIGEST", help="A head that somebody wrote down: it must be in it.")
@json_option
def verify(
    folder: Path, file: Path | None, certificate: Path | None, head: str | None, as_data: bool
) -> None:
    """Judge the transcript (FILE, or that of the folder): chain, files, signatures, CRL numbers."""
    path = file or folder / record.FILE
    found = audit(path, _root(certificate or path.with_name(CERTIFICATE)), head=head)
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


def _root(path: Path) -> Certificate:
    try:
        return parse.certificate(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(
            f"cannot be read: {error.strerror}", rule="ROOT-FOLDER", where=str(path)
        ) from None


def _told(entry: Entry) -> str:
    members = entry.says.model_dump(mode="json")
    told = {name: value for name, value in members.items() if value and name not in _UNSHOWN}
    return " ".join(f"{name}={_brief(value)}" for name, value in told.items())


def _brief(value: object) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    is_digest = len(text) == 64 and text.isalnum()  # noqa: PLR2004 - a SHA-256 in hex
    return f"{text[:12]}…" if is_digest else text
