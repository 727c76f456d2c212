"""The flow's process is killed behind every one of its steps, in a real Prefect."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.mortal_flow import BOUNDARIES, GATE, SENTENCE, STEPS
from tests.e2e.site import Site, eventually, installed
from tests.prefect.server import importable
from trustwright.embedded.stack import Stack
from trustwright.prefect_api import PrefectRuns

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An installation whose runner serves the mortal flow."""
    with importable(), installed(tmp_path_factory.mktemp("site") / "site") as made:
        made.kill_part("runner")
        Stack(made.home, module="tests.e2e.mortal_flow").up()
        yield made


def dies(site: Site, boundary: str) -> None:
    """Start a run that dies at a boundary."""
    (site.home / SENTENCE).write_text(boundary)
    link = site.run("bootstrap", "prod", "--no-wait").stdout.split()[-1]
    is_dead(site, link.rpartition("/")[2], boundary)


def dies_of_the_answer(site: Site, boundary: str, answer: str) -> None:
    """Paste an answer into the form of the waiting run, which dies at a boundary then."""
    site.run("bootstrap", "prod")
    run = site.holder("prod")
    assert run is not None
    (site.home / SENTENCE).write_text(boundary)
    site.prefect().resume(run, {"response": answer})
    is_dead(site, run, boundary)


def is_dead(site: Site, run: str, boundary: str) -> None:
    """Wait until the run died where it should, and Prefect knows it."""
    runs = PrefectRuns(site.prefect())
    eventually(f"the run has died {boundary}", lambda: not runs.alive(run))
    assert not (site.home / SENTENCE).exists(), f"the run ended otherwise than {boundary}"


def test_killed_at_every_step(site: Site) -> None:
    """As many runs as boundaries, all killed; then one key, issuer and certificate each."""
    behind = STEPS.index("record_signed")
    for step in (f"before {STEPS[0]}", *(f"after {step}" for step in STEPS[:behind])):
        dies(site, step)
    for step in ("request_intermediate", "announce_ceremony", "publish_request"):
        dies(site, f"after {step}")
    site.run("bootstrap", "prod")
    response = site.sign("prod").read_text()
    dies_of_the_answer(site, "after _ask", "junk")
    dies_of_the_answer(site, "after consider_response", response)
    assert site.ceremony("prod")["state"] == "accepted"
    for step in STEPS[behind:]:
        dies(site, f"after {step}")
    site.run("bootstrap", "prod", "--until-ready")
    check_converged(site)


def test_the_boundaries_are_those_of_the_flow() -> None:
    """What the test above goes through is everything that the flow's text calls."""
    assert GATE == [
        "request_intermediate",
        "announce_ceremony",
        "publish_request",
        "consider_response",
        "_ask",
    ]
    assert len(BOUNDARIES) == 1 + len(STEPS) + len(GATE)


def check_converged(site: Site) -> None:
    """One key, one issuer, one certificate for each consumer; nothing open, nothing unexplained."""
    assert site.row("select count(*) from issuers where environment = 'prod'") == (1,)
    assert site.row("select count(*) from ceremonies where environment = 'prod'") == (1,)
    assert site.row("select count(*) from intents where state = 'open'") == (0,)
    valid = "select count(*), count(distinct subject) from certificates where state = 'valid'"
    assert site.row(valid) == (3, 3)
