"""``trustwright-root recover``."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from trustwright.ceremony.audit import prepare
from trustwright.ceremony.rootfolder import opened
from trustwright.cli.root_options import folder_option, time_option
from trustwright.cli.terminal import say
from trustwright.clock import SystemClock


@click.command()
@folder_option
@time_option
def recover(folder: Path, confirm_time: date | None) -> None:
    """Close what a power cut left open.

    Then everything in the folder is audited. The commands sign, crl and policy --accept do the
    same before they begin.
    """
    with opened(folder, exclusive=True, said=confirm_time) as root:
        sentences = prepare(root, SystemClock().now())
    for sentence in sentences or ["nothing was left open"]:
        say(sentence)
