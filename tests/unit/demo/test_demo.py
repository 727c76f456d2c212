"""The demo leaves alone what is not its own, and says what is true when it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from demo.__main__ import main
from demo.programs import MARK, Demo, DemoFailure
from demo.story import start

pytestmark = pytest.mark.unit

REFUSED = "port 14210 … [STACK-PORT]"


class Programs:
    """Stands for ``trustwright``: what was asked of it, and what it answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.broken: dict[str, str] = {}
        self.running = False

    def answer(self, words: tuple[str, ...], *, check: bool) -> str:
        """Answer like the program."""
        self.asked.append(words)
        if words[0] == "up":
            self.running = self.broken.get("up") != REFUSED
        if words[0] in self.broken and check:
            raise DemoFailure(self.broken[words[0]])
        if words[0] == "down":
            self.running = "down" in self.broken
        condition = "running" if self.running else "stopped"
        return json.dumps({"parts": [{"condition": condition}]}) if words[0] == "status" else ""


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Put a stand-in into the place of the program."""
    found = Programs()

    def trustwright(_demo: Demo, *words: str, check: bool = True) -> str:
        return found.answer(words, check=check)

    monkeypatch.setattr(Demo, "trustwright", trustwright)
    return found


def test_a_folder_with_other_things_is_left_alone(
    programs: Programs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stack that runs in a folder of that name is nobody's demo: it is not stopped."""
    (tmp_path / "home").mkdir()
    assert main(["--folder", str(tmp_path)]) == 1
    assert programs.asked == []
    assert "holds other things" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [tmp_path / "home"]


def test_a_demo_that_cannot_be_stopped_is_not_removed(programs: Programs, tmp_path: Path) -> None:
    """The files of what runs stay under it."""
    (tmp_path / MARK).touch()
    programs.broken["down"] = "another one is at work"
    assert main(["--folder", str(tmp_path)]) == 1
    assert programs.asked == [("down",)]
    assert (tmp_path / MARK).exists()


@pytest.mark.parametrize(
    ("keep", "broken", "said"),
    [
        (["--keep"], {"up": REFUSED}, "Nothing is running."),
        (["--keep"], {"up": "no"}, "The stack is up. Stop it with: TRUSTWRIGHT_HOME="),
        ([], {"up": "no"}, "Stopped. "),
        ([], {"up": "no", "down": "no"}, "The stack is up. Stop it with: TRUSTWRIGHT_HOME="),
    ],
)
def test_the_last_line_is_true(
    programs: Programs,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    keep: list[str],
    broken: dict[str, str],
    said: str,
) -> None:
    """After a failure, too: what it says of the stack is what `status` says."""
    programs.broken = broken
    assert main(["--folder", str(tmp_path / "demo"), *keep]) == 1
    shown = capsys.readouterr()
    assert said in shown.out.splitlines()[-1]
    assert shown.err.startswith(f"demo: {broken['up']}")


def test_another_port_is_named_the_way_the_demo_takes_it(
    programs: Programs, tmp_path: Path
) -> None:
    """The remedy of `trustwright up` names options; the demo has them, too."""
    programs.broken["up"] = REFUSED
    with pytest.raises(DemoFailure, match=r"ARGS='--openbao-port 1 --prefect-port 2'"):
        start(Demo(tmp_path, 0.0), 1, 2)
