"""The two bases: `Artifact` for ceremony files and records, `Setting` for what a person writes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    StringConstraints,
    ValidationError,
    ValidationInfo,
)

from trustwright import canonical
from trustwright.clock import utc_text
from trustwright.errors import CeremonyViolation, ConfigurationError

_TIME = "a time is UTC in whole seconds, like 2026-11-23T14:55:00Z"
_WRITTEN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_EARLIEST = 1970


def _as_written(value: object, info: ValidationInfo) -> object:
    """Read the one spelling of a time in a file; Python code gives a `datetime` as it is."""
    if info.mode != "json":
        return value
    if not isinstance(value, str) or not _WRITTEN.fullmatch(value):
        raise ValueError(_TIME)
    return datetime.fromisoformat(value)


def _aware_seconds(moment: datetime) -> datetime:
    if moment.tzinfo is None or moment.microsecond:
        raise ValueError(_TIME)
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(_TIME) from None
    if moment.year < _EARLIEST:
        # Years of fewer than four digits are not written alike on every machine.
        msg = f"a time lies in {_EARLIEST} or later"
        raise ValueError(msg)
    return moment


Moment = Annotated[
    datetime,
    BeforeValidator(_as_written, json_schema_input_type=str),
    AfterValidator(_aware_seconds),
    PlainSerializer(utc_text, return_type=str),
]
"""A point in time: aware, UTC, whole seconds; written as ``2026-11-23T14:55:00Z``, never else."""

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 as 64 lower-case hex digits."""

Fingerprint = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
"""``sha256:`` and 64 hex digits over a certificate's DER."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
"""A name for an environment, role or consumer: lower case, digits and inner hyphens, up to 40."""


def _no_address(name: str) -> str:
    """Refuse what resolvers and TLS stacks read as an IPv4 address: a number as last label."""
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", name.rpartition(".")[2]):
        msg = "its last label is a number, as in an address"
        raise ValueError(msg)
    return name


DnsName = Annotated[
    str,
    StringConstraints(
        max_length=253,
        pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
        r"(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$",
    ),
    AfterValidator(_no_address),
]
"""A fully qualified DNS name in lower case, without wildcard, leading or trailing dot."""

_LARGEST_ARC = 2**31 - 1
_SECOND_ARCS = 40
_FREE_ARC = 2


def _small_arcs(oid: str) -> str:
    first, second, *rest = (int(arc) for arc in oid.split("."))
    if first < _FREE_ARC and second >= _SECOND_ARCS:
        msg = f"its second arc is at most {_SECOND_ARCS - 1} below {first}"
        raise ValueError(msg)
    # The first two arcs are one number in DER (X.690 §8.19.4).
    if max(first * _SECOND_ARCS + second, *rest, 0) > _LARGEST_ARC:
        msg = "an arc has more than 31 bits"
        raise ValueError(msg)
    return oid


Oid = Annotated[
    str,
    StringConstraints(max_length=128, pattern=r"^[0-2](\.(0|[1-9][0-9]{0,9}))+$"),
    AfterValidator(_small_arcs),
]
"""A dotted object identifier whose arcs fit into 31 bits, as Go before 1.22 requires."""


Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+(/\S*)?$", max_length=300)]
"""A URL with a host, under http or https."""


class Setting(BaseModel):
    """What a person writes: frozen, unknown keys refused, values coerced."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Artifact(BaseModel):
    """What two parties must read alike: frozen, strict, canonical bytes.

    Never change one with ``model_copy(update=…)``, which skips validation: build a new one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def canonical(self) -> bytes:
        """Return the canonical JSON bytes, the ones that `digest` names."""
        return canonical.encode(self.model_dump(mode="json"))

    def digest(self) -> str:
        """Return the SHA-256 of the canonical bytes as hex."""
        return canonical.digest(self.canonical())

    @classmethod
    def parse(cls, data: bytes, *, limit: int = 65_536) -> Self:
        """Return the artifact in `data`.

        Raises:
            CeremonyViolation: too long, not JSON, or not of this shape (rule ``CER-SHAPE``).
        """
        if len(data) > limit:
            raise CeremonyViolation(
                f"{len(data)} bytes; at most {limit} are read",
                rule="CER-SIZE",
                hint="send the ceremony file itself",
            )
        plain = _canonical(data)
        try:
            # JSON mode: strict, yet times and tuples may come as strings and arrays.
            return cls.model_validate_json(plain)
        except ValidationError as error:
            raise CeremonyViolation(
                f"not a {cls.__name__.lower()}: {first_problem(error)}",
                rule="CER-SHAPE",
                hint="send the file that was written, unchanged",
            ) from None


def _canonical(data: bytes) -> bytes:
    try:
        return canonical.encode(canonical.decode(data))
    except ConfigurationError as error:
        raise CeremonyViolation(
            error.what[:300], rule="CER-JSON", hint="send the ceremony file, unchanged"
        ) from None


def first_problem(error: ValidationError) -> str:
    """Return ``field: message`` of the first problem, without the value (it may be large)."""
    problem = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(part) for part in problem["loc"]) or "(whole)"
    return f"{place}: {problem['msg']}"
