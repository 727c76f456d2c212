"""The demo's estate file: two environments, services, an admin, a host that keeps its key."""

from __future__ import annotations

import json
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from demo.operator import ENVIRONMENTS
from demo.programs import Demo

ROLES = {
    "server": {"ttl": "72h", "renew_before": "24h", "usage": ["server"]},
    "admin": {"ttl": "12h", "renew_before": "2h", "usage": ["client"]},
    "proxy": {"ttl": "72h", "renew_before": "24h", "usage": ["server", "client"]},
    "agent": {"ttl": "24h", "renew_before": "8h", "usage": ["client"]},
}
SERVICES = (("billing", "server"), ("gateway", "proxy"), ("collector", "agent"), ("alice", "admin"))
HOST = "ledger"
"""A server in prod whose key never leaves its host."""


def write_estate(demo: Demo, root: str) -> None:
    """Write root.pem and estate.yaml, make the login keys, and have the file checked."""
    folder = demo.estate.parent
    folder.mkdir(mode=0o700)
    (folder / "root.pem").write_text(root)
    # JSON is YAML: the demo writes the one, people write the other.
    demo.estate.write_text(json.dumps(_estate(demo, root), indent=2) + "\n")
    demo.trustwright("check", str(demo.estate))
    for name in ENVIRONMENTS:
        demo.trustwright("identity", "create", name)
    demo.say(f"Estate checked: {demo.shown(demo.estate)}, {len(_consumers(demo))} consumers")


def consumer_folder(demo: Demo, environment: str, name: str) -> Path:
    """Return where a consumer's set is delivered."""
    return demo.folder / "hosts" / environment / name


def _estate(demo: Demo, root: str) -> dict[str, object]:
    pin = x509.load_pem_x509_certificate(root.encode()).fingerprint(SHA256()).hex()
    stack = json.loads((demo.home / "stack.json").read_text())
    return {
        "organization": "Example",
        "root": {"certificate": "root.pem", "fingerprint": f"sha256:{pin}"},
        "environments": {name: _environment(demo, stack, name) for name in ENVIRONMENTS},
        "consumers": _consumers(demo),
        "notify": {"routes": [{"channel": name} for name in demo.channels]},
    }


def _environment(demo: Demo, stack: dict[str, str], name: str) -> dict[str, object]:
    return {
        "domain": f"{name}.example.internal",
        "policy": ENVIRONMENTS[name],
        "vault": {
            "address": stack["openbao"],
            "ca": str(demo.home / stack["ca"]),
            "namespace": name,
            "mount": "pki",
            "identity": str(demo.home / "identities" / name),
        },
        "roles": {
            role: {"names": f"{name}.example.internal", **settings}
            for role, settings in ROLES.items()
        },
    }


def _consumers(demo: Demo) -> list[dict[str, object]]:
    services = [
        _consumer(demo, environment, name, role)
        for environment in ENVIRONMENTS
        for name, role in SERVICES
    ]
    return [*services, _consumer(demo, "prod", HOST, "server") | {"key": "host"}]


def _consumer(demo: Demo, environment: str, name: str, role: str) -> dict[str, object]:
    return {
        "name": name,
        "environment": environment,
        "role": role,
        "owner": "platform",
        "names": [f"{name}.{environment}.example.internal"],
        "trusts": [environment],
        "deliver": {"directory": {"path": str(consumer_folder(demo, environment, name))}},
    }
