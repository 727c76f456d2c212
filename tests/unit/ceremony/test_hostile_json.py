"""JSON made to break a reader ends as a refusal that names a rule, never as another exception."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import TypeAdapter, ValidationError

from tests.unit.ceremony import material
from trustwright import canonical
from trustwright.errors import CeremonyViolation, ConfigurationError
from trustwright.model.base import Moment
from trustwright.model.ceremony import Request, Response

pytestmark = pytest.mark.unit
MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)
DIGITS = "9" * 5000


def changed(member: str, text: str) -> bytes:
    """Return a good request with the JSON text of one member changed."""
    members = {
        name: json.dumps(value)
        for name, value in material.crl_request().model_dump().items()
        if name not in {"created", "expires"}
    }
    members |= {"created": '"2026-11-23T11:00:00Z"', "expires": '"2026-11-30T12:00:00Z"'}
    written = (f'"{name}":{value}' for name, value in (members | {member: text}).items())
    return f"{{{','.join(written)}}}".encode()


@pytest.mark.parametrize(
    ("member", "text", "rule"),
    [
        ("reason", r'"\ud800"', "CER-JSON"),
        ("reason", r'{"\udfff":1}', "CER-JSON"),
        ("generation", DIGITS, "CER-JSON"),
        ("generation", f"-{DIGITS}", "CER-JSON"),
        ("generation", "9" * 4000, "CER-SHAPE"),
        ("reason", "[" * 20_000 + "]" * 20_000, "CER-JSON"),
        ("created", '"0001-01-01T00:00:00+05:00"', "CER-SHAPE"),
        ("expires", '"9999-12-31T23:59:59-05:00"', "CER-SHAPE"),
        ("created", '"0001-01-01T00:00:00Z"', "CER-SHAPE"),
        ("created", '"0000-01-01T00:00:00Z"', "CER-SHAPE"),
        ("created", '"2026-02-30T00:00:00Z"', "CER-SHAPE"),
        ("created", '"2026-11-23T11:00:60Z"', "CER-SHAPE"),
        ("created", '"2026-11-23T12:00:00+01:00"', "CER-SHAPE"),
        ("created", '"2026-11-23T11:00:00+00:00"', "CER-SHAPE"),
        ("created", '"2026-11-23T11:00:00.000Z"', "CER-SHAPE"),
        ("created", '"2026-11-23t11:00:00z"', "CER-SHAPE"),
        ("created", '"2026-11-23 11:00:00Z"', "CER-SHAPE"),
        ("created", '"2026-11-23T11:00Z"', "CER-SHAPE"),
        ("created", '"2026-11-23T11:00:00Z\\n"', "CER-SHAPE"),
        ("created", '"1795432500"', "CER-SHAPE"),
        ("created", "1795432500", "CER-SHAPE"),
    ],
)
def test_hostile_json_is_refused_by_a_rule(member: str, text: str, rule: str) -> None:
    """Half a surrogate pair, endless digits, deep nesting, times of other spellings."""
    assert Request.parse(changed("reason", '"good"')).reason == "good"
    with pytest.raises(CeremonyViolation) as refused:
        Request.parse(changed(member, text))
    assert refused.value.rule == rule
    with pytest.raises(CeremonyViolation):
        Response.parse(changed(member, text))


@pytest.mark.parametrize(
    "value",
    ["\ud800", {"\udc00": 1}, 10**5000, object(), {1: 1, "a": 2}],
    ids=["surrogate", "surrogate member", "digits", "object", "mixed members"],
)
def test_what_json_cannot_say_is_refused(value: object) -> None:
    """Encoding a Python value: one error for all of them."""
    with pytest.raises(ConfigurationError) as refused:
        canonical.encode(value)
    assert refused.value.rule == "JSON-VALUE"


def test_python_code_gives_times_as_they_are() -> None:
    """A `datetime` of any zone becomes UTC; one that has no UTC form is refused."""
    east = timezone(timedelta(hours=5))
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)

    assert MOMENT.validate_python(datetime(2026, 11, 23, 17, tzinfo=east)) == noon
    assert MOMENT.dump_json(noon) == b'"2026-11-23T12:00:00Z"'
    assert MOMENT.validate_json(b'"2026-11-23T12:00:00Z"') == noon
    for wrong in (datetime(1, 1, 1, tzinfo=east), datetime(2026, 11, 23, 12)):  # noqa: DTZ001
        with pytest.raises(ValidationError, match="a time is UTC in whole seconds"):
            MOMENT.validate_python(wrong)
