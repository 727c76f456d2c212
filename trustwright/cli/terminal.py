"""What both programs say on a terminal: results on stdout, one line for an error on stderr.

Rules: lower case, no period at the end of an error, nothing of a file or a server is obeyed by the
terminal. What a terminal's encoding cannot say is written as an escape. Exit codes are those of
`trustwright.errors`; 130 after an interrupt, 70 for a mistake of the program itself. A program or a
group without a command says its help on stderr and ends with 2, as for any other usage error.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NoReturn

import click

from trustwright.ceremony.shown import printable
from trustwright.errors import ConfigurationError, TrustwrightError

TRACEBACK = "TRUSTWRIGHT_TRACEBACK"
"""Environment variable that shows where an error came from."""

_PAGE = 200
"""Rows of a table that are laid out together."""

INTERRUPTED = 130
UNEXPECTED = 70


def run(command: click.Command, program: str) -> NoReturn:
    """Run a command line to its end and exit with the code of what happened."""
    sys.exit(exit_code(command, program))


def exit_code(command: click.Command, program: str, arguments: Sequence[str] | None = None) -> int:
    """Run a command line; return its exit code, any error rendered as one line."""
    try:
        _prepare_streams()
        done = command.main(args=arguments, prog_name=program, standalone_mode=False)
        with _output_errors():
            sys.stdout.flush()
    except click.ClickException as error:
        return _usage(error)
    except click.Abort:
        return _fail("stopped", INTERRUPTED)
    except TrustwrightError as error:
        return _fail(str(error), error.exit_code)
    except BrokenPipeError:
        # Whoever reads our output has gone: nothing to say, and nobody to say it to.
        _forget_output()
        return 1
    except Exception as error:  # noqa: BLE001 - the one place that renders what nobody expected
        return _fail(_unexpected(error), UNEXPECTED)
    return done if isinstance(done, int) else 0


def _prepare_streams() -> None:
    """Let standard output say everything, in escapes if need be.

    Raises:
        ConfigurationError: there is none (rule ``OUTPUT-WRITE``).
    """
    if getattr(sys, "stdout", None) is None:
        raise _no_output("it is closed")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def _output_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        _forget_output()
        raise _no_output(error.strerror or "it fails") from None


def _forget_output() -> None:
    """Give what is still to be written to nobody: the interpreter would try again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _no_output(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"standard output cannot be written: {why}",
        rule="OUTPUT-WRITE",
        hint="send it elsewhere; whether the command did its work, ask by show or status",
    )


def say(text: str = "") -> None:
    """Print a result: its lines, with what a terminal would obey written as an escape."""
    write("\n".join(printable(line) for line in text.split("\n")) + "\n")


def write(text: str) -> None:
    """Print a text of result as it stands.

    Raises:
        ConfigurationError: standard output cannot be written (rule ``OUTPUT-WRITE``).
    """
    with _output_errors():
        sys.stdout.write(text)
        sys.stdout.flush()


def paint(text: str, colour: str) -> None:
    """Print a line of result, in a colour where standard output is a terminal that has them.

    ``NO_COLOR``, set to anything, turns colours off.
    """
    shown = printable(text)
    if colour and sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        shown = click.style(shown, fg=colour)
    write(f"{shown}\n")


def note(text: str) -> None:
    """Print a line beside the result, on stderr."""
    click.echo(f"note: {printable(text)}", err=True)


def as_json(value: Any) -> None:
    """Print a JSON value, indented, its members in order; what a terminal obeys is escaped."""
    write(json_text(value, indent=2) + "\n")


def columns(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str = "nothing"
) -> None:
    """Print rows under headings, each column as wide as its widest cell; `empty` when none."""
    if not rows:
        say(empty)
        return
    say("\n".join(laid_out([headings, *rows])))


def laid_out(table: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table, each column as wide as its widest cell."""
    shown = [tuple(printable(cell) for cell in row) for row in table]
    widths = [max(map(len, cells)) for cells in zip(*shown, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    ]


def stream_columns(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str = "nothing"
) -> None:
    """Print rows as they come, in pages; a column grows where a later page needs it."""
    pending = iter(rows)
    page, begun = list(islice(pending, _PAGE)), [tuple(headings)]
    if not page:
        say(empty)
    widths = [0] * len(headings)
    while page:
        table = [*begun, *(tuple(printable(cell) for cell in row) for row in page)]
        widths = [
            max(width, *map(len, cells)) for width, *cells in zip(widths, *table, strict=True)
        ]
        lines = (
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in table
        )
        write("\n".join(lines) + "\n")
        page, begun = list(islice(pending, _PAGE)), []


def stream_json(values: Iterable[Any]) -> None:
    """Print a JSON array as its members come; the same text as `as_json` of a list."""
    begin = "["
    for value in values:
        shown = json_text(value, indent=2).replace("\n", "\n  ")
        write(f"{begin}\n  {shown}")
        begin = ","
    write("[]\n" if begin == "[" else "\n]\n")


def stream_json_lines(values: Iterable[Any]) -> None:
    """Print a JSON value a line."""
    for value in values:
        write(f"{json_text(value)}\n")


def json_text(value: Any, *, indent: int | None = None) -> str:
    """Return a JSON text, its members in order; what a terminal obeys is escaped."""
    plain = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    text = json.dumps(value, indent=indent, sort_keys=True, ensure_ascii=plain)
    return "".join(one if one.isprintable() or one == "\n" else _escape(one) for one in text)


def _escape(character: str) -> str:
    """Return a character as JSON may write it; outside its texts JSON has none that needs it."""
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))


def _usage(error: click.ClickException) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return error.exit_code
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f" → see {context.command_path} --help" if context else ""
    message = error.format_message().rstrip(".")
    return _fail(f"{message[:1].lower()}{message[1:]}{hint}", error.exit_code)


def _unexpected(error: Exception) -> str:
    return f"unexpected {type(error).__name__}: {error} → {TRACEBACK}=1 shows where"


def _fail(text: str, code: int) -> int:
    with contextlib.suppress(OSError):  # a closed or full stderr: the exit code still speaks
        if os.environ.get(TRACEBACK) == "1":
            traceback.print_exc()
        click.echo(f"error: {printable(text)}", err=True)
    return code
