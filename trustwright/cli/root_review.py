"""``trustwright-root review``."""

from __future__ import annotations

from pathlib import Path

import click

from trustwright.ceremony.audit import audit
from trustwright.ceremony.review import facts, refuse_unsignable
from trustwright.ceremony.review import review as judge
from trustwright.ceremony.reviewpage import page
from trustwright.ceremony.rootfolder import opened
from trustwright.cli.root_options import folder_option, json_option, read_request, request_argument
from trustwright.cli.terminal import as_json, note, write
from trustwright.clock import SystemClock


@click.command()
@folder_option
@request_argument
@json_option
def review(folder: Path, request_file: Path, as_data: bool) -> None:
    """Judge a request; nothing is signed.

    Shows what is asked, every extension in words, what changes against the last one signed, the
    lint result and every rule. Exits 0 only when it could be signed.
    """
    request = read_request(request_file)
    with opened(folder, exclusive=False) as root:
        left = audit(root.transcript.path, root.certificate).open
        found = judge(root, request, SystemClock().now())
    if as_data:
        as_json(facts(found))
    else:
        write(page(found))
    for sentence in left:
        note(f"{sentence}; the next sign, crl or recover closes it")
    refuse_unsignable(found)
