"""The figures: names and kinds as Prometheus wants them, as many as the estate has shapes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from tests.docs.readme import ROOT
from tests.unit.report import scenes
from tests.unit.report.scenes import NOW
from trustwright.policy.overview import Overview
from trustwright.report.metrics import DEFINITIONS, exposition

pytestmark = pytest.mark.unit

Sample = tuple[str, tuple[tuple[str, str], ...]]


def samples(overview: Overview | None) -> dict[Sample, float]:
    """Return what a Prometheus reads, by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(exposition(overview).decode())
        for sample in family.samples
    }


def value(overview: Overview, name: str, **labels: str) -> float:
    """Return one figure."""
    return samples(overview)[f"trustwright_{name}", tuple(sorted(labels.items()))]


def test_the_figures_are_those_of_the_estate() -> None:
    """Each of the ones that an alert hangs on."""
    overview, _ = scenes.troubled()
    server = {"environment": "prod", "role": "server"}
    assert value(overview, "up") == 1
    assert value(overview, "root_expiry_timestamp_seconds") == overview.root.not_after.timestamp()
    assert value(overview, "certificates", **server) == 2
    assert value(overview, "certificates_due", **server) == 1
    assert value(overview, "certificates_overdue", **server) == 1
    assert value(overview, "certificates_expired", **server) == 1
    first = value(overview, "certificate_earliest_expiry_timestamp_seconds", **server)
    assert first == (NOW - scenes.HOUR).timestamp()
    end = value(
        overview,
        "issuer_expiry_timestamp_seconds",
        environment="prod",
        issuer="prod-g1",
        state="issuing",
    )
    assert end == (NOW + 16 * scenes.DAY).timestamp()
    until = value(overview, "delivered_crl_next_update_timestamp_seconds", environment="prod")
    assert until == (NOW + 60 * scenes.HOUR).timestamp()
    assert value(overview, "deliveries", environment="prod", state="failed") == 1
    assert value(overview, "deliveries", environment="prod", state="undone") == 0
    assert value(overview, "consumer_failures_total", environment="prod") == 9
    assert value(overview, "sets_delivered_total", environment="prod") == 31
    labels = {"environment": "prod", "kind": "certificate-rogue", "severity": "critical"}
    assert value(overview, "findings_open", **labels) == 1
    assert value(overview, "findings_open_by_severity", severity="info") == 0
    assert value(overview, "breakers_open", environment="prod") == 1
    assert value(overview, "breakers_open", environment="test") == 0
    assert value(overview, "ceremonies_pending", environment="prod") == 1
    oldest = value(overview, "ceremony_oldest_created_timestamp_seconds", environment="prod")
    assert oldest == (NOW - scenes.DAY).timestamp()
    nearest = value(overview, "deadline_timestamp_seconds", environment="prod", kind="rotation")
    assert nearest == (NOW - scenes.DAY).timestamp()
    assert value(overview, "last_sweep_duration_seconds") == 60
    assert value(overview, "last_sweep_problems") == 0


def test_the_nearest_of_two_deadlines_of_a_kind_is_given() -> None:
    """And the oldest of two ceremonies: alerts look at the worst one."""
    overview, _ = scenes.quiet()
    both = tuple(
        scenes.deadline("rotation", "prod", f"prod-g{n}", scenes.DAY, n * scenes.DAY)
        for n in (2, 3)
    )
    for order in (both, both[::-1]):
        found = replace(overview, deadlines=order)
        at = value(found, "deadline_timestamp_seconds", environment="prod", kind="rotation")
        assert at == both[0].at.timestamp()


def test_what_is_not_known_has_no_figure() -> None:
    """A sweep that never was has no time: `absent()` tells it from an old one."""
    overview, _ = scenes.quiet()
    found = samples(replace(overview, sweep=None, root=replace(overview.root, crl_until=None)))
    names = {name for name, _ in found}
    assert "trustwright_last_sweep_timestamp_seconds" not in names
    assert "trustwright_root_crl_next_update_timestamp_seconds" not in names


def test_without_a_store_two_figures_are_left() -> None:
    """They say so: an old file would go on to say that all is well."""
    found = samples(None)
    assert {name for name, _ in found} == {"trustwright_build_info", "trustwright_up"}
    assert found["trustwright_up", ()] == 0


