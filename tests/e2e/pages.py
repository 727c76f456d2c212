"""Prefect's pages in a real Chromium."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.e2e.site import Site

ATTEMPTS = 5
BUSY = 503
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
]


@contextmanager
def logged_in(site: Site, shots: Path) -> Iterator[tuple[Page, set[str]]]:
    """Yield a page after the login, and the hosts that were asked so far."""
    state = json.loads((site.home / "stack.json").read_text())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=QUIET)
        page = browser.new_page(viewport={"width": 1400, "height": 1400})
        hosts: set[str] = set()
        page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
        try:
            page.goto(f"{state['prefect_ui']}/runs")
            page.fill(
                "input[type=password]", (site.home / state["prefect_auth"]).read_text().strip()
            )
            page.keyboard.press("Enter")
            page.get_by_text("Flow runs", exact=True).first.wait_for()
            yield page, hosts
        finally:
            page.screenshot(path=shots / "last.png")
            browser.close()


def paste_response(page: Page, link: str, text: str, shots: Path, shot: str) -> str:
    """Open the waiting run's form, paste a text, send it; return what the form said.

    Prefect answers 503 while its SQLite is locked, and has done nothing: a person pastes it again.
    """
    for _ in range(ATTEMPTS):
        page.goto(link)
        page.get_by_role("button", name="Resume").click()
        field = page.locator("textarea").last
        field.wait_for()
        said = page.locator("[role=dialog], .p-modal").last.inner_text()
        field.fill(text)
        page.screenshot(path=shots / f"{shot}.png")
        with page.expect_response(lambda response: response.url.endswith("/resume")) as answered:
            page.get_by_role("button", name="Submit").click()
        status = answered.value.status
        page.goto("about:blank")  # the run's graph, drawn without a graphics card, takes a core
        if status != BUSY:
            assert status in {200, 201}, status
            return str(said)
    raise AssertionError(f"Prefect was busy {ATTEMPTS} times")
