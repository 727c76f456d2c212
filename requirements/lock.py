"""Writes the hashed lock files from `pyproject.toml` and the `.in` files, and checks them.

`python requirements/lock.py` resolves again and keeps every pin that still fits (`--upgrade` moves
them); `python requirements/lock.py --check` needs no network. One resolution, `dev`, holds
everything; the smaller locks are cut from it, so a package has one version wherever it stands.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
HEADER = "# Written by `make lock`; never edited by hand.\n# inputs: sha256:{digest}\n"
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?==(?P<version>[^\s;\\]+)")
RESOLVE = (
    *("uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
    *("--generate-hashes", "--no-header", "--no-emit-index-url"),
)


@dataclass(frozen=True)
class Lock:
    """One lock file: what is resolved, and whose pins it must share."""

    name: str
    source: str = "pyproject.toml"
    extra: str | None = None
    constraint: str | None = None

    @property
    def path(self) -> Path:
        """Where the lock stands."""
        return ROOT / "requirements" / f"{self.name}.txt"


# In the order of resolving: `dev` takes the bootstrap's uv, the others take dev's pins.
LOCKS = (
    Lock("bootstrap", source="requirements/bootstrap.in"),
    Lock("dev", extra="dev", constraint="bootstrap"),
    Lock("base", constraint="dev"),
    Lock("online", extra="online", constraint="dev"),
    Lock("embedded", extra="embedded", constraint="dev"),
    Lock("build", source="requirements/build.in", constraint="dev"),
)


def _project() -> tuple[str, list[str], Mapping[str, list[str]]]:
    """Return requires-python, the base dependencies and the extras of `pyproject.toml`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["requires-python"], project["dependencies"], project["optional-dependencies"]


def direct(lock: Lock) -> list[str]:
    """Return the requirements that `lock` answers, with the extras of our own written out."""
    if lock.source != "pyproject.toml":
        lines = (ROOT / lock.source).read_text(encoding="utf-8").splitlines()
        return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    _, found, extras = _project()
    found = list(found)
    waiting = [lock.extra] if lock.extra else []
    while waiting:
        for text in extras[waiting.pop()]:
            requirement = Requirement(text)
            if requirement.name == "trustwright":
                waiting += requirement.extras
            else:
                found.append(text)
    return found


def inputs(lock: Lock) -> str:
    """Return the digest of everything that decides what `lock` should hold."""
    requires_python, _, _ = _project()
    facts = [requires_python, sorted(direct(lock)), lock.constraint]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def pins(lock: Lock) -> dict[str, set[str]]:
    """Return name → versions; more than one where the resolution differs by platform."""
    found: dict[str, set[str]] = {}
    for line in lock.path.read_text(encoding="utf-8").splitlines():
        if match := PIN.match(line):
            found.setdefault(canonicalize_name(match["name"]), set()).add(match["version"])
    return found


def write(lock: Lock, *, upgrade: bool) -> None:
    """Resolve `lock` and write it under its header."""
    command = [sys.executable, "-m", *RESOLVE, lock.source]
    command += ["--output-file", str(lock.path.relative_to(ROOT))]
    if lock.extra:
        command += ["--extra", lock.extra]
    if lock.constraint:
        command += ["--constraint", f"requirements/{lock.constraint}.txt"]
    if upgrade:
        command += ["--upgrade"]
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 - every word is from this file
    body = lock.path.read_text(encoding="utf-8")
    lock.path.write_text(HEADER.format(digest=inputs(lock)) + body, encoding="utf-8")


def problems(lock: Lock) -> Iterator[str]:
    """Yield one sentence for each way in which `lock` is stale, open or telling."""
    if not lock.path.exists():
        yield f"{lock.path.name}: missing; run `make lock`"
        return
    text = lock.path.read_text(encoding="utf-8")
    if f"# inputs: sha256:{inputs(lock)}\n" not in text:
        yield f"{lock.path.name}: older than its inputs; run `make lock`"
    if "://" in text or re.search(r"^\s*-", text.replace("    --hash=", ""), re.MULTILINE):
        yield f"{lock.path.name}: names an index, an option or an address; only pins belong there"
    held = pins(lock)
    entries = re.sub(r"\s*\\\n\s*", " ", text).splitlines()
    for entry in entries:
        if PIN.match(entry) and "--hash=sha256:" not in entry:
            yield f"{lock.path.name}: no hash for {entry.split()[0]}"
    for text_of in direct(lock):
        requirement = Requirement(text_of)
        versions = held.get(canonicalize_name(requirement.name), set())
        if not versions or not all(map(requirement.specifier.contains, versions)):
            yield f"{lock.path.name}: {text_of} is answered by {sorted(versions) or 'nothing'}"
    whole = pins(LOCKS[1])
    for name, versions in held.items():
        if lock.name != "bootstrap" and not versions <= whole.get(name, set()):
            yield f"{lock.path.name}: {name} {sorted(versions)} differs from dev.txt"


def main() -> int:
    """Lock, or check the locks."""
    parser = argparse.ArgumentParser(description="Write or check the hashed lock files.")
    parser.add_argument("--check", action="store_true", help="check only; needs no network")
    parser.add_argument("--upgrade", action="store_true", help="take the newest that fits")
    options = parser.parse_args()
    if not options.check:
        for lock in LOCKS:
            write(lock, upgrade=options.upgrade)
    found = [problem for lock in LOCKS for problem in problems(lock)]
    sys.stderr.writelines(f"{problem}\n" for problem in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
