"""Listing serials on a server with and without pages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from trustwright.model.estate import Environment
from trustwright.vault.client import Connection
from trustwright.vault.leaves import VaultSigner

pytestmark = pytest.mark.unit

PAGE = 3


class Mount:
    """A connection that only knows a mount's list of certificates.

    Args:
        amount: of certificates.
        pages: whether the server looks at ``after`` and ``limit``; Vault does not.
    """

    def __init__(self, amount: int, *, pages: bool) -> None:
        self.serials = [f"0a-{number:02x}" for number in range(amount)]
        self.pages = pages
        self.calls = 0

    def listing(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        assert path == "pki/certs"
        self.calls += 1
        keys = self.serials
        if self.pages:
            keys = [key for key in keys if key > params["after"]][: int(params["limit"])]
        return {"keys": [key.replace("-", ":") for key in keys]} if keys else {}


def _environment() -> Environment:
    role = {"ttl": "72h", "renew_before": "24h", "names": "test.example.internal"}
    return Environment.model_validate(
        {
            "domain": "test.example.internal",
            "policy": "1.3.6.1.4.1.99999.1.1",
            "vault": {"address": "https://vault:8200", "identity": Path("ids")},
            "roles": {"server": {**role, "usage": ["server"]}},
        }
    )


@pytest.mark.parametrize("pages", [True, False])
@pytest.mark.parametrize("amount", [0, 1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE, 3 * PAGE + 1])
def test_every_serial_is_listed_once(amount: int, *, pages: bool) -> None:
    """A server that ignores the page's size gives the whole list at once, which is seen once."""
    mount = Mount(amount, pages=pages)
    signer = VaultSigner(cast("Connection", mount), _environment(), PAGE)
    assert list(signer.serials()) == [serial.replace("-", ":") for serial in mount.serials]
    if not pages:
        assert mount.calls == (2 if amount == PAGE else 1)
