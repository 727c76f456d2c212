"""The flow's process is killed in every phase; cancelling and expiry; people are told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.chat import Chat, listening
from tests.e2e.site import Site, eventually, free_port, installed
from trustwright.model.records import EnvironmentPhase

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

BEFORE_THE_GATE: tuple[EnvironmentPhase, ...] = ("planned", "prepared")
BEHIND_THE_GATE: tuple[EnvironmentPhase, ...] = ("signed", "introduced", "proven")


@pytest.fixture(scope="module")
def chat() -> Iterator[Chat]:
    """A channel that listens."""
    with listening() as made:
        yield made


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, chat: Chat) -> Iterator[Site]:
    """An installation with a channel that listens and one that is dead."""
    dead = f"json://127.0.0.1:{free_port()}"
    folder = tmp_path_factory.mktemp("site") / "site"
    with installed(folder, {"ops": chat.url, "dead": dead}) as made:
        yield made


def kill_in(site: Site, environment: str, phase: EnvironmentPhase) -> None:
    """Kill the run's process as soon as its environment has reached a phase and is held.

    A phase can pass between two looks: a busy machine may then kill the run in the next one.
    """
    eventually(
        f"{environment} has reached {phase} and is held",
        lambda: site.reached(environment, phase) and site.holder(environment) is not None,
    )
    site.kill_flow(environment)
    eventually("the run is known to be dead", lambda: site.crashed(environment))


def test_killed_in_every_phase(site: Site, chat: Chat) -> None:
    """Seven runs, six of them killed: one key, one issuer, one certificate per consumer."""
    for phase in BEFORE_THE_GATE:
        site.run("bootstrap", "prod", "--no-wait")
        kill_in(site, "prod", phase)
    site.run("bootstrap", "prod")
    site.run("ceremony", "submit", str(site.sign("prod")))
    for phase in BEHIND_THE_GATE:
        kill_in(site, "prod", phase)
        site.run("bootstrap", "prod", "--no-wait")
    site.run("bootstrap", "prod", "--until-ready")
    assert site.row("select count(*) from issuers where environment = 'prod'") == (1,)
    assert site.row("select count(*) from ceremonies where environment = 'prod'") == (1,)
    assert site.row("select count(*) from intents where state = 'open'") == (0,)
    valid = "select count(*), count(distinct subject) from certificates where state = 'valid'"
    assert site.row(valid) == (3, 3)
    assert len(chat.about("prod", "bootstrap-environment died")) == len(
        BEFORE_THE_GATE + BEHIND_THE_GATE
    )
    check_what_was_told(site, chat)


def check_what_was_told(site: Site, chat: Chat) -> None:
    """Pending with link, words and commands; submitted; accepted; served; the dead channel."""
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
    assert reported[0] >= len(chat.messages)


def test_cancelled_by_a_person(site: Site, chat: Chat) -> None:
    """Cancelling closes the ceremony and frees the environment; the next run asks anew."""
    site.run("bootstrap", "test")
    first = site.ceremony("test")
    response = site.sign("test")
    told = len(chat.about("test", "was cancelled"))
    site.run("ceremony", "cancel", "test")
    assert site.ceremony("test")["state"] == "cancelled"
    assert site.holder("test") is None
    assert len(chat.about("test", "was cancelled")) == told + 1
    late = site.run("ceremony", "submit", str(response), check=False)
    assert (late.returncode, "GATE-CLOSED" in late.stderr) == (3, True)
    site.run("bootstrap", "test")
    pending = [row for row in site.ceremonies("test") if row["state"] == "pending"]
    assert [row["id"] == first["id"] for row in pending] == [False]
    site.run("ceremony", "cancel", "test")


def test_openbao_dies_under_the_flow(site: Site, chat: Chat) -> None:
    """The steps wait for the server; when it is back, the same run goes on to the gate."""
    site.kill_part("openbao")
    link = site.run("bootstrap", "test", "--no-wait").stdout.split()[-1]
    eventually("the run holds test", lambda: site.holder("test"))
    site.run("up")
    site.run("bootstrap", "test")
    assert link.endswith(str(site.holder("test")))
    assert site.ceremony("test")["state"] == "pending"
    site.run("ceremony", "cancel", "test")
    assert chat.about("test", "bootstrap-environment failed") == []


def test_cancelled_in_the_pages(site: Site, chat: Chat) -> None:
    """A waiting run that is cancelled in Prefect runs no hook: an event starts the watch flow."""
    site.run("bootstrap", "test")
    told = len(chat.about("test", "was cancelled"))
    run = site.holder("test")
    assert run is not None
    site.prefect().cancel(run, "by a person in the pages")
    eventually("the watch closed it", lambda: site.ceremony("test")["state"] == "cancelled")
    eventually("test is free", lambda: site.holder("test") is None)
    assert len(chat.about("test", "was cancelled")) == told + 1
