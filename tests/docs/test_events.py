"""docs/events.md has the catalogue of events as the code has it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import yaml  # type: ignore[import-untyped]
from prefect.events import DeploymentEventTrigger

from deployments.serve import deployments
from deployments.triggers import DEBOUNCE, consumers_due
from tests.docs.readme import ROOT
from trustwright.policy.events import CATALOGUE, LONGEST_DETAIL, EventKind
from trustwright.prefect_api.events import PAUSE, TIMEOUT

PAGE = (ROOT / "docs/events.md").read_text()
_LINE = ("environment", "subject", "actor", "detail")


def row(kind: EventKind) -> str:
    """Return a kind as the page shows it."""
    about = kind.about.replace("{", "<").replace("}", ">")
    payload = "" if kind.payload == _LINE else f"; payload {', '.join(kind.payload)}"
    starts = f"; starts `{kind.starts}`" if kind.starts else ""
    return (
        f"| `{kind.name}` | `trustwright.{about}` | {kind.when}{payload}{starts} | {kind.source} |"
    )


def test_the_page_has_the_catalogue() -> None:
    """Put the expected text between the two marks of the page when the catalogue has changed."""
    head = ["| event | resource | when | with |", "|---|---|---|---|"]
    expected = "\n".join([*head, *(row(each) for each in CATALOGUE.values())])
    found = re.search(r"<!-- catalogue -->\n(.*?)\n?<!-- end -->", PAGE, re.DOTALL)
    assert found is not None
    assert found[1].strip() == expected


def test_the_page_has_the_figures() -> None:
    """How long, how often, how much."""
    trigger = consumers_due()
    assert trigger.within == DEBOUNCE
    assert DEBOUNCE.total_seconds() == 30
    assert "for the same environment, not for 30 seconds" in PAGE
    assert (TIMEOUT, PAUSE, LONGEST_DETAIL) == (5.0, 60.0, 500)


def test_the_page_names_what_starts_what() -> None:
    """Each event that starts a flow stands in the second table with that flow."""
    for kind in CATALOGUE.values():
        if kind.starts:
            assert f"| `{kind.name}` | `{kind.starts}`" in PAGE
    assert consumers_due().expect == {
        kind.name for kind in CATALOGUE.values() if kind.starts == "renew-consumers"
    }


def test_a_work_pool_has_the_same_triggers() -> None:
    """`deployments/prefect.yaml` says what the code says, for each flow."""
    file = yaml.safe_load((ROOT / "deployments/prefect.yaml").read_text())
    found = {
        entry["entrypoint"].rpartition(".")[2]: [
            DeploymentEventTrigger.model_validate(each) for each in entry.get("triggers", [])
        ]
        for entry in file["deployments"]
    }
    served = deployments(datetime(2026, 1, 1, tzinfo=UTC))
    assert found == {str(each.flow_name).replace("-", "_"): each.triggers for each in served}
    assert found["renew_consumers"] == [consumers_due()]
