"""Writing only differences: read, compare, write, read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trustwright.errors import ConfigurationError, VerificationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trustwright.vault.client import Connection

NO_ISSUER_YET = r"no default issuing certificate .* is currently set"
"""Warning about a role in a mount whose intermediate is still to come: expected."""


def settle(
    connection: Connection, path: str, wanted: Mapping[str, Any], phrase: str
) -> Iterator[str]:
    """Make the members of `wanted` so at `path`; yield one phrase when something changed.

    Raises:
        VerificationError: the server took the write and still says something else.
    """
    current = connection.find(path)
    if not _differences(current, wanted):
        return
    connection.write(path, wanted, warnings=(NO_ISSUER_YET,))
    left = _differences(connection.find(path), wanted)
    if left:
        raise VerificationError(
            f"written, yet the server keeps another {', '.join(left)}",
            rule="VAULT-NOT-KEPT",
            hint="compare the server's version with the supported ones",
            where=path,
        )
    changed = _differences(current, wanted)
    yield phrase if current is None else f"{phrase}: {', '.join(changed)}"


def settle_mount(
    connection: Connection, path: str, wanted: Mapping[str, Any], phrase: str
) -> Iterator[str]:
    """Mount an engine at `path` (``sys/mounts/…`` or ``sys/auth/…``) unless it is there.

    Raises:
        ConfigurationError: something of another type is mounted there.
    """
    current = connection.find(path)
    if current is None:
        connection.write(path, wanted)
        yield phrase
    elif current.get("type") != wanted["type"]:
        raise ConfigurationError(
            f"a {current.get('type')} is mounted there, not a {wanted['type']}",
            rule="VAULT-MOUNT",
            hint="choose another vault.mount, or move what is there",
            where=path,
        )


def _differences(current: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> list[str]:
    return sorted(
        name for name, value in wanted.items() if _plain((current or {}).get(name)) != _plain(value)
    )


def _plain(value: Any) -> Any:
    """Return a value in a form in which a set, its order and an absent list do not matter."""
    if value is None:
        return []
    if isinstance(value, list):
        return sorted(str(item).strip() for item in value)
    return value
