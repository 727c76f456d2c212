"""``trustwright-root sign``."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from trustwright.ceremony import durable
from trustwright.ceremony.history import Answer
from trustwright.ceremony.ledger import file_form
from trustwright.ceremony.openssl import OpenSsl
from trustwright.ceremony.response import output_name
from trustwright.ceremony.review import refuse_unsignable, review
from trustwright.ceremony.reviewpage import page
from trustwright.ceremony.rootfolder import RootFolder
from trustwright.ceremony.sign import Signing, sign_request
from trustwright.ceremony.witness import confirmed_environment, confirmed_words, witness_names
from trustwright.cli.root_options import (
    ask,
    folder_option,
    passphrase_options,
    read_request,
    request_argument,
    time_option,
    unlocked,
    working,
)
from trustwright.cli.terminal import say, write
from trustwright.clock import SystemClock
from trustwright.errors import CeremonyViolation, TrustwrightError
from trustwright.model.ceremony import Request


@click.command()
@folder_option
@request_argument
@click.option(
    "--output", type=click.Path(path_type=Path), help="[default: NAME.response.json beside it]"
)
@click.option("--witness", "witnesses", multiple=True, help="Who is there; once for each person.")
@click.option("--reprint", is_flag=True, help="Write the response to an answered request again.")
@click.option("--confirm-environment", metavar="NAME", help="A person's answer to the question.")
@click.option("--confirm-words", metavar="WORDS", help="A person's answer to the question.")
@time_option
@passphrase_options
def sign(  # noqa: PLR0917 - click calls it with keywords
    folder: Path,
    request_file: Path,
    output: Path | None,
    witnesses: tuple[str, ...],
    reprint: bool,
    confirm_environment: str | None,
    confirm_words: str | None,
    confirm_time: date | None,
    passphrase_fd: int | None,
    passphrase_file: Path | None,
) -> None:
    """Answer a request with the root key.

    Shows the review page, asks for the environment's name and the first eight words of the
    request's digest as the other side shows them, then for the passphrase. The response is kept
    in the root's folder and written beside the request.
    """
    present = witness_names(witnesses)
    request = read_request(request_file)
    place = output or request_file.with_name(output_name(request_file.name))
    with working(folder, confirm_time) as root:
        if reprint:
            _hand_out(_answered(root, request), place)
            return
        _judge(root, request)
        durable.refuse_other(place)
        durable.refuse_unwritable(place)
        openssl = OpenSsl.found()
        _confirm(request, confirm_environment, confirm_words)
        key = unlocked(root, passphrase_fd, passphrase_file)
        signing = Signing(root, key, openssl, SystemClock().now(), present)
        answer = sign_request(signing, request)
        _hand_out(answer, place)


def _judge(root: RootFolder, request: Request) -> None:
    found = review(root, request, SystemClock().now())
    write(page(found, masked=True))
    say()
    refuse_unsignable(found)


def _confirm(request: Request, environment: str | None, words: str | None) -> None:
    said = ask("type the environment's name") if environment is None else environment
    confirmed_environment(request, said)
    said = ask("type the first eight words of the digest") if words is None else words
    confirmed_words(request, said)


def _answered(root: RootFolder, request: Request) -> Answer:
    answer = root.history.answer_to(request.digest())
    if answer is None:
        raise CeremonyViolation(
            "this request was not answered yet", rule="CER-313", hint="sign it without --reprint"
        )
    return answer


def _hand_out(answer: Answer, place: Path) -> None:
    try:
        durable.write_new(place, file_form(answer.response))
    except TrustwrightError as error:
        error.hint = f"the response is kept as {answer.file}: sign --reprint --output elsewhere"
        raise
    say(f"response {answer.response.number} {answer.response.digest()}")
    say(f"written to {place}")
