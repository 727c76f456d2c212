"""Secrets have no place in the estate file: it is kept in git and read by many.

What is found is never repeated in the problem.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from trustwright.estatefile.problem import Problem
from trustwright.estatefile.tree import Tree
from trustwright.policy.breach import Location

RULE = "EST-SECRET"
_WORDS = frozenset(
    {
        "password",
        "passwd",
        "passphrase",
        "token",
        "secret",
        "secrets",
        "credential",
        "credentials",
        "apikey",
        "privatekey",
    }
)
_PAIRS = frozenset({("api", "key"), ("private", "key"), ("access", "key")})
_VALUES = (
    (re.compile(r"://[^/\s@]*:[^/\s@]+@"), "a URL with a password"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"), "a private key"),
    (re.compile(r"\b(hvs|hvb|hvr)\.[A-Za-z0-9_-]{20,}"), "a Vault token"),
    (re.compile(r"^s\.[A-Za-z0-9]{24}"), "an OpenBao token"),
)
_HINT = "keep it in the environment or in a file with mode 0600, and replace it: it has been read"


def find_secrets(tree: Tree) -> dict[Location, Problem]:
    """Return a problem for each key or value that looks like a secret, by its place."""
    return {
        place: tree.named_at(place).problem(RULE, what, _HINT)
        for place, what in _look(tree.value, ())
    }


def _look(value: Any, place: Location) -> Iterator[tuple[Location, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if _is_secret_name(key) and place != ("environments",):
                yield (*place, key), f"`{key}` is a secret, which never stands in the estate file"
            else:
                yield from _look(item, (*place, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _look(item, (*place, index))
    elif isinstance(value, str):
        for pattern, what in _VALUES:
            if pattern.search(value):
                yield place, f"{what} never stands in the estate file"
                return


def _is_secret_name(key: str) -> bool:
    words = [each for each in re.split(r"[^a-z0-9]+", key.lower()) if each]
    return bool(_WORDS.intersection(words)) or bool(_PAIRS.intersection(pairwise(words)))
