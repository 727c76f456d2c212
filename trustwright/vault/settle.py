"""Writing only differences: read, compare, write or delete, read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trustwright.errors import ConfigurationError, VerificationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trustwright.vault.client import Connection

NO_ISSUER_YET = r"no default issuing certificate .* is currently set"
"""Warning about a role in a mount whose intermediate is still to come: expected."""


def settle(
    connection: Connection,
    path: str,
    wanted: Mapping[str, Any],
    phrase: str,
    *,
    sent: Mapping[str, Any] | None = None,
) -> Iterator[str]:
    """Make the members of `wanted` so at `path`; yield one phrase when something changed.

    Args:
        connection: of the provisioner.
        path: what is settled.
        wanted: members as the server shows them.
        phrase: what to call the change.
        sent: the same as it is written, where that differs.

    Raises:
        VerificationError: the server took the write and still says something else.
    """
    current = connection.find(path)
    if not _differences(current, wanted):
        return
    connection.write(path, wanted if sent is None else sent, warnings=(NO_ISSUER_YET,))
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


def settle_absence(connection: Connection, path: str, phrase: str) -> Iterator[str]:
    """Delete what is at `path`; yield `phrase` when there was something.

    Raises:
        VerificationError: the server took the deletion and still has it.
    """
    if connection.find(path) is None:
        return
    connection.delete(path)
    if connection.find(path) is not None:
        raise VerificationError(
            "deleted, and the server still has it",
            rule="VAULT-NOT-KEPT",
            hint="remove it by hand: a login that was replaced must not go on working",
            where=path,
        )
    yield phrase


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
