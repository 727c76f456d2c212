"""Runs as a program: delivers again and again, dying before each call to the operating system.

For each scenario a child is killed at its first, second, third … call until one lives to the end.
After each death the folder is judged as a consumer sees it, and one more delivery must mend it.
Prints one JSON array of `Death`.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.fakes.clock import HeldClock
from trustwright.delivery.directory import DirectoryTarget
from trustwright.errors import TrustwrightError
from trustwright.model.estate import Directory
from trustwright.ports import DeliverySet

BOUNDARIES = (
    "mkdir",
    "open",
    "write",
    "fchown",
    "fchmod",
    "chmod",
    "fsync",
    "close",
    "rename",
    "symlink",
    "unlink",
    "rmdir",
    "listdir",
    "readlink",
)
FILES = ("key.pem", "cert.pem", "fullchain.pem", "trust.pem", "crl.pem")


@dataclass(frozen=True)
class Death:
    """What was found after one death.

    Attributes:
        call: the call that was not made; empty when the child lived.
        seen: ``none``, ``old``, ``new`` or ``mixed``: what stands behind the stable links.
        exposed: files with a private key that others may read.
        mended: whether the next delivery worked and left nothing behind.
    """

    scenario: str
    step: int
    call: str
    seen: str
    exposed: list[str]
    mended: bool


@dataclass(frozen=True)
class Scenario:
    """How many versions there are before, and whether the reload fails."""

    name: str
    before: int
    reload: tuple[str, ...] | None = ("true",)


SCENARIOS = (
    Scenario("first", 0),
    Scenario("second", 1),
    Scenario("pruning", 3),
    Scenario("undo", 2, ("false",)),
    Scenario("undo-first", 0, ("false",)),
)


def target(path: Path, reload: tuple[str, ...] | None) -> DirectoryTarget:
    """Return a target that keeps one older version; the key is readable by its group."""
    directory = Directory(
        path=path,
        reload=reload,
        keep=1,
        mode="0640",
        user=str(os.geteuid()),
        group=str(os.getegid()),
    )
    return DirectoryTarget(directory, "billing", HeldClock())


def dying_at(step: int, note: int) -> None:
    """Replace the calls of `os` by ones that count, and die before call number `step`."""
    count = 0

    def wrapped(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count == step:
                real_write(note, name.encode())
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return call

    real_write = os.write
    for name in BOUNDARIES:
        setattr(os, name, wrapped(name, getattr(os, name)))
    run = subprocess.Popen.__init__
    setattr(subprocess.Popen, "__init__", wrapped("Popen", run))  # noqa: B010 - mypy: a method


def deliver_and_die(path: Path, scenario: Scenario, delivery: DeliverySet, step: int) -> str:
    """Deliver in a child that dies at `step`; return the name of that call, or nothing."""
    reading, note = os.pipe()
    child = os.fork()
    if child == 0:
        dying_at(step, note)
        with suppress(TrustwrightError):
            target(path, scenario.reload).deliver(delivery)
        os._exit(0)
    os.close(note)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as stream:
        return stream.read().decode()


def seen(path: Path, old: DeliverySet | None, new: DeliverySet) -> str:
    """Return which set a consumer reads through the stable links."""
    found = [(path / name).read_bytes() if (path / name).exists() else None for name in FILES]
    if found == [None] * len(FILES):
        return "none"
    for name, each in (("old", old), ("new", new)):
        if each and found == [each.key, *(text.encode() for text in _texts(each))]:
            return name
    return "mixed"


def _texts(delivery: DeliverySet) -> tuple[str, str, str, str]:
    return delivery.certificate, delivery.chain, delivery.trust, delivery.crl


def exposed(path: Path) -> list[str]:
    """Return the files that others may read and that hold a private key, or a part of one."""
    return [
        str(each.relative_to(path))
        for each in path.rglob("*")
        if each.is_file() and not each.is_symlink() and each.stat().st_mode & 0o007
        if each.name == "key.pem" or b"PRIVATE" in each.read_bytes()
    ]


def mended(path: Path, delivery: DeliverySet) -> bool:
    """Deliver once more and say whether everything is as it should be."""
    good = target(path, None)
    try:
        delivered = good.deliver(delivery)
    except TrustwrightError as error:
        sys.stderr.write(f"{error}\n")
        return False
    left = [each.name for each in path.iterdir()] + [e.name for e in (path / "versions").iterdir()]
    return (
        good.observed() == delivered
        and not any(name.startswith(".") for name in left)
        and len(list((path / "versions").iterdir())) <= 2
    )


def deaths(folder: Path, scenario: Scenario, sets: list[DeliverySet]) -> list[Death]:
    """Return what was found after each death of one scenario."""
    found: list[Death] = []
    step = 0
    while not found or found[-1].call:
        step += 1
        path = folder / f"{scenario.name}-{step}"
        for delivery in sets[: scenario.before]:
            target(path, None).deliver(delivery)
        old = sets[scenario.before - 1] if scenario.before else None
        call = deliver_and_die(path, scenario, sets[3], step)
        state, open_keys = seen(path, old, sets[3]), exposed(path)
        found.append(Death(scenario.name, step, call, state, open_keys, mended(path, sets[4])))
    return found


def main(folder: Path) -> None:
    """Run every scenario with the sets that were pickled into `folder`."""
    os.umask(0)  # the modes must not lean on it
    sets: list[DeliverySet] = pickle.loads((folder / "sets").read_bytes())  # noqa: S301 - our own
    found = [each for scenario in SCENARIOS for each in deaths(folder, scenario, sets)]
    sys.stdout.write(json.dumps([asdict(each) for each in found]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
