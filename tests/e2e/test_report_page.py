"""The report in a real Chromium: from a file, without network, narrow and wide, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.pages import QUIET
from tests.unit.report import scenes
from trustwright.report.page import page

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

_LOOK = """() => {
  const shown = each => each.getClientRects().length > 0;
  const covered = [...document.querySelectorAll('.tiles dd, .needs .what, h1, h2, h3')];
  return {
    wider: document.documentElement.scrollWidth > innerWidth,
    tables: [...document.querySelectorAll('table')].filter(each => !each.caption).length,
    drawings: [...document.querySelectorAll('svg.chart')].filter(shown).length,
    cut: covered.filter(each => each.scrollWidth > each.clientWidth + 1).length,
    ink: getComputedStyle(document.body).color,
    paper: getComputedStyle(document.body).backgroundColor,
    main: document.querySelectorAll('main').length,
  };
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a Chromium."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=QUIET)
        yield started
        started.close()


@pytest.mark.parametrize("scene", [scenes.troubled, scenes.crowded])
def test_it_opens_from_a_disk_and_fits(browser: Browser, tmp_path: Path, scene: object) -> None:
    """Nothing is asked for, nothing is refused, nothing is cut off, and something is drawn."""
    assert callable(scene)
    file = tmp_path / "estate.html"
    file.write_text(page(*scene()))
    papers = set()
    for width in (360, 1400):
        for scheme in ("light", "dark"):
            asked, said, found, size = visit(browser, file, width, dark=scheme == "dark")
            assert (asked, said) == ([file.as_uri()], [])
            assert size > 50_000
            papers.add(found.pop("paper"))
            assert found.pop("ink") not in papers
            assert found == {"wider": False, "tables": 0, "drawings": 1, "cut": 0, "main": 1}
    assert len(papers) == 2, "light and dark differ"


def visit(
    browser: Browser, file: Path, width: int, *, dark: bool
) -> tuple[list[str], list[str], dict[str, Any], int]:
    """Return what a view of the page asked for, what it said, its look, and its picture's size."""
    view = browser.new_page(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
    )
    asked: list[str] = []
    said: list[str] = []
    view.on("request", lambda request: asked.append(request.url))
    view.on("console", lambda message: said.append(message.text))
    view.goto(file.as_uri())
    shot = view.screenshot(path=file.with_name(f"{width}-{dark}.png"), full_page=True)
    found = view.evaluate(_LOOK)
    view.close()
    return asked, said, found, len(shot)
