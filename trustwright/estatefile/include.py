"""One estate out of the file and what it includes.

``include`` is a glob or a list of globs, relative to the file that says it. An included file may
say every top-level key: lists are joined, mappings are joined key by key, anything said twice is a
problem. Nothing outside the estate file's folder is read: the folder is what people review.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trustwright.estatefile.problem import Mark, Problem
from trustwright.estatefile.tree import Tree, read_tree
from trustwright.policy.breach import Location

INCLUDE = "include"
MOST_FILES = 10_000
DEEPEST = 20
"""How many files may stand between the estate file and one that it includes."""
_INSIDE = "name files in the estate file's folder"


@dataclass
class _Reading:
    folder: Path
    whole: Tree
    open: list[Path] = field(default_factory=list)
    done: set[Path] = field(default_factory=set)


def read_whole(file: Path) -> Tree:
    """Return the estate file with everything that it includes."""
    whole = Tree(value={}, marks={(): Mark(file)})
    try:
        reading = _Reading(file.parent.resolve(), whole)
    except (OSError, RuntimeError, ValueError):
        whole.problems.append(Mark(file).problem("EST-FILE", "cannot be read", "name a file"))
        return whole
    _add(reading, file)
    return whole


def _add(reading: _Reading, file: Path) -> None:
    """Read one file and what it includes into the whole."""
    tree = read_tree(file)
    reading.whole.problems += tree.problems
    if not isinstance(tree.value, dict):
        if not tree.problems:
            what = "the file is empty" if tree.value is None else "the file is not a mapping"
            reading.whole.problems.append(
                tree.at(()).problem("EST-TYPE", what, "begin with `organization:` or `consumers:`")
            )
        return
    patterns = tree.value.pop(INCLUDE, None)
    _join(reading.whole, tree)
    reading.open.append(file.resolve())
    for pattern, mark in _patterns(reading, tree, patterns):
        _include(reading, file.parent, pattern, mark)
    reading.done.add(reading.open.pop())


def _patterns(reading: _Reading, tree: Tree, said: Any) -> list[tuple[str, Mark]]:
    if said is None:
        return []
    items = said if isinstance(said, list) else [said]
    found: list[tuple[str, Mark]] = []
    for index, item in enumerate(items):
        mark = tree.at((INCLUDE, index))
        if isinstance(item, str) and item:
            found.append((item, mark))
        else:
            reading.whole.problems.append(
                mark.problem("EST-TYPE", "`include` names files", "include: consumers/*.yaml")
            )
    return found


def _include(reading: _Reading, folder: Path, pattern: str, mark: Mark) -> None:
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        what = f"{pattern} leads out of the estate file's folder"
        reading.whole.problems.append(mark.problem("EST-INCLUDE-OUTSIDE", what, _INSIDE))
        return
    try:
        found = sorted(folder.glob(pattern))
        files = [each for each in found if each.is_file()]
    except (ValueError, NotImplementedError, OSError, RuntimeError) as error:
        what = f"cannot look for {pattern}: {error}"
        reading.whole.problems.append(mark.problem("EST-INCLUDE", what, "use * and ? only"))
        return
    if not files:
        reading.whole.problems.append(_nothing(pattern, found, mark))
    for file in files:
        _include_file(reading, file, mark)


def _nothing(pattern: str, found: list[Path], mark: Mark) -> Problem:
    """Say that a pattern matches nothing, or a folder, a pipe, a device."""
    if not found:
        return mark.problem("EST-INCLUDE", f"no file matches {pattern}", "add one or drop the line")
    what = f"{pattern} is a folder" if found[0].is_dir() else f"{pattern} is no regular file"
    return mark.problem("EST-INCLUDE", what, "name files, like consumers/*.yaml")


def _include_file(reading: _Reading, file: Path, mark: Mark) -> None:
    real = file.resolve()
    if reading.folder not in real.parents:
        what = f"{file} is a link that leads out of the estate file's folder"
        problem = mark.problem("EST-INCLUDE-OUTSIDE", what, _INSIDE)
    elif real in reading.open:
        problem = mark.problem("EST-INCLUDE-CYCLE", f"{file} includes itself", "narrow the pattern")
    elif len(reading.open) > DEEPEST:
        what = f"{file} is included more than {DEEPEST} files deep"
        problem = mark.problem("EST-INCLUDE", what, "include it from the estate file")
    elif len(reading.done) >= MOST_FILES:
        problem = mark.problem("EST-INCLUDE", f"more than {MOST_FILES} files", "join some")
    else:
        if real not in reading.done:
            _add(reading, file)
        return
    reading.whole.problems.append(problem)


def _join(whole: Tree, tree: Tree) -> None:
    """Add one file's keys to the whole; what is already said is a problem."""
    if not whole.keys:
        whole.marks[()] = tree.at(())
    moved: dict[Location, Location] = {}
    for key, value in tree.value.items():
        held = whole.value.get(key)
        if held is None:
            whole.value[key] = value
            moved[key,] = (key,)
        elif isinstance(held, list) and isinstance(value, list):
            moved |= {(key, i): (key, len(held) + i) for i in range(len(value))}
            held.extend(value)
        elif isinstance(held, dict) and isinstance(value, dict):
            moved |= _join_mapping(whole, tree, key)
        elif value is not None:
            _conflict(whole, tree, (key,))
    _move(whole, tree, moved)


def _join_mapping(whole: Tree, tree: Tree, key: str) -> dict[Location, Location]:
    held = whole.value[key]
    moved: dict[Location, Location] = {}
    for name, value in tree.value[key].items():
        if name in held:
            _conflict(whole, tree, (key, name))
        else:
            held[name] = value
            moved[key, name] = (key, name)
    return moved


def _conflict(whole: Tree, tree: Tree, place: Location) -> None:
    what = f"`{'.'.join(map(str, place))}` is already said at {whole.named_at(place).text()}"
    whole.problems.append(
        tree.named_at(place).problem("EST-INCLUDE-CONFLICT", what, "say it in one file")
    )


def _move(whole: Tree, tree: Tree, moved: dict[Location, Location]) -> None:
    """Carry what is known of the places that were joined to their place in the whole."""
    for source, target in ((tree.marks, whole.marks), (tree.keys, whole.keys)):
        for place, mark in source.items():
            found = _moved(place, moved)
            if found is not None:
                target[found] = mark
    whole.refused |= {found for place in tree.refused if (found := _moved(place, moved))}


def _moved(place: Location, moved: dict[Location, Location]) -> Location | None:
    for length in (1, 2):
        if place[:length] in moved and len(place) >= length:
            return moved[place[:length]] + place[length:]
    return None