def test_the_number_of_series_does_not_follow_the_consumers() -> None:
    """Five thousand consumers make as many series as three."""
    overview, _ = scenes.crowded()
    few = replace(
        overview,
        environments=tuple(
            replace(each, consumers=3, deliveries={"delivered": 3})
            for each in overview.environments
        ),
    )
    assert samples(overview).keys() == samples(few).keys()
    assert len(samples(overview)) < 200


def test_names_and_units_are_as_prometheus_wants_them() -> None:
    """Base units at the end, ``_total`` for counters alone, help and type before every family."""
    for each in DEFINITIONS:
        assert re.fullmatch(r"trustwright_[a-z][a-z_]*[a-z]", each.name), each
        assert not each.name.endswith(("_total", "_count", "_sum", "_bucket")), each
        assert each.means.endswith("."), each
    overview, _ = scenes.troubled()
    text = exposition(overview).decode()
    for each in DEFINITIONS:
        written = f"{each.name}_total" if each.kind == "counter" else each.name
        assert f"# HELP {written} {each.means}\n# TYPE {written} {each.kind}\n" in text, each
    assert text.endswith("\n")
    assert "\r" not in text


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(domain=names, subject=names)
def test_no_label_can_begin_a_line(domain: str, subject: str) -> None:
    """Whatever a name holds, what is read is what was written, and nothing beside it."""
    overview, _ = scenes.quiet()
    environment = replace(overview.environments[0], name=domain)
    finding = scenes.finding("kind", domain, "x", "info", "x").model_copy(update={"kind": subject})
    made = replace(overview, environments=(environment,), findings=(finding,), deadlines=())
    found = samples(made)
    plain = replace(
        made,
        environments=(replace(environment, name="e"),),
        findings=(finding.model_copy(update={"environment": "e", "kind": "k"}),),
    )
    assert sorted(name for name, _ in found) == sorted(name for name, _ in samples(plain))
    labels = (("environment", domain), ("kind", subject), ("severity", "info"))
    assert found["trustwright_findings_open", labels] == 1


def test_the_page_about_metrics_names_each_one() -> None:
    """Name, kind, labels and meaning, in the order of the code."""
    page = (ROOT / "docs" / "metrics.md").read_text()
    rows = re.findall(
        r"^\| `(trustwright_\w+)` \| (\w+) \| ([^|]*) \| (.+) \|$", page, re.MULTILINE
    )
    assert rows == [
        (
            f"{each.name}_total" if each.kind == "counter" else each.name,
            each.kind,
            ", ".join(f"`{label}`" for label in each.labels) or "-",
            each.means,
        )
        for each in DEFINITIONS
    ]


def test_every_alert_stands_in_the_runbook() -> None:
    """Who is woken by one finds what to do."""
    page = (ROOT / "docs" / "runbooks" / "reports-and-metrics.md").read_text()
    named = re.findall(r"`(Trustwright\w+)`", page)
    assert sorted(named) == sorted(each["alert"] for each in alert_rules())


def test_every_alert_asks_for_figures_that_exist() -> None:
    """Also their labels; each has a severity, a summary and a page to read."""
    known = {
        f"{each.name}_total" if each.kind == "counter" else each.name: set(each.labels)
        for each in DEFINITIONS
    }
    rules = alert_rules()
    assert len({each["alert"] for each in rules}) == len(rules) > 10
    for each in rules:
        asked = re.findall(r"\b(trustwright_\w+)(?:\{([^}]*)\})?", each["expr"])
        assert asked, each
        for name, selectors in asked:
            labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selectors))
            assert labels <= known[name], each
        for label in re.findall(r"\b(?:by|on|without)\s*\(([^)]*)\)", each["expr"]):
            every = set().union(*(known[name] for name, _ in asked))
            assert {one.strip() for one in label.split(",")} <= every, each
        assert each["labels"]["severity"] in {"warning", "critical"}
        assert set(each["annotations"]) == {"summary", "runbook"}
        asked_labels = re.findall(r"\$labels\.(\w+)", each["annotations"]["summary"])
        assert set(asked_labels) <= set().union(*(known[name] for name, _ in asked)), each
        assert (ROOT / each["annotations"]["runbook"]).is_file(), each
        assert each["expr"].count("(") == each["expr"].count(")")


def alert_rules() -> list[Any]:
    """Return the rules of the file for Prometheus."""
    groups = YAML(typ="safe").load(ROOT / "infra" / "prometheus" / "alerts.yaml")["groups"]
    assert [set(each) for each in groups] == [{"name", "rules"}] * len(groups)
    return [rule for group in groups for rule in group["rules"]]
