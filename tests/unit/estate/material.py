"""A good estate, as plain values and as files."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from tests.fakes.root import TestRoot
from trustwright.model.estate import Estate

CHECKOUT = Path(__file__).parents[3]
EXAMPLES = CHECKOUT / "docs" / "examples"
UNPINNED = "sha256:" + "0" * 64
PYDANTIC = (
    *("Input should", "String should", "should have", "should match", "valid ", "Field required"),
    *("Extra inputs", "Value error", "Tuple ", "List ", "Dictionary", "after validation", "type="),
)
"""What no person has to read."""


@cache
def root() -> TestRoot:
    """Return the one root of a test run: valid for twenty years, on whatever day tests run."""
    return TestRoot(datetime(2024, 1, 1, tzinfo=UTC))


def write_example(folder: Path) -> Path:
    """Copy the example with a root of its own into a folder; return the estate file."""
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True)
    (folder / "root.pem").write_text(root().pem)
    file = folder / "estate.yaml"
    file.write_text(file.read_text().replace(UNPINNED, root().fingerprint))
    return file


def change(file: Path, old: str, new: str, *, count: int = 1) -> None:
    """Replace text in a file; it must be there."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, count))


def _environment(name: str, number: int) -> dict[str, Any]:
    domain = f"{name}.example.internal"
    role = {"ttl": "72h", "renew_before": "24h", "names": domain, "usage": ["server"]}
    return {
        "domain": domain,
        "policy": f"1.3.6.1.4.1.32473.1.{number}",
        "vault": {
            "address": "https://vault.example.internal:8200",
            "namespace": name,
            "mount": "pki",
            "identity": f"/etc/trustwright/identities/{name}",
        },
        "intermediate": {"validity": "730d", "ceremony_lead": "14d", "overlap": "14d"},
        "roles": {
            "server": dict(role),
            "admin": role | {"usage": ["client"], "ttl": "12h", "renew_before": "4h"},
            "agent": role | {"usage": ["client"], "names": f"agents.{domain}"},
        },
    }


def _consumer(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "environment": "prod",
        "role": "server",
        "owner": "payments",
        "names": [f"{name}.prod.example.internal"],
        "trusts": ["prod"],
        "probe": "tls://127.0.0.1:8443",
        "deliver": {"directory": {"path": f"/etc/{name}/tls", "mode": "0640"}},
    }


def plain() -> dict[str, Any]:
    """Return a good estate as plain values."""
    return {
        "organization": "Example",
        "root": {"certificate": "/etc/trustwright/root.pem", "fingerprint": UNPINNED},
        "environments": {"test": _environment("test", 1), "prod": _environment("prod", 2)},
        "consumers": [_consumer("billing"), _consumer("shop")],
        "notify": {"routes": [{"channel": "chat", "environments": ["prod"]}]},
    }


def estate_with(alter: Callable[[dict[str, Any]], object]) -> Estate:
    """Return the good estate after a change."""
    values = copy.deepcopy(plain())
    alter(values)
    return Estate.model_validate(values)


def put(place: str, value: object) -> Callable[[dict[str, Any]], None]:
    """Return a change that writes one value, like ``put("consumers.0.probe", None)``."""

    def alter(values: Any) -> None:
        *way, last = place.split(".")
        for part in way:
            values = values[int(part) if part.isdigit() else part]
        values[int(last) if last.isdigit() else last] = value

    return alter
