"""Run the benchmarks: all, or those named on the command line."""

from __future__ import annotations

import signal
import sys
from types import FrameType

from bench import bootstrap, signing, startup

BENCHMARKS = {"startup": startup.report, "bootstrap": bootstrap.report, "signing": signing.report}


def leave(number: int, _frame: FrameType | None) -> None:
    """End like an error does: every server that was started is ended on the way out."""
    sys.exit(128 + number)


def main(names: list[str]) -> int:
    """Run what was asked for; return the exit code."""
    signal.signal(signal.SIGTERM, leave)
    unknown = sorted(set(names) - BENCHMARKS.keys())
    if unknown:
        print(f"no benchmark {unknown[0]!r}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    for name in names or list(BENCHMARKS):
        BENCHMARKS[name]()
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
