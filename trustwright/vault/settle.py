"""Settling differences: each is found by reading, and mended only by whoever takes the step.

What a plan shows and what a preparation writes come from one walk (`trustwright.vault.provision`):
a plan looks at the steps and takes none of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from trustwright.errors import ConfigurationError, Rejected, VerificationError
from trustwright.model.plan import Change, Member, Remark
from trustwright.vault import classify

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from trustwright.model.estate import Environment
    from trustwright.vault.client import Connection

NO_ISSUER_YET = r"no default issuing certificate .* is currently set"
"""Warning about a role in a mount whose intermediate is still to come: expected."""

SECRET = frozenset({"role_id", "secret_id"})
"""Members whose values are never shown."""
NOT_SHOWN = "(not shown)"


def _nothing() -> None:
    """Do nothing: it is as it should be."""


@dataclass(frozen=True)
class Step:
    """One thing that is settled: how it differs, and how that is mended.

    Attributes:
        path: of it, as a caller in the root namespace writes it.
        phrase: what to call the change when it is made.
        change: its address is the path; None when nothing differs.
        mend: makes it so and reads it back; a walk goes on behind it.
        remark: what is to be said about the path, without a change.
    """

    path: str
    phrase: str = ""
    change: Change | None = None
    mend: Callable[[], object] = _nothing
    remark: Remark | None = None


def settle(
    connection: Connection,
    path: str,
    wanted: Mapping[str, Any],
    phrase: str,
    *,
    sent: Mapping[str, Any] | None = None,
) -> Iterator[Step]:
    """Yield the step that makes the members of `wanted` so at `path`.

    Args:
        connection: of the provisioner.
        path: what is settled.
        wanted: members as the server shows them.
        phrase: what to call the change.
        sent: the same as it is written, where that differs.

    Raises:
        VerificationError: when the step is taken: the server took the write and still says
            something else.
    """
    current = connection.find(path)
    names = _differences(current, wanted)
    if not names:
        yield Step(path)
        return

    def mend() -> None:
        connection.write(path, wanted if sent is None else sent, warnings=(NO_ISSUER_YET,))
        left = _differences(connection.find(path), wanted)
        if left:
            raise VerificationError(
                f"written, yet the server keeps another {', '.join(left)}",
                rule="VAULT-NOT-KEPT",
                hint="compare the server's version with the supported ones",
                where=path,
            )

    members = tuple(_member(name, current, wanted) for name in names)
    if current is None:
        yield Step(path, phrase, Change(path, "create", members), mend)
    else:
        said = f"{phrase}: {', '.join(names)}"
        yield Step(path, said, Change(path, "update", members), mend)


def settle_mount(
    connection: Connection, path: str, wanted: Mapping[str, Any], phrase: str
) -> Iterator[Step]:
    """Yield the step that mounts an engine at `path` (``sys/mounts/…`` or ``sys/auth/…``).

    Raises:
        ConfigurationError: something of another type is mounted there.
    """
    current = connection.find(path)
    if current is not None and current.get("type") != wanted["type"]:
        raise ConfigurationError(
            f"a {current.get('type')} is mounted there, not a {wanted['type']}",
            rule="VAULT-MOUNT",
            hint="choose another vault.mount, or move what is there",
            where=path,
        )
    yield _presence(connection, path, wanted, phrase, there=current is not None)


def settle_presence(
    connection: Connection, path: str, wanted: Mapping[str, Any], phrase: str
) -> Iterator[Step]:
    """Yield the step that makes something at `path` unless there is something, whatever it is."""
    there = connection.find(path) is not None
    yield _presence(connection, path, wanted, phrase, there=there)


def settle_absence(
    connection: Connection, path: str, phrase: str, *, destructive: bool = False
) -> Iterator[Step]:
    """Yield the step that deletes what is at `path`.

    Args:
        connection: of the provisioner.
        path: what is to be absent.
        phrase: what to call the change.
        destructive: somebody may miss it; False for what was replaced by something else.

    Raises:
        VerificationError: when the step is taken: the server took the deletion and still has it.
    """
    if connection.find(path) is None:
        yield Step(path)
        return

    def mend() -> None:
        connection.delete(path)
        if connection.find(path) is not None:
            raise VerificationError(
                "deleted, and the server still has it",
                rule="VAULT-NOT-KEPT",
                hint="remove it by hand: a login that was replaced must not go on working",
                where=path,
            )

    yield Step(path, phrase, Change(path, "delete", destructive=destructive), mend)


def taken(steps: Iterable[Step], destroy: Collection[str]) -> Iterator[str]:
    """Take each step that mends something; yield its phrase. Destroy only what was approved."""
    for step in steps:
        change = step.change
        if change is None or (change.destructive and change.address not in destroy):
            continue
        step.mend()
        yield step.phrase


def addressed(step: Step, name: str, environment: Environment) -> Step:
    """Return the step with ``<environment>/vault/…`` as the address of its change or remark.

    What lies in the environment's mount is named without the mount.
    """
    if step.change is not None:
        place = _address(step.change.address, name, environment)
        return replace(step, change=step.change.at(place))
    if step.remark is not None:
        place = _address(step.remark.address, name, environment)
        return replace(step, remark=replace(step.remark, address=place))
    return step


def _address(path: str, name: str, environment: Environment) -> str:
    vault = environment.vault
    inside = path.removeprefix(f"{vault.namespace}/") if vault.namespace else path
    return f"{name}/vault/{inside.removeprefix(f'{vault.mount}/')}"


def names_at(connection: Connection, path: str) -> list[str]:
    """Return the names that a LIST shows at `path`, sorted; none when the mount is absent."""
    try:
        return sorted(connection.listing(path).get("keys") or ())
    except Rejected as error:
        if error.rule == classify.ABSENT.rule:
            return []
        raise


def _presence(
    connection: Connection, path: str, wanted: Mapping[str, Any], phrase: str, *, there: bool
) -> Step:
    if there:
        return Step(path)
    members = tuple(_member(name, None, wanted) for name in sorted(wanted))
    return Step(
        path, phrase, Change(path, "create", members), lambda: connection.write(path, wanted)
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


def _member(name: str, current: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> Member:
    now = (current or {}).get(name)
    if name in SECRET:
        return Member(name, None if now is None else NOT_SHOWN, NOT_SHOWN)
    return Member(name, _shown(now), _shown(wanted[name]))


def _shown(value: Any) -> Any:
    """Return a value as a plan shows it: a key or another long text in a list by its digest."""
    if isinstance(value, list | tuple):
        return [_digest(each) if "\n" in str(each).strip() else each for each in value]
    return value


def _digest(text: str) -> str:
    return f"sha256:{sha256(text.strip().encode()).hexdigest()}"
