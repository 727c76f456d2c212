"""Names and object identifiers that look right and are not; the program that leaves no core."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import TypeAdapter, ValidationError

from trustwright.model.base import DnsName, Oid

pytestmark = pytest.mark.unit
OID: TypeAdapter[str] = TypeAdapter(Oid)
NAME: TypeAdapter[str] = TypeAdapter(DnsName)


@pytest.mark.parametrize(
    "oid",
    [
        "1.3.2147483647",
        "0.39",
        "1.39.1",
        "2.40.1",
        "2.999",
        f"2.{2**31 - 1 - 80}",
        "1.3.6.1.4.1.32473.1.1",
    ],
)
def test_oid_of_small_arcs_is_read(oid: str) -> None:
    """31 bits each, the first two together."""
    assert OID.validate_python(oid) == oid


@pytest.mark.parametrize(
    "oid",
    [
        "1.3.2147483648",
        "1.3.9999999999",
        "0.40",
        "1.40.1",
        f"2.{2**31 - 80}",
        "3.1",
        "1",
        "1.3.06",
        "1.3." + ".".join(["1"] * 70),
    ],
)
def test_oid_of_large_arcs_is_refused(oid: str) -> None:
    """32 bits, a second arc that X.660 does not know, a leading zero, a long one."""
    with pytest.raises(ValidationError):
        OID.validate_python(oid)


@pytest.mark.parametrize("name", ["a.example", "1.2.3.4.example", "10.internal", "a.1b", "a.x0"])
def test_name_that_is_no_address_is_read(name: str) -> None:
    """Digits in other labels than the last one."""
    assert NAME.validate_python(name) == name


@pytest.mark.parametrize("name", ["10.0.0.1", "127.1", "a.1", "a.0x7f", "a.0x"])
def test_name_that_is_an_address_is_refused(name: str) -> None:
    """A last label that resolvers read as a number."""
    with pytest.raises(ValidationError, match="as in an address"):
        NAME.validate_python(name)


def test_offline_program_leaves_no_core() -> None:
    """What a crash would write holds the opened key."""
    script = (
        "import resource\n"
        "from trustwright.cli import root\n"
        "root.run = lambda *_: print(resource.getrlimit(resource.RLIMIT_CORE))\n"
        "root.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "(0, 0)\n"
