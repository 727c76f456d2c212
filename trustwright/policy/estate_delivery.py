"""Rules about where a set goes: a folder or Vault's KV, and what each of them asks for."""

from __future__ import annotations

from collections.abc import Iterator

from trustwright.model.estate import Consumer, Directory, Estate, VaultKv
from trustwright.policy.breach import Breach, Location, duration_text

LONGEST_HOOK = 3600
KEY_MODE = 0o640
KEY_READ = 0o400


def check_target(estate: Estate) -> Iterator[Breach]:
    """EST-DELIVER: a set goes to one place."""
    for place, consumer in _consumers(estate):
        found = len(list(targets(consumer)))
        if found != 1:
            yield Breach(
                (*place, "deliver"),
                f"{consumer.name} is delivered "
                + ("to a directory and to Vault's KV" if found else "nowhere"),
                "say one of directory and vault_kv",
            )


def check_admin_target(estate: Estate) -> Iterator[Breach]:
    """EST-DELIVER-ADMIN: an admin's key is made and kept on the admin's own machine."""
    for place, consumer in _consumers(estate):
        if consumer.role == "admin" and consumer.deliver.vault_kv is not None:
            yield Breach(
                (*place, "deliver", "vault_kv"),
                f"{consumer.name} is an admin, whose certificate passes no service path",
                "say directory: `trustwright admin issue` writes there",
            )


def check_delivery_mounts(estate: Estate) -> Iterator[Breach]:
    """EST-DELIVERY-MOUNT: secrets have a mount of their own, neither the PKI's nor in its path."""
    for name, environment in estate.environments.items():
        mount, delivery = f"{environment.vault.mount}/", f"{environment.vault.delivery}/"
        if mount.startswith(delivery) or delivery.startswith(mount):
            yield Breach(
                ("environments", name, "vault", "delivery"),
                f"the mounts {environment.vault.delivery} and {environment.vault.mount} overlap",
                "leave it out, or name a mount of its own, like trustwright-delivery",
            )


def check_key_mode(estate: Estate) -> Iterator[Breach]:
    """EST-KEY-MODE: the key is readable by its owner, at most by its group, never by others."""
    for place, kind, target in _targets(estate):
        mode = int(target.mode, 8)
        if mode & ~KEY_MODE or not mode & KEY_READ:
            yield Breach(
                (*place, "deliver", kind, "mode"),
                f"mode {target.mode} is not one for a key",
                'use "0600", "0640", "0400" or "0440"',
            )


def check_hooks(estate: Estate) -> Iterator[Breach]:
    """EST-HOOK: a command names a program, and ends within the hour."""
    for place, kind, target in _targets(estate):
        for key in ("reload", "check"):
            command = getattr(target, key, None)
            fault = _fault(command, kind) if command else ""
            if fault:
                yield Breach(
                    (*place, "deliver", kind, key),
                    f"{key} {fault}",
                    "write a list: [systemctl, reload, NAME]",
                )
        if target.timeout > LONGEST_HOOK:
            yield Breach(
                (*place, "deliver", kind, "timeout"),
                f"timeout {duration_text(target.timeout)} would hold up everybody else",
                f"at most {duration_text(LONGEST_HOOK)}",
            )


def targets(consumer: Consumer) -> Iterator[tuple[str, Directory | VaultKv]]:
    """Yield the targets that the file says, with their keys; a good file says one."""
    if consumer.deliver.directory is not None:
        yield "directory", consumer.deliver.directory
    if consumer.deliver.vault_kv is not None:
        yield "vault_kv", consumer.deliver.vault_kv


def _fault(command: tuple[str, ...], kind: str) -> str:
    """Return why a command cannot be run; empty when it can."""
    if not command[0].strip():
        return "names no program"
    # An agent's command stands in the agent's configuration, on one line.
    whole = "\0" if kind == "directory" else "\0\n\r"
    held = any(c in word for word in command for c in whole)
    return "has a line break or a NUL in it" if held else ""


def _consumers(estate: Estate) -> Iterator[tuple[Location, Consumer]]:
    for index, consumer in enumerate(estate.consumers):
        yield ("consumers", index), consumer


def _targets(estate: Estate) -> Iterator[tuple[Location, str, Directory | VaultKv]]:
    for place, consumer in _consumers(estate):
        for kind, target in targets(consumer):
            yield place, kind, target
