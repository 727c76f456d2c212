"""Run the benchmarks: all, or those named on the command line; ``--full`` takes the large sizes."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType

from bench import bootstrap, signing, startup, sweep

BENCHMARKS: dict[str, Callable[[], None]] = {
    "startup": startup.report,
    "bootstrap": bootstrap.report,
    "signing": signing.report,
    "sweep": sweep.report,
}
LARGE: dict[str, Callable[[], None]] = {"sweep": partial(sweep.report, sweep.FULL)}
FULL = "--full"


def leave(number: int, _frame: FrameType | None) -> None:
    """End like an error does: every server that was started is ended on the way out."""
    sys.exit(128 + number)


def main(names: list[str]) -> int:
    """Run what was asked for; return the exit code."""
    signal.signal(signal.SIGTERM, leave)
    known = BENCHMARKS | LARGE if FULL in names else BENCHMARKS
    names = [name for name in names if name != FULL]
    unknown = sorted(set(names) - known.keys())
    if unknown:
        print(f"no benchmark {unknown[0]!r}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    for name in names or list(known):
        known[name]()
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
