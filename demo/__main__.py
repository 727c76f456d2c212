"""Play the whole story: stack, offline root, two bootstraps through the gate, real handshakes."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from demo.estate import write_estate
from demo.handshakes import prove
from demo.operator import OfflineOperator
from demo.programs import Demo, DemoFailure
from demo.story import OPENBAO_PORT, PREFECT_PORT, bootstrap, first_look, host_key, start

FOLDER = Path(__file__).resolve().parent.parent / ".demo"


def main(words: Sequence[str] | None = None) -> int:
    """Run the demo with these words of the command line; return the exit code."""
    options = parser().parse_args(words)
    demo = Demo(folder=options.folder.resolve(), began=time.monotonic())
    try:
        demo.prepare_folder()
    except DemoFailure as failure:  # what runs there, if anything does, is somebody else's
        return _failed(failure)
    try:
        _play(demo, options)
    except DemoFailure as failure:
        return _failed(failure)
    finally:
        _end(demo, keep=options.keep)
    return 0


def _failed(failure: DemoFailure) -> int:
    print(f"demo: {failure}", file=sys.stderr)
    return 1


def _play(demo: Demo, options: argparse.Namespace) -> None:
    start(demo, options.openbao_port, options.prefect_port)
    operator = OfflineOperator(demo.folder / "offline", demo)
    root = operator.make_root()
    write_estate(demo, root)
    host_key(demo)
    bootstrap(demo, operator, manual=options.manual)
    first_look(demo)
    prove(demo)
    demo.say(f"All of it is in {demo.shown(demo.folder)}; the UI: {demo.ui()}")
    demo.say(f"The UI asks for the text in {demo.shown(demo.password)}")


def _end(demo: Demo, *, keep: bool) -> None:
    if not keep:
        demo.trustwright("down", check=False)
    if demo.runs():
        demo.say(f"The stack is up. Stop it with: TRUSTWRIGHT_HOME={demo.home} trustwright down")
    elif keep:
        demo.say("Nothing is running.")
    else:
        demo.say(
            "Stopped. `make demo ARGS=--keep` leaves it up; `ARGS=--manual` leaves the gate to you."
        )


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    found = argparse.ArgumentParser(prog="make demo ARGS=…", description=__doc__)
    found.add_argument("--keep", action="store_true", help="leave OpenBao and Prefect running")
    found.add_argument("--manual", action="store_true", help="you sign and submit, not the demo")
    found.add_argument("--folder", type=Path, default=FOLDER, help="where everything is written")
    ports = (("openbao", OPENBAO_PORT), ("prefect", PREFECT_PORT))
    for name, port in ports:
        found.add_argument(f"--{name}-port", type=int, default=port, help=f"instead of {port}")
    return found


if __name__ == "__main__":
    sys.exit(main())
