"""The page of findings is the catalogue, line for line."""

from __future__ import annotations

from tests.docs.readme import ROOT
from trustwright.policy.findings import CATALOGUE

PAGE = ROOT / "docs" / "findings.md"


def table() -> str:
    """Return the catalogue as the page shows it."""
    lines = ["| kind | about | severity | what it means | what to do |", "|---|---|---|---|---|"]
    for kind in CATALOGUE.values():
        grows = f"; critical when {kind.grows}" if kind.grows else ""
        cells = (f"`{kind.name}`", kind.subject, f"{kind.severity}{grows}", kind.means, kind.remedy)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def test_the_page_is_the_catalogue() -> None:
    """Every kind with its severity, meaning and remedy, in the catalogue's order."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    assert "\n".join(rows) == table()


def test_a_kind_is_a_noun_and_what_is_wrong() -> None:
    """Names are told apart by their noun; what grows says when, and what is critical does not."""
    for kind in CATALOGUE.values():
        assert kind.name == kind.name.lower()
        assert kind.name.count("-") >= 1
        assert kind.means.endswith(".")
        assert kind.remedy.endswith(".")
        assert not (kind.grows and kind.severity == "critical")
