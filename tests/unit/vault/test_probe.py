"""What a server is, from what it says without a login."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from trustwright.errors import ConfigurationError, Unavailable
from trustwright.vault.client import Connection
from trustwright.vault.probe import ABSENT_IN_VAULT, WITHOUT_NAMESPACES, probe

pytestmark = pytest.mark.unit


class Answers:
    """A connection that only knows a server's health."""

    address = "https://vault:8200"

    def __init__(self, title: str, **health: Any) -> None:
        self._title = title
        self._health = {"initialized": True, "sealed": False, **health}

    def status(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        assert path == "sys/health"
        if "help" in params:
            return {"openapi": {"info": {"title": self._title}}}
        return self._health


def _probe(title: str, **health: Any) -> Any:
    return probe(cast("Connection", Answers(title, **health)))


@pytest.mark.parametrize("version", ["2.6.2", "2.7.2", "2.10.0", "3.0.0", "2.7.0-beta20260801"])
def test_a_supported_openbao_has_everything(version: str) -> None:
    """Nothing is missing."""
    found = _probe("OpenBao API", version=version)
    assert (found.product, found.version, found.absent) == ("OpenBao", version, ())
    assert (found.namespaces, found.pagination) == (True, True)


@pytest.mark.parametrize(
    ("title", "version"),
    [
        ("OpenBao API", "2.6.1"),
        ("OpenBao API", "2.0.0"),
        ("HashiCorp Vault API", "1.15.6"),
        ("OpenBao API", ""),
        ("OpenBao API", "unknown"),
    ],
)
def test_an_older_server_is_refused(title: str, version: str) -> None:
    """The error names what is there and what is needed."""
    with pytest.raises(ConfigurationError) as error:
        _probe(title, version=version)
    assert error.value.rule == "VAULT-VERSION"


def test_vault_lacks_some_things_and_says_so() -> None:
    """In plain words, for the report."""
    community = _probe("HashiCorp Vault API", version="1.18.3")
    assert (community.product, community.namespaces, community.pagination) == (
        "Vault",
        False,
        False,
    )
    assert community.absent == (*ABSENT_IN_VAULT, WITHOUT_NAMESPACES)
    enterprise = _probe("HashiCorp Vault API", version="1.18.3+ent", enterprise=True)
    assert (enterprise.namespaces, enterprise.absent) == (True, ABSENT_IN_VAULT)


@pytest.mark.parametrize("health", [{"sealed": True}, {"initialized": False, "sealed": True}])
def test_a_sealed_server_is_unavailable(health: dict[str, bool]) -> None:
    """It may open again: not a mistake in the configuration."""
    with pytest.raises(Unavailable) as error:
        _probe("OpenBao API", version="2.7.2", **health)
    assert error.value.rule == "VAULT-SEALED"


def test_something_else_at_the_address_is_refused() -> None:
    """A dashboard answers, too."""
    with pytest.raises(ConfigurationError) as error:
        _probe("Grafana", version="12.0.0")
    assert error.value.rule == "VAULT-PRODUCT"
