"""``trustwright-root crl``."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from trustwright.ceremony import durable
from trustwright.ceremony.openssl import OpenSsl
from trustwright.ceremony.sign import Signing, sign_crl
from trustwright.ceremony.witness import witness_names
from trustwright.cli.root_options import (
    folder_option,
    passphrase_options,
    time_option,
    unlocked,
    working,
)
from trustwright.cli.terminal import say
from trustwright.clock import SystemClock


@click.command()
@folder_option
@click.option("--output", type=click.Path(path_type=Path), help="Also write it there, in PEM.")
@click.option("--witness", "witnesses", multiple=True, help="Who is there; once for each person.")
@time_option
@passphrase_options
def crl(
    folder: Path,
    output: Path | None,
    witnesses: tuple[str, ...],
    confirm_time: date | None,
    passphrase_fd: int | None,
    passphrase_file: Path | None,
) -> None:
    """Sign a fresh root CRL without a request.

    It lists every revoked intermediate and every abandoned serial, under the next CRL number.
    """
    present = witness_names(witnesses)
    with working(folder, confirm_time) as root:
        if output is not None:
            durable.refuse_other(output)
            durable.refuse_unwritable(output)
        openssl = OpenSsl.found()
        root.require_accepted_policy()
        key = unlocked(root, passphrase_fd, passphrase_file)
        path = sign_crl(Signing(root, key, openssl, SystemClock().now(), present))
        if output is not None:
            durable.write_new(output, path.read_bytes())
        say(f"root CRL {root.history.crl_number} written to {output or path}")
