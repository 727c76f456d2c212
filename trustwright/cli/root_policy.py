"""``trustwright-root policy``."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import click

from trustwright import canonical
from trustwright.ceremony.entries import PolicyAccepted
from trustwright.ceremony.rootfolder import RootFolder, opened
from trustwright.ceremony.rootpolicy import from_text
from trustwright.cli.root_options import (
    ask,
    folder_option,
    passphrase_options,
    time_option,
    unlocked,
    working,
)
from trustwright.cli.terminal import columns, say
from trustwright.clock import SystemClock
from trustwright.errors import CeremonyViolation


@click.command()
@folder_option
@click.option("--accept", is_flag=True, help="Put the changed policy into the transcript.")
@click.option("--confirm-version", metavar="N", help="A person's answer to the question.")
@time_option
@passphrase_options
def policy(
    folder: Path,
    accept: bool,
    confirm_version: str | None,
    confirm_time: date | None,
    passphrase_fd: int | None,
    passphrase_file: Path | None,
) -> None:
    """Show or accept what this root may sign.

    Shows what policy.toml changes against the policy that the transcript fixed. With --accept,
    asks for the new version and the passphrase, and fixes it.
    """
    if not accept:
        with opened(folder, exclusive=False) as root:
            _show(root)
        return
    with working(folder, confirm_time) as root:
        _show(root)
        _refuse_same(root)
        said = ask("type the version to accept") if confirm_version is None else confirm_version
        _refuse_other(root, said)
        key = unlocked(root, passphrase_fd, passphrase_file)
        new = root.policy
        says = PolicyAccepted(version=new.version, policy=new.digest(), policy_text=new.text())
        root.record(says, SystemClock().now(), key)
        say(f"policy version {new.version} is in force")


def _show(root: RootFolder) -> None:
    before = _flat(canonical.decode(root.accepted_policy.policy_text.encode()))
    after = _flat(canonical.decode(root.policy.text().encode()))
    rows = [
        (name, before.get(name, "-"), after.get(name, "-"))
        for name in sorted(before | after)
        if before.get(name) != after.get(name)
    ]
    columns(("member", "fixed", "policy.toml"), rows, empty="policy.toml is the policy in force")


def _flat(value: Any, prefix: str = "") -> dict[str, str]:
    if not isinstance(value, dict):
        return {prefix: canonical.encode(value).decode()}
    flat: dict[str, str] = {}
    for name, member in value.items():
        flat |= _flat(member, f"{prefix}.{name}" if prefix else name)
    return flat


def _refuse_same(root: RootFolder) -> None:
    fixed = from_text(root.accepted_policy.policy_text)
    if root.policy.digest() == fixed.digest():
        raise CeremonyViolation("this policy is in force already", rule="CER-316")
    if root.policy.version <= fixed.version:
        raise CeremonyViolation(
            f"version {root.policy.version} does not follow version {fixed.version}",
            rule="CER-316",
            hint="raise version in policy.toml",
        )


def _refuse_other(root: RootFolder, said: str) -> None:
    if said.strip() != str(root.policy.version):
        raise CeremonyViolation(
            "the version that was typed is not policy.toml's; nothing was accepted", rule="CER-314"
        )
