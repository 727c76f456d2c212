"""One estate out of several files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.estate.material import change, write_example
from trustwright.estatefile import check_estate, load_estate

INCLUDE = "include: consumers/*.yaml"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the example's estate file, with a root of its own."""
    return write_example(tmp_path / "estate")


def found(file: Path) -> list[tuple[str, int, int, str, str]]:
    """Return file name, line, column, rule and sentence of every problem."""
    return [
        (
            each.file.name,
            each.line,
            each.column,
            each.rule,
            each.what.replace(str(file.parent), "."),
        )
        for each in check_estate(file)
    ]


def test_a_list_of_patterns(file: Path) -> None:
    """In this order; a file that two patterns match is read once."""
    change(file, INCLUDE, "include: [consumers/platform.yaml, consumers/*.yaml]")

    assert [each.name for each in load_estate(file).consumers] == [
        "gateway",
        "collector",
        "alice",
        "mailer",
        "billing",
        "billing",
    ]


def test_environments_may_be_split(file: Path) -> None:
    """Mappings are joined key by key, and a file may include others."""
    text = file.read_text()
    test, prod = text.index("  test:\n"), text.index("  prod:\n")
    end = text.index(INCLUDE)
    file.write_text(
        text[:prod] + "include: [more.yaml, consumers/*.yaml]" + text[end + len(INCLUDE) :]
    )
    inner = text[prod:end].replace("*intermediate", "{ validity: 365d }")
    (file.parent / "more.yaml").write_text("include: deep/*.yaml\n")
    (file.parent / "deep").mkdir()
    (file.parent / "deep" / "prod.yaml").write_text(f"environments:\n{inner}")
    estate = load_estate(file)

    assert test < prod
    assert list(estate.environments) == ["test", "prod"]
    assert estate.environments["prod"].intermediate.validity == 365 * 86_400


def test_a_problem_in_an_included_environment_has_its_place(file: Path) -> None:
    """Positions survive the joining."""
    (file.parent / "consumers" / "stage.yaml").write_text(
        "environments:\n  stage:\n    domain: stage.example.internal\n"
    )

    assert found(file) == [
        ("stage.yaml", 2, 3, "EST-MISSING", f"`environments.stage.{key}` is missing")
        for key in ("policy", "vault", "roles")
    ]


def test_what_is_said_twice_is_a_conflict(file: Path) -> None:
    """A scalar, an environment, a part of notify: each is said in one file."""
    (file.parent / "consumers" / "zzz.yaml").write_text(
        "organization: Other\nenvironments:\n  prod: {}\nnotify:\n  routes: []\nconsumers: {}\n"
    )

    assert found(file) == [
        (
            "zzz.yaml",
            1,
            1,
            "EST-INCLUDE-CONFLICT",
            "`organization` is already said at ./estate.yaml:5:1",
        ),
        (
            "zzz.yaml",
            3,
            3,
            "EST-INCLUDE-CONFLICT",
            "`environments.prod` is already said at ./estate.yaml:32:3",
        ),
        (
            "zzz.yaml",
            5,
            3,
            "EST-INCLUDE-CONFLICT",
            "`notify.routes` is already said at ./estate.yaml:52:3",
        ),
        (
            "zzz.yaml",
            6,
            1,
            "EST-INCLUDE-CONFLICT",
            "`consumers` is already said at ./consumers/payments.yaml:1:1",
        ),
    ]


def test_no_match_is_a_problem(file: Path) -> None:
    """A typing mistake would leave consumers without certificates."""
    change(file, INCLUDE, "include: consumer/*.yaml")

    assert found(file) == [
        ("estate.yaml", 48, 10, "EST-INCLUDE", "no file matches consumer/*.yaml")
    ]


def test_what_is_no_file_is_said_so(file: Path) -> None:
    """A folder, a pipe, a device behind a link: named, and nothing hangs."""
    (file.parent / "zero").symlink_to("/dev/zero")
    os.mkfifo(file.parent / "pipe")
    (file.parent / "gone").symlink_to("nowhere")
    (file.parent / "round").symlink_to("round")
    change(file, INCLUDE, "include: [consumers/*.yaml, consumers, pipe, zero, gone, round]")

    assert [(each[2], each[4]) for each in found(file)] == [
        (29, "consumers is a folder"),
        (40, "pipe is no regular file"),
        (46, "zero is no regular file"),
        (52, "no file matches gone"),
        (58, "no file matches round"),
    ]


