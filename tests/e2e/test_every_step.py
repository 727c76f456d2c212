"""The flow's process is killed behind every one of its steps, in a real Prefect."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.boundaries import BOUNDARIES, GATE, SENTENCE, STEPS
from tests.e2e.chat import Chat
from tests.e2e.site import Site, eventually, installed
from tests.ports import free_port
from trustwright.prefect_api import PrefectRuns

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, chat: Chat) -> Iterator[Site]:
    """An installation whose runner serves the mortal flow, with a second channel that is dead."""
    dead = f"json://127.0.0.1:{free_port()}"
    folder = tmp_path_factory.mktemp("site") / "site"
    with installed(folder, {"ops": chat.url, "dead": dead}) as made:
        made.serve_instead("tests.e2e.mortal_flow")
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


def test_killed_at_every_step(site: Site, chat: Chat) -> None:
    """As many runs as boundaries, all killed; then one key, issuer and certificate each."""
    behind = STEPS.index("record_signed")
    upto = [f"before {STEPS[0]}", *(f"after {step}" for step in STEPS[:behind])]
    upto += [f"after {step}" for step in GATE if step not in {"_ask", "_consider"}]
    for boundary in upto:
        dies(site, boundary)
    site.run("bootstrap", "prod")
    response = site.sign("prod").read_text()
    dies_of_the_answer(site, "after _ask", "junk")
    dies_of_the_answer(site, "after _consider", response)
    assert site.ceremony("prod")["state"] == "accepted"
    beyond = [f"after {step}" for step in STEPS[behind:]]
    for boundary in beyond:
        dies(site, boundary)
    assert {*upto, "after _ask", "after _consider", *beyond} == set(BOUNDARIES)
    site.run("bootstrap", "prod", "--until-ready")
    check_converged(site)
    check_what_was_told(site, chat)


def check_converged(site: Site) -> None:
    """One key, one issuer, one certificate for each consumer; nothing open, nothing unexplained."""
    assert site.row("select count(*) from issuers where environment = 'prod'") == (1,)
    assert site.row("select count(*) from ceremonies where environment = 'prod'") == (1,)
    assert site.row("select count(*) from intents where state = 'open'") == (0,)
    valid = "select count(*), count(distinct subject) from certificates where state = 'valid'"
    assert site.row(valid) == (3, 3)


def check_what_was_told(site: Site, chat: Chat) -> None:
    """Pending with link, words and commands; submitted; accepted; served; the dead channel."""
    assert len(chat.about("prod", "bootstrap-environment died")) == len(BOUNDARIES)
    pending = chat.about("prod", "waits for the offline root")[0]
    request = site.ceremony("prod")["id"]
    assert f"trustwright-root sign prod-g1-{request[:12]}.request.json" in pending["message"]
    assert "/runs/flow-run/" in pending["message"]
    for word in site.operator.words(request):
        assert word in pending["message"]
    assert len(chat.about("prod", "has a response")) == 1
    assert len(chat.about("prod", "was signed")) == 1
    assert len(chat.about("prod", "certificates were delivered")) >= 1
    reported = site.row("select count(*) from audit where event = 'trustwright.notice.failed'")
    assert reported is not None
    assert reported[0] >= len(BOUNDARIES)
