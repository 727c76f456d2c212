"""The two ways in: all problems of an estate file, or the estate."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from trustwright.errors import ConfigurationError
from trustwright.estatefile.identityfiles import check_identity_keys
from trustwright.estatefile.include import read_whole
from trustwright.estatefile.leaks import find_secrets
from trustwright.estatefile.problem import Problem
from trustwright.estatefile.rootfile import check_files
from trustwright.estatefile.shape import Shaped, shape
from trustwright.estatefile.tree import Tree
from trustwright.model.estate import Estate
from trustwright.policy.breach import Location
from trustwright.policy.estate import judge


def check_estate(path: Path) -> tuple[Problem, ...]:
    """Return every problem of an estate file and what it includes, by file and position.

    Reads files, asks no server and needs no secret. Rules across values are judged on what is left
    when single values are broken, so one run shows as much as can be said.
    """
    return _examine(path)[1]


def load_estate(path: Path) -> Estate:
    """Return the estate.

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


def _examine(path: Path) -> tuple[Estate | None, tuple[Problem, ...]]:
    """Return the problems, and what is left of the estate; it is whole when there are none."""
    tree = read_whole(path)
    problems = list(tree.problems)
    if problems and not tree.value:
        return None, tuple(problems)
    secrets = find_secrets(tree)
    shaped = shape(tree)
    problems += secrets.values()
    problems += [each for place, each in shaped.problems if not _covered(place, secrets)]
    problems += _broken_rules(tree, shaped)
    order = {file: index for index, file in enumerate(_files(tree, path))}
    problems.sort(key=lambda each: (order.get(each.file, len(order)), each.line, each.column))
    return shaped.estate, tuple(dict.fromkeys(problems))


def _covered(place: Location, secrets: dict[Location, Problem]) -> bool:
    """Say whether a secret was found at or above this place: one problem is enough there."""
    return any(place[:length] in secrets for length in range(len(place) + 1))


def _broken_rules(tree: Tree, shaped: Shaped) -> Iterator[Problem]:
    if shaped.estate is None:
        return
    estate = shaped.estate
    for rule, breach in chain(judge(estate), check_files(estate), check_identity_keys(estate)):
        place = breach.place
        if place[0] == "consumers" and isinstance(place[1], int):
            place = ("consumers", shaped.kept[place[1]], *place[2:])
        yield tree.shown_at(place).problem(rule, breach.what, breach.hint)


def _files(tree: Tree, path: Path) -> Iterator[Path]:
    yield path
    yield from dict.fromkeys(mark.file for mark in tree.marks.values())
