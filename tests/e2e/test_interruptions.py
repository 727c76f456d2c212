"""A bootstrap is cancelled, in two ways, and runs out of time; OpenBao dies under it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.e2e.chat import Chat
from tests.e2e.site import Site, eventually, installed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, chat: Chat) -> Iterator[Site]:
    """An installation with a channel."""
    with installed(tmp_path_factory.mktemp("site") / "site", {"ops": chat.url}) as made:
        yield made


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


def test_a_request_that_nobody_signs_in_time(site: Site, chat: Chat) -> None:
    """It expires, people are told, its run ends, and a late signature opens nothing."""
    site.change_environment("test", intermediate={"request_validity": "40s"})
    site.run("bootstrap", "test")
    first, run, response = site.ceremony("test"), site.holder("test"), site.sign("test")
    told = len(chat.about("test", "expired unsigned"))
    eventually("the request is out of date", lambda: out_of_date(first["expires"]))
    site.prefect().run_deployment("watch-ceremonies/trustwright")
    eventually("test is free", lambda: site.holder("test") is None)
    assert site.ceremony("test")["state"] == "expired"
    assert site.prefect().flow_run(str(run)).state_type == "CANCELLED"
    assert len(chat.about("test", "expired unsigned")) == told + 1
    late = site.run("ceremony", "submit", str(response), check=False)
    assert (late.returncode, "GATE-CLOSED" in late.stderr) == (3, True)
    site.change_environment("test", intermediate={})
    site.run("bootstrap", "test")
    assert site.ceremony("test")["state"] == "pending"
    assert site.ceremony("test")["id"] != first["id"]
    site.run("ceremony", "cancel", "test")


def out_of_date(expires: str) -> bool:
    """Return whether a moment, as the command line prints it, has passed."""
    return datetime.now(UTC) > datetime.fromisoformat(expires)