def test_a_wide_pattern_passes_over_folders(file: Path) -> None:
    """What it matches beside files is not meant."""
    change(file, INCLUDE, "include: c*/*")
    (file.parent / "consumers" / "folder").mkdir()

    assert check_estate(file) == ()


def test_a_long_chain_of_files_is_refused(file: Path) -> None:
    """Hundreds of files, each included by the one before, are no traceback."""
    change(file, INCLUDE, "include: [consumers/*.yaml, chain/0.yaml]")
    (file.parent / "chain").mkdir()
    for index in range(500):
        part = file.parent / "chain" / f"{index}.yaml"
        part.write_text(f"include: {index + 1}.yaml\n")

    assert found(file) == [
        (
            "19.yaml",
            1,
            10,
            "EST-INCLUDE",
            "./chain/20.yaml is included more than 20 files deep",
        )
    ]


@pytest.mark.parametrize("said", ["", " null", " []"])
def test_nothing_to_include_yet(file: Path, said: str) -> None:
    """The key may stand there already."""
    change(file, INCLUDE, f"include:{said}")

    assert load_estate(file).consumers == ()


@pytest.mark.parametrize("pattern", ["*.yaml", "estate.yaml"])
def test_a_file_that_includes_itself(file: Path, pattern: str) -> None:
    """Also by a pattern that is too wide."""
    change(file, INCLUDE, f"include: [consumers/*.yaml, '{pattern}']")

    assert found(file) == [
        ("estate.yaml", 48, 29, "EST-INCLUDE-CYCLE", "./estate.yaml includes itself")
    ]


def test_a_cycle_through_another_file(file: Path) -> None:
    """It is said where the circle closes."""
    change(file, INCLUDE, "include: [consumers/*.yaml, a.yaml]")
    (file.parent / "a.yaml").write_text("include: b.yaml\n")
    (file.parent / "b.yaml").write_text("include: [a.yaml]\n")

    assert found(file) == [("b.yaml", 1, 11, "EST-INCLUDE-CYCLE", "./a.yaml includes itself")]


@pytest.mark.parametrize("pattern", ["/etc/*.yaml", "../*.yaml", "consumers/../../x.yaml"])
def test_nothing_outside_the_folder_is_read(file: Path, pattern: str) -> None:
    """The folder is what people review."""
    (file.parent.parent / "x.yaml").write_text("organization: Other\n")
    change(file, INCLUDE, f"include: ['{pattern}', consumers/*.yaml]")

    assert found(file) == [
        (
            "estate.yaml",
            48,
            11,
            "EST-INCLUDE-OUTSIDE",
            f"{pattern} leads out of the estate file's folder",
        ),
    ]


def test_a_link_that_leads_out_is_not_followed(file: Path) -> None:
    """Inside the folder links are good: a mounted volume is full of them."""
    (file.parent.parent / "outside.yaml").write_text("consumers: []\n")
    (file.parent / "consumers" / "z.yaml").symlink_to(file.parent.parent / "outside.yaml")
    (file.parent / "consumers" / "payments.yaml").rename(file.parent / "real")
    (file.parent / "consumers" / "payments.yaml").symlink_to(file.parent / "real")

    assert found(file) == [
        (
            "estate.yaml",
            48,
            10,
            "EST-INCLUDE-OUTSIDE",
            "./consumers/z.yaml is a link that leads out of the estate file's folder",
        ),
    ]


@pytest.mark.parametrize("said", ["5", "[a.yaml, 5]", "{a: b}", "['']", "''"])
def test_include_names_files(file: Path, said: str) -> None:
    """Anything else is a wrong type."""
    change(file, INCLUDE, f"include: {said}")

    assert "`include` names files" in {each[4] for each in found(file)}


def test_an_included_list_says_how_to_begin(file: Path) -> None:
    """A file of bare consumers lacks its key."""
    (file.parent / "consumers" / "bare.yaml").write_text("- name: x\n")

    assert found(file) == [("bare.yaml", 1, 1, "EST-TYPE", "the file is not a mapping")]


@pytest.mark.parametrize("pattern", ["**", "a**b", "[", "\\0", "*" * 300])
def test_strange_patterns_are_problems(file: Path, pattern: str) -> None:
    """No traceback of the file system."""
    text = '"' + pattern + '"' if pattern == "\\0" else f"'{pattern}'"
    change(file, INCLUDE, f"include: [{text}, consumers/*.yaml]")

    assert {each[3] for each in found(file)} <= {
        "EST-INCLUDE",
        "EST-INCLUDE-CYCLE",
        "EST-YAML",
        "EST-TYPE",
        "EST-INCLUDE-CONFLICT",
    }
    assert found(file)
