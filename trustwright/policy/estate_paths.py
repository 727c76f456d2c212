"""Rules about delivery paths: a folder for one consumer, and for nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from trustwright.model.estate import Consumer, Estate
from trustwright.policy.breach import Breach, Location

_ROOT = Path("/")
_TREES = frozenset(
    _ROOT / name
    for name in ("bin", "boot", "dev", "lib", "lib32", "lib64", "proc", "sbin", "sys", "usr")
)
"""Folders of the system, with everything in them (FHS 3.0, and Linux)."""
_FREE = frozenset({_ROOT / "usr" / "local", _ROOT / "dev" / "shm"})
"""Below these a service has its place all the same."""
_FOLDERS = frozenset(
    _ROOT / top / name
    for top, names in {
        "etc": (
            *("cron.d", "default", "init.d", "pam.d", "pki", "pki/tls", "profile.d", "security"),
            *("ssh", "ssl", "ssl/certs", "ssl/private", "sudoers.d"),
            *("systemd", "systemd/system", "systemd/user"),
        ),
        "usr/local": ("bin", "etc", "lib", "libexec", "sbin", "share"),
        "var": (
            *("backups", "cache", "lib", "local", "lock", "log", "mail", "opt", "run", "spool"),
            "tmp",
        ),
    }.items()
    for name in names
)
"""Folders that many share: a folder of its own may stand in them."""
_HOMES = _ROOT / "home"
_TOP = 2
"""Parts of "/" and one name."""


def check_paths(estate: Estate) -> Iterator[Breach]:
    """EST-PATH-TWICE: no two consumers share a delivery path, and none lies in another's."""
    holders: dict[Path, list[str]] = defaultdict(list)
    for _, consumer, path in _paths(estate):
        holders[path].append(consumer.name)
    seen: set[Path] = set()
    for place, _, path in _paths(estate):
        above = next((each for each in path.parents if each in holders), None)
        if path in seen:
            yield Breach(
                place,
                f"{path} is already the path of {holders[path][0]}",
                "give each consumer a folder of its own",
            )
        elif above is not None:
            yield Breach(
                place,
                f"{path} lies inside the path of {holders[above][0]} ({above})",
                "put the folders side by side",
            )
        seen.add(path)


def check_system_paths(estate: Estate) -> Iterator[Breach]:
    """EST-PATH-SYSTEM: a delivery path is no folder of the system, and none that many share."""
    for place, consumer, path in (*_paths(estate), *_paths_on_hosts(estate)):
        if _is_of_the_system(path):
            yield Breach(
                place,
                f"{path} is a system folder",
                f"use a folder of its own, like /etc/{consumer.name}/tls",
            )


def check_identity_paths(estate: Estate) -> Iterator[Breach]:
    """EST-PATH-IDENTITY: no delivery into an identity folder, nor around one (least authority)."""
    folders = {each.vault.identity: name for name, each in estate.environments.items()}
    around = {above: name for folder, name in folders.items() for above in folder.parents}
    for place, consumer, path in _paths(estate):
        within = next((each for each in (path, *path.parents) if each in folders), None)
        owner = folders[within] if within else around.get(path)
        if owner is not None and path.is_absolute():
            relation = "lies in" if within else "holds"
            yield Breach(
                place,
                f"{path} {relation} the identity folder of {owner}",
                f"use a folder of its own, like /etc/{consumer.name}/tls",
            )


def _paths(estate: Estate) -> Iterator[tuple[Location, Consumer, Path]]:
    for index, consumer in enumerate(estate.consumers):
        directory = consumer.deliver.directory
        if directory is not None:
            yield ("consumers", index, "deliver", "directory", "path"), consumer, directory.path


def _paths_on_hosts(estate: Estate) -> Iterator[tuple[Location, Consumer, Path]]:
    for index, consumer in enumerate(estate.consumers):
        secret = consumer.deliver.vault_kv
        if secret is not None and secret.path is not None:
            place = ("consumers", index, "deliver", "vault_kv", "path")
            yield place, consumer, Path(secret.path)


def _is_of_the_system(path: Path) -> bool:
    if not path.is_absolute():
        return False
    if len(path.parts) <= _TOP or path in _FOLDERS or path in _FREE or path.parent == _HOMES:
        return True
    return not _TREES.isdisjoint(path.parents) and _FREE.isdisjoint(path.parents)
