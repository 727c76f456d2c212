"""``trustwright-root``: the offline half. It signs intermediates and root CRLs, nothing else."""

from __future__ import annotations

import resource
from pathlib import Path

import click

import trustwright
from trustwright.cli.lazy import LazyGroup
from trustwright.cli.terminal import run

COMMANDS = {
    "init": ("trustwright.cli.root_init:init", "Make a new root in an empty place."),
    "show": ("trustwright.cli.root_show:show", "Show this root, its policy and its transcript."),
    "review": ("trustwright.cli.root_review:review", "Judge a request; nothing is signed."),
    "sign": ("trustwright.cli.root_sign:sign", "Answer a request with the root key."),
    "crl": ("trustwright.cli.root_crl:crl", "Sign a fresh root CRL without a request."),
    "policy": ("trustwright.cli.root_policy:policy", "Show or accept what this root may sign."),
    "transcript": (
        "trustwright.cli.root_transcript:transcript",
        "Show or verify what the root key was used for.",
    ),
    "recover": ("trustwright.cli.root_recover:recover", "Close what a power cut left open."),
}


@click.group(cls=LazyGroup, commands_at=COMMANDS)
@click.version_option(trustwright.__version__, prog_name="trustwright-root")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    envvar="TRUSTWRIGHT_ROOT_HOME",
    default=Path("root"),
    show_default="TRUSTWRIGHT_ROOT_HOME, or ./root",
    help="Folder of the root.",
)
def root(folder: Path) -> None:
    """Keep an offline root: review and sign requests, with a transcript of every use of its key.

    \b
    A ceremony:
      trustwright-root review prod-g1-0123456789ab.request.json
      trustwright-root sign prod-g1-0123456789ab.request.json
    """  # noqa: D301 - click reads \b


def main() -> None:
    """Run the program."""
    # A crash must not write the opened key and the passphrase to a disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    run(root, "trustwright-root")


if __name__ == "__main__":
    main()
