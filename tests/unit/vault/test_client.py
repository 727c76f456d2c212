"""The connection without a server: bundles, addresses, and what is imported when."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from trustwright.errors import ConfigurationError, Unavailable
from trustwright.ports import SignOrder
from trustwright.vault import bulk
from trustwright.vault.client import Connection

pytestmark = pytest.mark.unit

NOWHERE = "http://127.0.0.1:1"


class NoLogin:
    """Credentials that any server would take."""

    path = "auth/none/login"

    def body(self, now: datetime) -> dict[str, str]:
        return {"at": now.isoformat()}


def test_a_server_that_is_not_there_is_unavailable() -> None:
    """Nothing was sent: not even a write leaves anything open."""
    connection = Connection(NOWHERE, NoLogin())
    connection._token = "t"
    for call in (
        lambda: connection.read("pki/cert/0a"),
        lambda: connection.write("pki/revoke", {}),
        lambda: connection.public(f"{NOWHERE}/v1/pki/crl"),
        lambda: connection.renewed("t"),
    ):
        with pytest.raises(Unavailable) as error:
            call()
        assert error.value.rule == "VAULT-UNREACHABLE"


def test_many_orders_for_a_server_that_is_not_there() -> None:
    """Each has the error; the login is tried once."""
    connection = Connection(NOWHERE, NoLogin())
    order = SignOrder("i", "server", "CSR", ("a.example.internal",), (), 60)
    results = bulk.sign_many(connection, "pki", [order] * 3)
    assert [type(result) for result in results] == [Unavailable] * 3
    connection._token = "t"
    results = bulk.sign_many(connection, "pki", [order] * 3)
    assert [getattr(result, "rule", "") for result in results] == ["VAULT-UNREACHABLE"] * 3


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_bundle_without_certificates_is_refused(tmp_path: Path, content: str | None) -> None:
    """Before anything is sent, with the file's name."""
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_text(content)
    with pytest.raises(ConfigurationError) as error:
        Connection("https://127.0.0.1:1", NoLogin(), ca=bundle)
    assert (error.value.rule, error.value.where) == ("VAULT-CA", str(bundle))


def test_the_doors_cost_nothing_until_one_is_opened() -> None:
    """A command that needs no server loads no HTTP client."""
    program = (
        "import sys; import trustwright.vault.connect; "
        "print([n for n in ('hvac', 'requests', 'aiohttp', 'jwt') if n in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert found.stdout.strip() == "[]"
