"""Options, files and questions that the commands of ``trustwright-root`` share."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from trustwright.ceremony import passphrase as phrases
from trustwright.ceremony.audit import prepare
from trustwright.ceremony.request import SIZE_LIMIT, open_request
from trustwright.ceremony.rootfolder import RootFolder, opened
from trustwright.ceremony.rootkey import EncryptedFileKey
from trustwright.cli.terminal import note
from trustwright.clock import SystemClock
from trustwright.errors import CeremonyViolation, ConfigurationError
from trustwright.model.ceremony import Request

CommandT = TypeVar("CommandT", bound=Callable[..., Any])
_STDIN = 0


def _chosen_folder(context: click.Context, _: click.Parameter, value: Path | None) -> Path:
    chosen = value or context.find_root().params.get("folder")
    return chosen if isinstance(chosen, Path) else Path("root")


folder_option = click.option(
    "--folder",
    type=click.Path(path_type=Path),
    callback=_chosen_folder,
    help="Folder of the root. [default: TRUSTWRIGHT_ROOT_HOME, or ./root]",
)


def passphrase_options(command: CommandT) -> CommandT:
    """Add ``--passphrase-fd`` and ``--passphrase-file``."""
    descriptor = click.option(
        "--passphrase-fd",
        type=click.IntRange(min=0),
        metavar="N",
        help="Read the passphrase from this open file descriptor.",
    )
    file = click.option(
        "--passphrase-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Read the passphrase from this file, which must be its owner's alone.",
    )
    return descriptor(file(command))


request_argument = click.argument(
    "request_file", metavar="REQUEST", type=click.Path(path_type=Path)
)
json_option = click.option("--json", "as_data", is_flag=True, help="Print JSON.")


def _as_date(_: click.Context, __: click.Parameter, value: datetime | None) -> date | None:
    return value.date() if value else None


time_option = click.option(
    "--confirm-time",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    callback=_as_date,
    help="A person's word for today's date (UTC), where this machine's clock is in doubt.",
)


@contextmanager
def working(folder: Path, said: date | None = None) -> Iterator[RootFolder]:
    """Hold the folder alone; what a power cut left is closed and explained, and all is audited.

    Raises:
        CeremonyViolation: this machine's clock cannot be believed.
        VerificationError: the transcript or a file does not hold.
    """
    with opened(folder, exclusive=True, said=said) as root:
        for sentence in prepare(root, SystemClock().now()):
            note(sentence)
        yield root


def read_request(path: Path) -> Request:
    """Return the request in a file.

    Raises:
        ConfigurationError: it cannot be read (rule ``REQUEST-FILE``).
        CeremonyViolation: it is no request.
    """
    try:
        with path.open("rb") as file:
            return open_request(file.read(SIZE_LIMIT + 1))
    except OSError as error:
        raise ConfigurationError(
            f"cannot be read: {error.strerror}",
            rule="REQUEST-FILE",
            hint="name the NAME.request.json that was carried here",
            where=str(path),
        ) from None
    except CeremonyViolation as error:
        error.where = str(path)
        error.hint = "carry NAME.request.json over again, unchanged"
        raise


def passphrase(descriptor: int | None, file: Path | None, *, twice: bool = False) -> str:
    """Return the passphrase from where the options say, or ask for it on the terminal.

    Raises:
        ConfigurationError: both options, no terminal, or two different answers.
    """
    if descriptor is not None and file is not None:
        raise ConfigurationError(
            "--passphrase-fd and --passphrase-file exclude each other",
            rule="PASS-SOURCE",
            hint="give one of them",
        )
    if descriptor is not None:
        return phrases.from_descriptor(descriptor)
    if file is not None:
        return phrases.from_file(file)
    return _asked_passphrase(twice=twice)


def unlocked(root: RootFolder, descriptor: int | None, file: Path | None) -> EncryptedFileKey:
    """Return the root key, opened."""
    path = root.key_path
    return EncryptedFileKey(root.certificate, path, passphrase(descriptor, file))


def ask(question: str) -> str:
    """Return the next line of standard input, without space around it."""
    click.echo(f"{question}: ", nl=False, err=True)
    # Read octet by octet: what follows the line may be the next answer, or the passphrase.
    answer = phrases.from_descriptor(_STDIN).strip()
    if not sys.stdin.isatty():
        click.echo(err=True)
    return answer


def _asked_passphrase(*, twice: bool) -> str:
    _require_terminal()
    first = _typed("passphrase of the root key: ")
    if twice and _typed("the same again: ") != first:
        raise ConfigurationError(
            "the two passphrases differ", rule="PASS-TWICE", hint="nothing was made: start again"
        )
    return first


def _typed(question: str) -> str:
    try:
        return getpass.getpass(question)
    except UnicodeDecodeError:
        raise phrases.no_text("what was typed") from None
    except EOFError:
        raise ConfigurationError(
            "no passphrase was typed", rule="PASS-SOURCE", hint="start again"
        ) from None


def _require_terminal() -> None:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        raise ConfigurationError(
            "there is no terminal to ask for the passphrase",
            rule="PASS-SOURCE",
            hint="give --passphrase-fd or --passphrase-file",
        ) from None
