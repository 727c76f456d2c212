"""The single values of the estate file, each with its rule, its noun and how it is written.

A problem takes these words, an editor shows them: they stand once, at the type.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from trustwright.model.base import DnsName, Fingerprint, Name, Oid

RULE = "x-rule"
NOUN = "x-noun"
"""Members of a value's JSON Schema, beside ``description``, which is the remedy."""
DURATION = r"^[1-9][0-9]{0,6}[smhd]$"
LARGEST_PORT = 65_535
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION_REMEDY = "a duration reads like 90s, 15m, 72h or 730d"


def written(rule: str, noun: str, remedy: str, **schema: Any) -> Any:
    """Return what a type says of itself: broken rule, "is no `noun`", and how it is written.

    More members of its JSON Schema may follow: what its validator knows and a pattern cannot say.
    """
    return Field(description=remedy, json_schema_extra={RULE: rule, NOUN: noun, **schema})


def _duration(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(DURATION[1:-1], value):
        raise ValueError(_DURATION_REMEDY)
    return int(value[:-1]) * _SECONDS[value[-1]]


Duration = Annotated[
    int,
    BeforeValidator(
        _duration, json_schema_input_type=Annotated[str, StringConstraints(pattern=DURATION)]
    ),
    written("EST-DURATION", "duration", _DURATION_REMEDY),
]
"""Seconds; written ``90s``, ``15m``, ``72h`` or ``730d``."""

Identifier = Annotated[
    Name,
    written(
        "EST-NAME",
        "name",
        "a name is lower case, digits and inner hyphens, up to 40 characters, like billing",
    ),
]
"""A name that people choose, for an environment, consumer or channel."""

HostName = Annotated[
    DnsName,
    written(
        "EST-DNS-NAME",
        "DNS name",
        "a DNS name is lower case and has a dot, like billing.prod.example.internal; no wildcard, "
        "no address, up to 253 characters",
        **{"not": {"pattern": r"(^|\.)([0-9]+|0x[0-9a-f]*)$"}},
    ),
]

PolicyOid = Annotated[
    Oid,
    written(
        "EST-OID",
        "object identifier",
        "an object identifier reads like 1.3.6.1.4.1.32473.1.1, each part below 2147483648",
    ),
]

Pin = Annotated[
    Fingerprint,
    written(
        "EST-FINGERPRINT",
        "fingerprint",
        "write sha256: and 64 lower-case hex digits; `trustwright-root show` prints it",
    ),
]


def _reachable(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
        if "[" in parts.netloc:
            ipaddress.IPv6Address(parts.hostname or "")
    except ValueError:
        port = LARGEST_PORT + 1
    if port is not None and port > LARGEST_PORT:
        msg = "its host or port does not exist"
        raise ValueError(msg)
    return url


_LABEL = r"[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_HOST = rf"({_LABEL}(\.{_LABEL})*|\[[0-9A-Fa-f:.]{{2,45}}\])"
_REST = r"(:[1-9][0-9]{0,4})?(/[A-Za-z0-9._~%!$&()*+,;=:@-]*)*$"

Address = Annotated[
    str,
    StringConstraints(pattern=rf"^https://{_HOST}{_REST}", max_length=300),
    AfterValidator(_reachable),
    written(
        "EST-ADDRESS",
        "address of a server",
        "write https://host:port, without user, query or fragment, up to 300 characters; never "
        "http: logins go there",
    ),
]
"""Base URL of a server that is spoken to under TLS alone."""

Published = Annotated[
    str,
    StringConstraints(pattern=rf"^https?://{_HOST}{_REST}", max_length=300),
    AfterValidator(_reachable),
    written(
        "EST-PUBLISH",
        "address for certificates to point at",
        "write http://host/path, without user, query or fragment, up to 300 characters",
    ),
]
"""Base URL of what anybody may fetch. Plain http is as good as https there (RFC 5280 §8)."""

Namespace = Annotated[
    str,
    StringConstraints(pattern=r"^([a-z0-9-]+(/[a-z0-9-]+)*)?$", max_length=200),
    written(
        "EST-NAMESPACE",
        "namespace",
        "lower case, digits and hyphens, joined by /, up to 200 characters; empty for the root "
        "namespace",
    ),
]

Mount = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9-]+(/[a-z0-9-]+)*$", max_length=200),
    written(
        "EST-MOUNT",
        "mount",
        "lower case, digits and hyphens, joined by /, up to 200 characters; no / at the ends",
    ),
]

Place = Annotated[
    Path,
    written(
        "EST-PATH",
        "path",
        "write the path of a file or folder; a relative one begins where this file stands",
    ),
]


def _without_steps(path: str) -> str:
    if {".", ".."} & set(path.split("/")):
        msg = "it has a step that leads nowhere or back"
        raise ValueError(msg)
    return path


HostPath = Annotated[
    str,
    StringConstraints(pattern=r"^(/[A-Za-z0-9._-]+)+$", max_length=200),
    AfterValidator(_without_steps),
    written(
        "EST-HOST-PATH",
        "path on a host",
        "write it from the top, of letters, digits, dots, hyphens, underscores: /etc/billing/tls",
    ),
]
"""A folder on the consumer's own host, which this machine does not see."""


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        msg = "address or prefix do not fit"
        raise ValueError(msg) from None


Network = Annotated[
    str,
    StringConstraints(max_length=50),
    AfterValidator(_network),
    written(
        "EST-NETWORK", "network", "write address and prefix, like 10.1.2.0/24 or 2001:db8::/64"
    ),
]
"""Where a host may log in from."""

Mode = Annotated[
    str,
    StringConstraints(pattern=r"^0[0-7]{3}$"),
    written("EST-MODE", "file mode", 'four octal digits in quotes, like "0640"'),
]

Account = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z_][a-z0-9_-]{0,31}$|^[0-9]{1,10}$"),
    written("EST-ACCOUNT", "account", 'the name of a user or group, or its number in quotes: "33"'),
]

_COMMAND = "write a list, program first: [systemctl, reload, NAME]"
Command = Annotated[
    tuple[Annotated[str, written("EST-HOOK", "word of a command", _COMMAND)], ...],
    Field(min_length=1),
    written("EST-HOOK", "command", _COMMAND),
]

Kept = Annotated[
    int,
    # Strict: True is no 1, and "2" no 2.
    Field(strict=True, ge=1, le=50),
    written("EST-KEEP", "number of versions", "write a whole number from 1 to 50, without quotes"),
]

PROBE_REMEDY = (
    "write tls://name:port, smtp://name:port (STARTTLS) or postgres://name:port; an address of "
    "IPv6 stands in brackets: tls://[2001:db8::1]:port"
)

Probe = Annotated[
    str,
    StringConstraints(pattern=r"^(tls|smtp|postgres)://[^\s/]+:[0-9]{1,5}$", max_length=300),
    written("EST-PROBE", "probe", PROBE_REMEDY),
]

Organization = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64),
    written(
        "EST-ORGANIZATION",
        "organization",
        "write it as it should read in every certificate, up to 64 characters",
    ),
]

Owner = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100),
    written("EST-OWNER", "owner", "name the team or person to tell, up to 100 characters"),
]
