"""``trustwright certificates``: what is asked for, how it is written, what is never held."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from unittest.mock import patch
from weakref import WeakSet

import pytest
from cryptography import x509

from tests.fakes.ports import FakePorts
from tests.fakes.world import World, run_bootstrap
from tests.unit.estate.material import write_example
from tests.unit.lifecycle.scenes import DAY, bootstrap
from trustwright.cli import terminal
from trustwright.cli.main import cli
from trustwright.cli.terminal import exit_code
from trustwright.ids import serial_text
from trustwright.model.records import CertificateRecord
from trustwright.x509 import parse

pytestmark = pytest.mark.unit

Run = Callable[..., str]
NASTY = "\x1b[2J=1+1\n\u202ered"
FORMS = ("table", "json", "jsonl", "csv")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world whose prod was served twice, by two runs, and holds one row with nasty texts."""
    made = World(tmp_path_factory.mktemp("inventory"))
    bootstrap(made)
    made.clock.advance(seconds=2 * DAY + 1)
    made.ports.actor = "run-2"
    run_bootstrap(made.ports, "prod", made.answer)
    row = next(made.ports.store.certificates.find(subject="collector", state="valid"))
    nasty = {"id": "prod-g1/ff:ff", "serial": "ff:ff", "subject": NASTY, "owner": f"={NASTY}"}
    made.ports.store.certificates.insert(row.model_copy(update=nasty))
    return made


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Return what runs a command on that world and returns what it printed."""

    @contextmanager
    def assembled(*, orchestrated: bool) -> Iterator[FakePorts]:
        assert orchestrated is False, "the inventory needs no Prefect"
        yield world.ports

    def ran(*words: str, code: int = 0, err: bool = False) -> str:
        capsys.readouterr()
        assert exit_code(cli, "trustwright", ["certificates", *words]) == code
        said = capsys.readouterr()
        return said.err if err or code else said.out

    with patch("trustwright.assembly.assembled", assembled):
        yield ran


def one(world: World, **equals: str) -> CertificateRecord:
    """Return the one certificate that fits."""
    (row,) = world.ports.store.certificates.find(**equals)
    return row


EVERYBODY = "trustwright-canary billing billing gateway gateway collector collector"
EACH_OPTION: list[tuple[list[str], str]] = [
    ([], f"{EVERYBODY} {NASTY}"),
    (["--environment", "test"], ""),
    (["--role", "proxy"], "gateway gateway"),
    (["--owner", "trustwright"], "trustwright-canary"),
    (["--name", "billing.prod.example.internal"], "billing billing"),
    (["--name", "BILLING.prod.example.internal."], "billing billing"),
    (["--name", "*.billing.prod.example.internal"], ""),
    (
        ["--name", "*.prod.example.internal", "--role", "server"],
        "trustwright-canary billing billing",
    ),
    (["--subject", "gateway"], "gateway gateway"),
    (["--issuer", "prod-g1", "--purpose", "probe"], "trustwright-canary"),
    (["--issuer", "prod-g2"], ""),
    (["--state", "valid", "--role", "proxy"], "gateway"),
    (["--state", "revoked"], "trustwright-canary"),
    (["--expiring-within", "71h", "--role", "proxy"], ""),
    (["--expiring-within", "72h", "--role", "proxy"], "gateway"),
    (["--expiring-within", "9999999d", "--role", "proxy"], "gateway"),
    (["--serial", "FF:FF"], NASTY),
    (["--subject", "billing", "--limit", "1"], "billing"),
    (["--limit", "0"], ""),
]


@pytest.mark.parametrize(("options", "subjects"), EACH_OPTION, ids=repr)
def test_each_option_narrows(run: Run, options: list[str], subjects: str) -> None:
    """Exactly these are listed, soonest end first."""
    rows = json.loads(run("list", "--json", *options))
    found = [row["subject"] for row in rows]
    assert sorted(found) == sorted(subjects.split(" ") if subjects else [])
    assert rows == sorted(rows, key=lambda row: (row["not_after"], row["id"]))


def test_orders(run: Run) -> None:
    """By end or by issuance, either way round."""
    for sort, member in (("expires", "not_after"), ("issued", "recorded")):
        up = json.loads(run("list", "--json", "--sort", sort))
        assert up == sorted(up, key=itemgetter(member, "id"))
        assert json.loads(run("list", "--json", "--sort", f"-{sort}")) == up[::-1]


def test_forms_say_the_same(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """The array is the text that it always was; lines and CSV hold the same certificates."""
    text = run("list", "--json")
    rows = json.loads(text)
    terminal.as_json(rows)
    assert capsys.readouterr().out == text == run("list", "--format", "json")
    assert [json.loads(line) for line in run("list", "--format", "jsonl").splitlines()] == rows
    lines = list(csv.DictReader(io.StringIO(run("list", "--format", "csv"))))
    assert [line["serial"] for line in lines] == [row["serial"] for row in rows]
    assert [line["names"].split() for line in lines] == [row["names"] for row in rows]
    table = run("list").splitlines()
    assert [line.split()[0] for line in table[1:]] == [
        row["serial"].replace(":", "")[:16] for row in rows
    ]


@pytest.mark.parametrize(
    "words",
    [
        *(("list", "--format", form) for form in FORMS),
        ("show", "ffff"),
        ("show", "ffff", "--json"),
        ("history", NASTY),
        ("history", NASTY, "--json"),
        ("export", "--format", "jsonl"),
        ("export", "--format", "csv"),
    ],
    ids=repr,
)
def test_nothing_of_a_row_is_obeyed(run: Run, words: tuple[str, ...]) -> None:
    """No terminal acts on a text of the record, and no row draws a line of its own."""
    said = run(*words)
    assert "ff" in said
    assert [one for one in said if not one.isprintable() and one != "\n"] == []
    assert "\nred" not in said


def test_no_cell_is_a_formula(run: Run) -> None:
    """A spreadsheet that opens the CSV computes nothing."""
    lines = list(csv.DictReader(io.StringIO(run("list", "--format", "csv", "--serial", "ffff"))))
    assert lines[0]["owner"].startswith("'=\\x1b")


def test_nothing_fits(run: Run) -> None:
    """An empty answer is an answer: exit code 0 in every form."""
    nothing = ("--owner", "nobody")
    assert run("list", *nothing) == "no certificate fits\n"
    assert run("list", "--json", *nothing) == "[]\n"
    assert run("list", "--format", "jsonl", *nothing) == ""
    assert run("list", "--format", "csv", *nothing).count("\n") == 1
    assert run("history", "nobody") == "no certificate of nobody\n"
    assert run("history", "nobody", "--json") == "[]\n"
    assert run("export", *nothing) == ""
    assert run("export", *nothing, err=True) == "note: 0 certificates: none fits\n"


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (("list", "--expiring-within", "soon"), "DURATION"),
        (("list", "--expiring-within", "1h", "--state", "revoked"), "CERTIFICATE-STATE"),
        (("list", "--serial", "xyz"), "CERTIFICATE-SERIAL"),
        (("list", "--serial", ""), "CERTIFICATE-SERIAL"),
        (("show", "prod-g1/"), "CERTIFICATE-SERIAL"),
        (("show", "00000000"), "CERTIFICATE-SERIAL"),
        (("show", "test-g1/ffff"), "CERTIFICATE-SERIAL"),
    ],
    ids=repr,
)
def test_what_cannot_be_read_is_one_line(run: Run, words: tuple[str, ...], rule: str) -> None:
    """Exit code 2, the rule and what to write instead."""
    said = run(*words, code=2)
    assert said.count("\n") == 1
    assert f"[{rule}] → " in said


def test_before_there_is_a_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says what is missing and how it is made."""
    monkeypatch.setenv("TRUSTWRIGHT_HOME", str(tmp_path))
    monkeypatch.setenv("TRUSTWRIGHT_ESTATE", str(write_example(tmp_path)))
    for words in (["list"], ["show", "00"], ["history", "x"], ["export"]):
        assert exit_code(cli, "trustwright", ["certificates", *words]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert "[STORE-ABSENT] → run: trustwright store migrate" in said.err


class Endless:
    """An inventory that makes its rows as they are asked for, and sees how many are still held."""

    def __init__(self, row: CertificateRecord, number: int) -> None:
        self._row, self._number = row, number
        self._held: WeakSet[CertificateRecord] = WeakSet()
        self.made = self.most = 0

    def select(self, *_: object, **__: object) -> Iterator[CertificateRecord]:
        """Yield rows."""
        for number in range(self._number):
            serial = serial_text(number)
            made = self._row.model_copy(update={"serial": serial, "id": f"prod-g1/{serial}"})
            self._held.add(made)
            self.made, self.most = number + 1, max(self.most, len(self._held))
            yield made


@pytest.mark.parametrize(
    "words", [*(("list", "--format", form) for form in FORMS), ("export",)], ids=repr
)
def test_a_large_inventory_is_not_held(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """Of two thousand certificates a table holds a page, every other form the one in hand."""
    inventory = Endless(one(world, serial="ff:ff"), 2000)
    monkeypatch.setattr(world.ports.store, "inventory", inventory)
    assert run(*words).count("\n") >= 2000
    assert inventory.made == 2000
    assert inventory.most <= (terminal._PAGE + 1 if "table" in words else 3)


def test_a_reader_that_leaves_ends_the_reading(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`list | head` reads one page of the inventory, not all of it."""
    inventory = Endless(one(world, serial="ff:ff"), 2000)
    monkeypatch.setattr(world.ports.store, "inventory", inventory)

    def gone(_text: str) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(terminal, "write", gone)
    monkeypatch.setattr(terminal, "_forget_output", lambda: None)
    run("list", code=1)
    assert inventory.made == terminal._PAGE


def test_one_certificate_in_words(run: Run, world: World) -> None:
    """Found by a serial's beginning in any spelling, or by issuer and serial; the page is whole."""
    row = one(world, subject="billing", state="valid")
    digits = row.serial.replace(":", "")
    said = run("show", f"prod-g1/{row.serial}")
    for text in (digits[:12], digits.upper(), row.serial[:20]):
        assert run("show", text) == said
    lines = said.splitlines()
    assert "subject     billing" in lines
    assert "  key usage (critical): its key may sign data, nothing else" in lines
    assert "  extended key usage: accepted from TLS servers only" in lines
    assert f"fingerprint {parse.fingerprint(parse.certificate(row.pem))}" in lines
    moment = f"{row.recorded:%Y-%m-%d %H:%M}"
    assert f"  {moment} by run-2, recorded {moment}" in lines
    assert f"  delivered {moment} by run-2" in lines
    place = world.ports.store.deliveries.get("prod/billing")
    assert place is not None
    assert f"  delivered: this certificate at {place.target}, version 2" in lines
    assert lines[-1] == f"  {moment}  consumer.delivered by run-2: serial {row.serial}, version 2"


def test_one_that_was_replaced(run: Run, world: World) -> None:
    """Its page says by what, and what is in place now."""
    old, new = (one(world, subject="billing", state=each) for each in ("superseded", "valid"))
    said = run("show", old.serial)
    assert f"  replaced {new.recorded:%Y-%m-%d %H:%M} by run-2: by {new.serial}" in said
    assert f"  delivered: serial {new.serial} at " in said


def test_one_as_json(run: Run, world: World) -> None:
    """The row as the list has it, and beside it what else is known."""
    row = one(world, purpose="probe")
    found = json.loads(run("show", row.serial, "--json"))
    (listed,) = json.loads(run("list", "--json", "--purpose", "probe"))
    assert {name: found.pop(name) for name in listed} == listed
    assert found.keys() == {"fingerprint", "extensions", "delivery", "in_place", "ordered", "audit"}
    assert found["delivery"] is None
    assert found["in_place"] is False
    assert found["ordered"]["actor"] == "run-1"
    assert [line["event"] for line in found["audit"]] == ["trustwright.certificate.revoked"]
    assert run("show", row.serial, "--pem") == row.pem


def test_several_begin_alike(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number is said, up to a few."""
    for number, said in ((2, "2 certificates have"), (99, "more than 10 certificates have")):
        inventory = Endless(one(world, serial="ff:ff"), min(number, 11))
        monkeypatch.setattr(world.ports.store, "inventory", inventory)
        assert f"{said} a serial that starts with '0'" in run("show", "0", code=2)


def test_history_of_a_consumer(run: Run, world: World) -> None:
    """Each certificate as it was issued: by whom, when it was in place, what became of it."""
    first, second = json.loads(run("history", "billing", "--environment", "prod", "--json"))
    old, new = (one(world, subject="billing", state=each) for each in ("superseded", "valid"))
    assert (first["serial"], second["serial"]) == (old.serial, new.serial)
    acts = first["acts"]
    assert [acts[name] and acts[name]["actor"] for name in acts] == [
        "run-1",
        "run-1",
        "run-2",
        None,
    ]
    assert list(acts) == ["delivered", "ordered", "replaced", "revoked"]
    assert acts["replaced"]["detail"] == f"by {new.serial}"
    assert acts["replaced"]["at"] == second["acts"]["delivered"]["at"]
    assert second["acts"]["replaced"] is None
    assert "pem" not in first
    newest = json.loads(run("history", "billing", "--newest-first", "--limit", "1", "--json"))
    assert newest == [second]
    table = run("history", "billing").splitlines()
    assert [line.split()[3] for line in table[1:]] == [
        row.serial.replace(":", "")[:16] for row in (old, new)
    ]
    assert run("history", "billing", "--environment", "test") == "no certificate of billing\n"


def test_history_of_a_name(run: Run) -> None:
    """A DNS name leads to whoever carried it; who revoked one, and why, is said."""
    said = run("history", "trustwright-canary.prod.example.internal").splitlines()
    assert len(said) == 2
    assert said[1].endswith("by run-1: probe of a new issuer; lives on as the canary")
    assert "  run-1  revoked " in said[1]
    under = json.loads(run("history", "*.prod.example.internal", "--json"))
    assert len(under) == 8
    assert [row["recorded"] for row in under] == sorted(row["recorded"] for row in under)


def test_export_to_a_file(run: Run, world: World, tmp_path: Path) -> None:
    """A new file that everybody may read, whole, and a manifest that counts what is in it."""
    output = tmp_path / "stock.pem"
    said = run("export", str(output), "--role", "proxy")
    assert said.splitlines()[0] == "2 certificates: 1 superseded, 1 valid"
    found = x509.load_pem_x509_certificates(output.read_bytes())
    assert [serial_text(each.serial_number) for each in found] == [
        one(world, subject="gateway", state=state).serial for state in ("superseded", "valid")
    ]
    manifest = json.loads((tmp_path / "stock.pem.manifest.json").read_text())
    assert manifest == {
        "format": 1,
        "at": "2026-11-25T12:00:01Z",
        "as": "pem",
        "asked": {"role": "proxy"},
        "count": 2,
        "states": {"superseded": 1, "valid": 1},
        "environments": {"prod": 2},
        "bytes": output.stat().st_size,
        "sha256": hashlib.sha256(output.read_bytes()).hexdigest(),
    }
    assert stat.S_IMODE(output.stat().st_mode) == 0o644
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "stock.pem",
        "stock.pem.manifest.json",
    ]


def test_export_takes_no_place(run: Run, tmp_path: Path) -> None:
    """Neither a file nor a manifest that is there is written over, and nothing is half done."""
    for name in ("a.pem", "b.pem.manifest.json"):
        (tmp_path / name).write_text("mine")
    for output in ("a.pem", "b.pem"):
        assert "[FILE-EXISTS]" in run("export", str(tmp_path / output), code=6)
    assert "[FILE-WRITE]" in run("export", str(tmp_path / "absent" / "c.pem"), code=2)
    assert sorted((each.name, each.read_text()) for each in tmp_path.iterdir()) == [
        ("a.pem", "mine"),
        ("b.pem.manifest.json", "mine"),
    ]


def test_export_as_lines(run: Run, tmp_path: Path) -> None:
    """JSON lines and CSV hold what the list holds; the manifest goes where it is asked to go."""
    manifest = tmp_path / "counts.json"
    words = ("export", "--format", "jsonl", "--state", "valid", "--manifest", str(manifest))
    lines = [json.loads(line) for line in run(*words).splitlines()]
    assert lines == json.loads(run("list", "--json", "--state", "valid"))
    assert json.loads(manifest.read_text())["count"] == len(lines) == 4
    assert run("export", "--format", "csv") == run("list", "--format", "csv")


@pytest.mark.parametrize("form", ["pem", "jsonl"])
@pytest.mark.parametrize(
    "beside", ["-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "AAAA\n"]
)
def test_a_key_is_never_exported(
    run: Run,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    form: str,
    beside: str,
) -> None:
    """A row that holds more than its certificate ends the export, and no file is left."""
    row = one(world, serial="ff:ff")
    spoilt = row.model_copy(update={"pem": row.pem + beside})
    monkeypatch.setattr(world.ports.store, "inventory", Endless(spoilt, 3))
    said = run("export", str(tmp_path / "stock"), "--format", form, code=4)
    assert "prod-g1/00: " in said
    assert "[X509-PEM]" in said
    assert "AAAA" not in said
    assert list(tmp_path.iterdir()) == []
