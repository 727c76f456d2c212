"""The two ways in: all problems of an estate file, or the estate."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from datetime import datetime
from itertools import chain
from pathlib import Path

from trustwright.clock import Clock, SystemClock
from trustwright.errors import ConfigurationError
from trustwright.estatefile.homes import check_homes
from trustwright.estatefile.identityfiles import check_identity_keys
from trustwright.estatefile.include import read_whole
from trustwright.estatefile.leaks import find_secrets
from trustwright.estatefile.problem import Problem
from trustwright.estatefile.rootfile import check_files
from trustwright.estatefile.shape import Shaped, shape
from trustwright.estatefile.tree import Tree
from trustwright.model.estate import Estate
from trustwright.policy.breach import Breach, Location
from trustwright.policy.estate import judge


def check_estate(path: Path, clock: Clock | None = None) -> tuple[Problem, ...]:
    """Return every problem of an estate file and what it includes, by file and position.

    Reads files, asks no server and needs no secret. Rules across values are judged on what is left
    when single values are broken, so one run shows as much as can be said.
    """
    return _examine(path, (clock or SystemClock()).now())[1]


def load_estate(path: Path) -> Estate:
    """Return the estate.

    What only the date made wrong is for `check_estate` to say: a root that expired signs nothing
    more, but leaves are to be renewed and revoked as before.

    Raises:
        ConfigurationError: the first problem, with its place and rule.
    """
    estate, problems = _examine(path)
    if problems or estate is None:
        first, more = problems[0], len(problems) - 1
        also = f" (and {more} more: `trustwright check {path}`)" if more else ""
        raise ConfigurationError(
            f"{first.what}{also}",
            rule=first.rule,
            hint=first.hint,
            where=f"{first.file}:{first.line}:{first.column}",
        )
    return estate


def _examine(path: Path, now: datetime | None = None) -> tuple[Estate | None, tuple[Problem, ...]]:
    """Return the problems, and what is left of the estate; it is whole when there are none."""
    tree = read_whole(path)
    problems = list(tree.problems)
    if problems and not tree.value:
        return None, tuple(problems)
    secrets = find_secrets(tree)
    said = tree.refused.union(secrets)
    shaped = shape(tree)
    problems += secrets.values()
    problems += [each for place, each in shaped.problems if not _covered(place, said)]
    said |= {place for place, _ in shaped.problems}
    problems += [
        tree.shown_at(place).problem(rule, breach.what, breach.hint)
        for place, rule, breach in _broken_rules(shaped, path, now)
        if not _covered(place, said)
    ]
    return shaped.estate, _in_order(problems, tree, path)


def _covered(place: Location, said: AbstractSet[Location]) -> bool:
    """Say whether something was said at or above this place: one problem is enough there."""
    return any(place[:length] in said for length in range(len(place) + 1))


def _broken_rules(
    shaped: Shaped, path: Path, now: datetime | None
) -> Iterator[tuple[Location, str, Breach]]:
    """Yield place, rule and breach of what is wrong across values and in named files."""
    if shaped.estate is None:
        return
    estate = shaped.estate
    for rule, breach in chain(
        judge(estate),
        check_files(estate, now),
        check_identity_keys(estate),
        check_homes(estate, path),
    ):
        place = breach.place
        if place[0] == "consumers" and isinstance(place[1], int):
            place = ("consumers", shaped.kept[place[1]], *place[2:])
        yield place, rule, breach


def _in_order(problems: list[Problem], tree: Tree, path: Path) -> tuple[Problem, ...]:
    """Return the problems by position, the estate file's first, each once."""
    files = dict.fromkeys([path, *(mark.file for mark in tree.marks.values())])
    order = {file: index for index, file in enumerate(files)}
    problems.sort(key=lambda each: (order.get(each.file, len(order)), each.line, each.column))
    return tuple(dict.fromkeys(problems))
