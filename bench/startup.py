"""CPU time that ``--help`` of both programs costs, beside the bare interpreter."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

from bench.figures import spread

TARGET = 0.25
RUNS = 9
BIN = Path(sys.executable).parent


def cpu_seconds(command: list[str]) -> float:
    """Return user and system time of one run of a command, with its children."""
    before = children_seconds()
    subprocess.run(command, check=True, capture_output=True)
    return children_seconds() - before


def children_seconds() -> float:
    """Return user and system time of all ended children (`os.times` counts in ticks of 10 ms)."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def report() -> None:
    """Print median and spread for both programs; the target is 0.25 s."""
    print(f"start-up, CPU seconds, median of {RUNS} (lowest-highest); target {TARGET} s")
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "trustwright --help": [str(BIN / "trustwright"), "--help"],
        "trustwright-root --help": [str(BIN / "trustwright-root"), "--help"],
    }
    for name, command in commands.items():
        cpu_seconds(command)
        found = [cpu_seconds(command) for _ in range(RUNS)]
        print(f"  {name:26} {spread(found, 3)}")
