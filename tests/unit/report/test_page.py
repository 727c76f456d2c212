"""The page: what it says first, that nothing in it is obeyed, and that it needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

import trustwright
from tests.unit.report import scenes
from tests.unit.report.scenes import HOUR, NOW, Scene
from trustwright.lifecycle.estate_map import AdminFacts, ConsumerFacts
from trustwright.model.sweep import SweepRecord
from trustwright.policy.overview import needs
from trustwright.report.page import NEEDS_SHOWN, page

pytestmark = pytest.mark.unit

SCENES = {"quiet": scenes.quiet, "troubled": scenes.troubled, "crowded": scenes.crowded}
VOID = frozenset({"meta", "link", "br"})
RTL = "\u202egnp.exe\u200f"
ATTACKS = (
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "]]><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' autofocus onfocus='alert(1)",
    "{{ 7*7 }}{% for x in y %}",
    "-->&lt;bold&gt;",
    f"payments{RTL}",
    "red\x1b[31m\x07\nalert",
    "\ud800lone",
)


class Page(HTMLParser):
    """What a browser makes of a page: elements with their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append((tag, ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)
        if self.open and re.fullmatch(r"h[1-6]", self.open[-1]):
            tag, text = self.headings[-1]
            self.headings[-1] = (tag, text + data)

    def says(self) -> str:
        """Return all of its text, blanks made one."""
        return " ".join(" ".join(self.text).split())

    def all(self, tag: str) -> Iterator[dict[str, str | None]]:
        """Yield the attributes of the elements of a kind."""
        return (attributes for name, attributes in self.elements if name == tag)


def shown(scene: Scene) -> Page:
    """Return a scene's page."""
    return Page(page(*scene))


@pytest.mark.parametrize("name", SCENES)
def test_it_needs_nothing_from_anywhere(name: str) -> None:
    """No address, no script, no style attribute; its own policy forbids all of them."""
    text = page(*SCENES[name]())
    found = Page(text)
    assert {tag for tag, _ in found.elements} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
    } == set()
    attributes = {name for _, each in found.elements for name in each}
    assert {a for a in attributes if a.startswith("on")} | attributes & {"style", "src"} == set()
    assert {each["href"] for each in found.all("a")} == {"#needs"}
    assert "url(" not in text
    assert "://" not in text
    assert "@import" not in text
    (policy,) = (each["content"] for each in found.all("meta") if "http-equiv" in each)
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


