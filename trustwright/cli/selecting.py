"""Options that select certificates, and what they ask of the inventory."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from trustwright.model.inventory import Selection

STATES = ("valid", "expired", "superseded", "revoked", "refused")
SORTS = ("expires", "-expires", "issued", "-issued")
CommandT = TypeVar("CommandT", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--environment", help="Like prod."),
    click.option("--role", help="Like server."),
    click.option("--owner", help="Of the consumer or admin."),
    click.option("--name", help="A DNS name that it carries, or *.DOMAIN: one below that domain."),
    click.option("--serial", help="The first hex digits of its serial."),
    click.option("--subject", help="Consumer or admin."),
    click.option("--issuer", help="Like prod-g1."),
    click.option("--purpose", type=click.Choice(("consumer", "admin", "probe"))),
    click.option("--state", type=click.Choice(STATES)),
    click.option("--expiring-within", help="Like 24h: valid ones that end by then."),
)
_ORDERED = (
    click.option("--sort", type=click.Choice(SORTS), default="expires", show_default=True),
    click.option("--limit", type=click.IntRange(min=0), help="At most so many."),
)


def selecting(command: CommandT) -> CommandT:
    """Give a command the options of a selection, its order and its limit."""
    for option in reversed((*_OPTIONS, *_ORDERED)):
        command = option(command)
    return command


def selection(asked: dict[str, str | None], now: datetime) -> Selection:
    """Return what the options ask for, and take them out of `asked`.

    Raises:
        ConfigurationError: one cannot be read (rules ``DURATION``, ``CERTIFICATE-SERIAL``).
    """
    from trustwright.model.inventory import Selection

    window, serial, name = (asked.pop(each) for each in ("expiring_within", "serial", "name"))
    fields: dict[str, Any] = dict(asked)
    if window is not None:
        _refuse_over(fields["state"])
        fields |= {"state": "valid", "ends_by": later(now, within(window, "--expiring-within"))}
    if serial is not None:
        fields["serial"] = serial_digits(serial, "--serial")
    if name is not None:
        fields["name"] = name.lower().rstrip(".")
    return Selection(**fields)


def _refuse_over(state: str | None) -> None:
    from trustwright.errors import ConfigurationError

    if state not in {None, "valid"}:
        raise ConfigurationError(
            f"what is {state} does not expire",
            rule="CERTIFICATE-STATE",
            hint="leave --state or --expiring-within out",
            where="--expiring-within",
        )


def later(now: datetime, window: timedelta) -> datetime:
    """Return the end of a window; of one beyond all calendars, their end."""
    try:
        return now + window
    except OverflowError:
        return datetime.max.replace(tzinfo=now.tzinfo)


def within(window: str, where: str) -> timedelta:
    """Return the duration that is written like ``24h``.

    Raises:
        ConfigurationError: it is none (rule ``DURATION``).
    """
    from pydantic import TypeAdapter, ValidationError

    from trustwright.errors import ConfigurationError
    from trustwright.model.values import Duration

    try:
        return timedelta(seconds=TypeAdapter(Duration).validate_python(window))
    except ValidationError:
        raise ConfigurationError(
            f"{window!r} is no duration",
            rule="DURATION",
            hint="write 90s, 15m, 72h or 730d",
            where=where,
        ) from None


def serial_digits(serial: str, where: str) -> str:
    """Return the hex digits with which a serial shall begin, as openssl or Vault write them.

    Raises:
        ConfigurationError: these are no hex digits (rule ``CERTIFICATE-SERIAL``).
    """
    from trustwright.errors import ConfigurationError

    digits = serial.lower().replace(":", "").replace("-", "")
    if not re.fullmatch(r"[0-9a-f]{1,64}", digits):
        raise ConfigurationError(
            f"{serial!r} is no beginning of a serial",
            rule="CERTIFICATE-SERIAL",
            hint="write its first hex digits, with colons or without",
            where=where,
        )
    return digits
