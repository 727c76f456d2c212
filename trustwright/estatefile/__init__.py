"""Reads the estate file: every problem with its file, line, rule and remedy.

`load_estate` is for commands and flows, `check_estate` for ``trustwright check``.
"""

from trustwright.estatefile.check import check_estate, load_estate
from trustwright.estatefile.problem import Problem

__all__ = ["Problem", "check_estate", "load_estate"]
