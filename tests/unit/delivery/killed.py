"""Runs as a program: delivers again and again, dying before each call to the operating system.

For each scenario a child is killed at its first, second, third … call until one lives to the end.
After each death the folder is judged as a consumer sees it, the delivery is finished as the next
run would, and one more delivery must mend what is left. Prints one JSON array of `Death`.

The reload command copies the certificate in place beside the path: that is what software serves.
"""

from __future__ import annotations

import ctypes
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.fakes.clock import HeldClock
from tests.unit.delivery.material import put
from trustwright.delivery import hooks
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
SET_CHILD_SUBREAPER = 36
FILES = ("key.pem", "cert.pem", "fullchain.pem", "trust.pem", "crl.pem")


@dataclass(frozen=True)
class Death:
    """What was found after one death.

    Attributes:
        call: the call that was not made; empty when the child lived.
        seen: ``none``, ``old``, ``new`` or ``mixed``: what stands behind the stable links.
        exposed: files with a private key that others may read.
        deceived: a set counted as in service although software was not told of it.
        told: whether software serves what is in place once the delivery was finished.
        mended: whether the next delivery worked and left nothing behind.
    """

    scenario: str
    step: int
    call: str
    seen: str
    exposed: list[str]
    deceived: bool
    told: bool
    mended: bool


@dataclass(frozen=True)
class Scenario:
    """What the child does that is to die.

    Attributes:
        before: how many versions there are before.
        check: the command that judges the new version.
        cut: a delivery has died between swap and reload before: the child finishes it.
    """

    name: str
    before: int
    check: str = "true"
    cut: bool = False


SCENARIOS = (
    Scenario("first", 0),
    Scenario("second", 1),
    Scenario("pruning", 3),
    Scenario("undo", 2, "false"),
    Scenario("undo-first", 0, "false"),
    Scenario("finish", 2, cut=True),
    Scenario("finish-undo", 2, "false", cut=True),
    Scenario("finish-first-undo", 0, "false", cut=True),
)


def target(path: Path, check: str | None = None) -> DirectoryTarget:
    """Return a target that keeps one older version; the key is readable by its group."""
    directory = Directory(
        path=path,
        reload=("cp", str(path / "cert.pem"), str(served(path))),
        check=(check,) if check else None,
        keep=1,
        mode="0640",
        user=str(os.geteuid()),
        group=str(os.getegid()),
    )
    return DirectoryTarget(directory, "billing", HeldClock())


def served(path: Path) -> Path:
    """Return the file that stands for what software has read."""
    return path.with_name(f"{path.name}.served")


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


def in_child(act: Callable[[int], object]) -> str:
    """Do something in a child; return what it wrote before it died, when its hooks are over too."""
    reading, note = os.pipe()
    if os.fork() == 0:
        with suppress(TrustwrightError):
            act(note)
        os._exit(0)
    os.close(note)
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    with os.fdopen(reading, "rb") as stream:
        return stream.read().decode()


def cut_before_reload(path: Path, delivery: DeliverySet) -> None:
    """Deliver, and die between swap and reload."""

    def die(_hook: hooks.Hook) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def act(_note: int) -> None:
        setattr(hooks.Hook, "run", die)  # noqa: B010 - mypy: a method
        put(target(path), delivery)

    in_child(act)


def act_and_die(path: Path, scenario: Scenario, delivery: DeliverySet, step: int) -> str:
    """Deliver or finish in a child that dies at `step`; return that call, or nothing."""
    dying = target(path, scenario.check)

    def act(note: int) -> None:
        dying_at(step, note)
        if scenario.cut:
            finish(dying)
        else:
            put(dying, delivery)

    return in_child(act)


def finish(at: DirectoryTarget) -> None:
    """Finish what was cut, as the next run does."""
    found = at.observed()
    if found is not None and not found.in_service:
        at.finish(expected=found)


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


def is_served(path: Path) -> bool:
    """Return whether software has read what is in place; nothing in place is nothing to read."""
    place = path / "cert.pem"
    if not place.exists():
        return True
    return served(path).exists() and served(path).read_bytes() == place.read_bytes()


def deceived(path: Path) -> bool:
    """Return whether a set counts as in service that software has not read."""
    found = target(path).observed()
    return found is not None and found.in_service and not is_served(path)


def told(path: Path) -> bool:
    """Finish what was cut; return whether software serves what is in place then."""
    finish(target(path))
    found = target(path).observed()
    return is_served(path) and (found is None or found.in_service)


def mended(path: Path, delivery: DeliverySet) -> bool:
    """Deliver once more and say whether everything is as it should be."""
    good = target(path)
    try:
        delivered = put(good, delivery)
    except TrustwrightError as error:
        sys.stderr.write(f"{error}\n")
        return False
    versions = list((path / "versions").iterdir())
    left = [each.name for each in path.iterdir()] + [each.name for each in versions]
    return (
        good.observed() == delivered
        and is_served(path)
        and not any(name.startswith(".") for name in left)
        and len([each for each in versions if each.is_dir()]) <= 2
    )


def prepared(path: Path, scenario: Scenario, sets: list[DeliverySet]) -> None:
    """Make what a scenario begins with."""
    for delivery in sets[: scenario.before]:
        put(target(path), delivery)
    if scenario.cut:
        cut_before_reload(path, sets[3])


def copied(base: Path, path: Path) -> None:
    """Copy a delivery path and what software has read of it."""
    if base.exists():
        shutil.copytree(base, path, symlinks=True)
    if served(base).exists():
        shutil.copy(served(base), served(path))


def deaths(folder: Path, scenario: Scenario, sets: list[DeliverySet]) -> list[Death]:
    """Return what was found after each death of one scenario."""
    found: list[Death] = []
    base = folder / scenario.name
    prepared(base, scenario, sets)
    old = sets[scenario.before - 1] if scenario.before else None
    while not found or found[-1].call:
        step = len(found) + 1
        path = folder / f"{scenario.name}-{step}"
        copied(base, path)
        call = act_and_die(path, scenario, sets[3], step)
        state, open_keys, lie = seen(path, old, sets[3]), exposed(path), deceived(path)
        found.append(
            Death(
                scenario.name,
                step,
                call,
                state,
                open_keys,
                deceived=lie,
                told=told(path),
                mended=mended(path, sets[4]),
            )
        )
        shutil.rmtree(path)
    return found


def main(folder: Path) -> None:
    """Run every scenario with the sets that were pickled into `folder`."""
    os.umask(0)  # the modes must not lean on it
    # A dead child's hooks become ours: they can be waited for.
    ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    sets: list[DeliverySet] = pickle.loads((folder / "sets").read_bytes())  # noqa: S301 - our own
    found = [each for scenario in SCENARIOS for each in deaths(folder, scenario, sets)]
    sys.stdout.write(json.dumps([asdict(each) for each in found]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
