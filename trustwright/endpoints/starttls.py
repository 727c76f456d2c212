"""What comes before TLS: SMTP's STARTTLS and PostgreSQL's SSLRequest.

`smtplib` speaks STARTTLS too, but lets a server talk for ever (its timeout counts for each line,
its replies have no last line) and greets with a name that it asks the resolver for.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trustwright.endpoints.line import Line

LINE = 1024
"""Octets of an SMTP reply line; RFC 5321 §4.5.3.1.5 allows 512, extensions add to it."""
LINES = 100
"""Of one SMTP reply."""
SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""PostgreSQL protocol §55.7: the length 8, then 80877103."""


def open_tls(line: Line) -> None:
    """Nothing comes before TLS."""
    del line


def open_smtp(line: Line) -> None:
    """Greet and ask for TLS (RFC 3207 §4, RFC 5321 §4.2).

    Raises:
        Rejected: the server speaks something else, or offers no STARTTLS.
    """
    _expect(line, _reply(line), "220", "greeting")
    line.send(f"EHLO {_literal(line.own_address)}\r\n".encode())
    offered = _expect(line, _reply(line), "250", "EHLO")
    if "STARTTLS" not in (text[4:].strip().upper() for text in offered):
        raise line.refused("the server offers no STARTTLS")
    line.send(b"STARTTLS\r\n")
    _expect(line, _reply(line), "220", "STARTTLS")


def open_postgres(line: Line) -> None:
    """Ask for TLS (PostgreSQL protocol §55.2.11).

    Raises:
        Rejected: the server has TLS switched off, or is no PostgreSQL.
    """
    line.send(SSL_REQUEST)
    answer = line.receive(1)
    if answer == b"N":
        raise line.refused("the server has TLS switched off")
    if answer != b"S":
        raise line.refused("it is no PostgreSQL server")


OPENINGS: Mapping[str, Callable[[Line], None]] = {
    "tls": open_tls,
    "smtp": open_smtp,
    "postgres": open_postgres,
}
"""By the scheme of the probe. All read octet by octet: what follows belongs to TLS."""


def _reply(line: Line) -> list[str]:
    """Return the lines of one reply; all but the last have a hyphen behind the code."""
    lines = []
    for _ in range(LINES):
        lines.append(_line(line))
        if lines[-1][3:4] != "-":
            return lines
    raise line.refused("its reply does not end")


def _line(line: Line) -> str:
    octets = bytearray()
    while not octets.endswith(b"\n"):
        octets += line.receive(1)
        if len(octets) > LINE:
            raise line.refused("its reply is no line of SMTP")
    return octets.decode("ascii", "replace").rstrip()


def _expect(line: Line, reply: list[str], code: str, what: str) -> list[str]:
    """Return the reply; its words are the server's and go into no message of ours."""
    if any(each[:3] != code for each in reply):
        said = reply[-1][:3] if reply[-1][:3].isdigit() else "no SMTP"
        raise line.refused(f"{what} is answered with {said}, not {code}")
    return reply


def _literal(address: str) -> str:
    """Return an address literal (RFC 5321 §4.1.3): our own name is nobody's business."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return f"[IPv6:{found}]" if found.version == 6 else f"[{found}]"  # noqa: PLR2004 - its name
