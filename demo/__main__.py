"""Play the whole story: stack, offline root, two bootstraps through the gate, real handshakes."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from demo.estate import write_estate
from demo.handshakes import prove
from demo.operator import OfflineOperator
from demo.programs import Demo, DemoFailure
from demo.story import bootstrap, first_look, host_key, start

FOLDER = Path(__file__).resolve().parent.parent / ".demo"


def main() -> int:
    """Run the demo; return the exit code."""
    options = _options()
    demo = Demo(folder=options.folder.resolve(), began=time.monotonic())
    try:
        _play(demo, manual=options.manual)
    except DemoFailure as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1
    finally:
        _end(demo, keep=options.keep)
    return 0


def _play(demo: Demo, *, manual: bool) -> None:
    demo.prepare_folder()
    start(demo)
    operator = OfflineOperator(demo.folder / "offline", demo)
    root = operator.make_root()
    write_estate(demo, root)
    host_key(demo)
    bootstrap(demo, operator, manual=manual)
    first_look(demo)
    prove(demo)
    demo.say(f"All of it is in {demo.shown(demo.folder)}; the UI: {demo.ui()}")


def _end(demo: Demo, *, keep: bool) -> None:
    if keep:
        demo.say(f"The stack stays up. Stop it with: TRUSTWRIGHT_HOME={demo.home} trustwright down")
        return
    demo.trustwright("down", check=False)
    demo.say(
        "Stopped. `make demo ARGS=--keep` leaves it up; `ARGS=--manual` leaves the gate to you."
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo ARGS=…", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave OpenBao and Prefect running")
    parser.add_argument("--manual", action="store_true", help="you sign and submit, not the demo")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where everything is written")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