@pytest.mark.parametrize("name", SCENES)
def test_it_can_be_heard(name: str) -> None:
    """Every element is closed, headings skip no level, tables and drawings have names."""
    found = shown(SCENES[name]())
    assert (found.unbalanced, found.open) == ([], [])
    levels = [int(tag[1]) for tag, _ in found.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    tags = [tag for tag, _ in found.elements]
    assert tags.count("caption") == tags.count("table") > 0
    assert all(each.get("aria-label") or each.get("aria-hidden") for each in found.all("svg"))
    assert all(each.get("scope") for each in found.all("th"))
    assert [each.get("lang") for each in found.all("html")] == ["en"]
    identifiers = [each["id"] for _, each in found.elements if "id" in each]
    assert len(identifiers) == len(set(identifiers))
    named = {each["aria-labelledby"] for _, each in found.elements if "aria-labelledby" in each}
    assert named <= set(identifiers)


def test_the_first_words_say_whether_anything_is_wrong() -> None:
    """A tired person reads one line."""
    assert shown(scenes.quiet()).headings[0] == ("h1", "Nothing needs you")
    assert shown(scenes.troubled()).headings[0] == ("h1", "6 things need you, 3 now")
    assert shown(scenes.crowded()).headings[0] == ("h1", "1 thing needs you, not at once")
    overview, estate = scenes.quiet()
    late = SweepRecord(id="s", actor="run", started=NOW - 9 * HOUR, ended=NOW - 9 * HOUR)
    assert shown((replace(overview, sweep=late), estate)).headings[0] == (
        "h1",
        "1 thing needs you now",
    )


def test_what_needs_a_person_stands_with_its_remedy() -> None:
    """In the order of `needs`, with environment and times."""
    overview, estate = scenes.troubled()
    said = shown((overview, estate)).says()
    places = [said.index(f"{each.severity}: {each.what} {each.remedy}") for each in needs(overview)]
    assert places == sorted(places)
    assert "issuance is held back for consumer/prod/gateway after 5 failure(s)" in said
    assert "nginx: configuration file test failed" in said


def test_many_needs_are_counted() -> None:
    """The page ends, however many findings there are."""
    overview, estate = scenes.quiet()
    found = tuple(
        scenes.finding("consumer-failed", "prod", f"c{number}", "warning", f"c{number} failed")
        for number in range(NEEDS_SHOWN + 7)
    )
    text = page(replace(overview, findings=found), estate)
    assert text.count('<li class="warning">') == NEEDS_SHOWN
    assert "And 7 more: <code>trustwright findings list</code>" in text


def test_the_size_follows_owners_not_consumers() -> None:
    """Five thousand consumers are sums; the few without a set are named."""
    text = page(*scenes.crowded())
    assert len(text) < 80_000
    said = Page(text).says()
    assert "2500 of 2502 in service, 40 owners" in said
    assert "svc-0712 team-07 failed no space left on device" in said


def test_admins_are_shown_apart_and_not_counted() -> None:
    """Nobody waits for an admin's certificate: it is in no sum and no state of a delivery."""
    overview, estate = scenes.quiet()
    admins = (AdminFacts("alice", "alice", overview.at + scenes.HOUR), AdminFacts("bob", "x", None))
    prod = replace(estate["prod"], admins=admins, more_admins=2)
    said = shown((overview, {**estate, "prod": prod})).says()
    assert "Consumers in service 6 of 6" in said
    assert "Admins 4 alice alice valid in 60 min bob x none valid And 2 more: " in said
    assert "Admins" not in shown((overview, estate)).says()


def test_separation_is_a_diagonal() -> None:
    """What trusts another environment stands out."""
    text = page(*scenes.troubled())
    matrix = text[text.index('class="matrix"') :]
    cells = re.findall(r'<td class="number( own| bad|)">(\w+)</td>', matrix)[:4]
    assert cells == [(" own", "3"), ("", "none"), (" bad", "1"), (" own", "4")]


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_text_of_others_is_obeyed(attack: str) -> None:
    """Wherever it stands: the elements are those of a harmless text, and no sign steers."""
    attacked, harmless = shown(attacked_scene(attack)), shown(attacked_scene("harmless"))
    assert [tag for tag, _ in attacked.elements] == [tag for tag, _ in harmless.elements]
    assert [list(each) for _, each in attacked.elements] == [
        list(each) for _, each in harmless.elements
    ]
    said = attacked.says()
    assert [one for one in said if not one.isprintable()] == []
    assert re.findall(r"[a-z]{3,}|7", attack)[0] in said
    page(*attacked_scene(attack)).encode()


def attacked_scene(text: str) -> Scene:
    """Return a scene in which everything that others may choose is this text."""
    overview, estate = scenes.troubled()
    (_, test), (_, prod) = estate.items()
    facts = ConsumerFacts(text, "server", text, "managed", "failed", text, NOW)
    made = replace(
        overview,
        organization=text,
        root=replace(overview.root, name=text),
        findings=tuple(
            each.model_copy(update={"summary": text, "remedy": text, "subject": text})
            for each in overview.findings
        ),
        deadlines=tuple(replace(each, summary=text, remedy=text) for each in overview.deadlines),
        breakers=tuple(
            each.model_copy(update={"problem": text, "id": text}) for each in overview.breakers
        ),
        environments=tuple(
            replace(each, domain=text, namespace=text, mount=text, policy=text)
            for each in overview.environments
        ),
        sweep=overview.sweep.model_copy(update={"problems": (text,)}) if overview.sweep else None,
    )
    return made, {"test": replace(test, consumers=(facts, facts, facts)), "prod": prod}


def test_the_page_is_the_one_that_people_have_judged() -> None:
    """The text of the troubled scene, as it was looked at; write it anew on purpose."""
    golden = Path(__file__).with_name("troubled.txt")
    said = "\n".join(" ".join(line.split()) for line in shown(scenes.troubled()).text)
    said = said.replace(trustwright.__version__, "VERSION")
    assert re.sub(r"\n{2,}", "\n", said).strip() + "\n" == golden.read_text()


def test_two_environments_share_no_element_name() -> None:
    """An environment's name is never an identifier: two that differ in nothing else stay two."""
    overview, estate = scenes.quiet()
    names = [each["id"] for each in shown((overview, estate)).all("h3") if "id" in each]
    assert names == ["environment-1", "environment-2"]
