"""``trustwright check`` and ``trustwright schema``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.estate.material import change, root, write_example
from trustwright.cli.main import cli
from trustwright.cli.terminal import exit_code


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the example's estate file, with a root of its own."""
    return write_example(tmp_path / "estate")


def test_a_good_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, exit code 0."""
    assert exit_code(cli, "trustwright", ["check", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: no problem\n"


def test_a_channel_without_a_url_is_a_warning(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On stderr; the exit code stays, and a URL in the environment is enough."""
    urls = file.parent / "urls"
    urls.touch(mode=0o600)
    change(file, "/etc/trustwright/notify-urls", "urls")
    monkeypatch.setenv("TRUSTWRIGHT_NOTIFY_CHAT", "json://127.0.0.1")
    assert exit_code(cli, "trustwright", ["check", str(file)]) == 0
    said = capsys.readouterr()
    assert said.out == f"{file}: no problem\n"
    assert said.err == (
        "warning: channel 'pager' has no URL: nobody hears what is routed to it → set "
        "TRUSTWRIGHT_NOTIFY_PAGER, or give it a line in notify.urls_file\n"
    )
    urls.write_text("pager = json://127.0.0.1/s3cret")
    assert exit_code(cli, "trustwright", ["check", str(file)]) == 0
    assert capsys.readouterr().err == ""


def test_sweeps_that_come_too_seldom_are_a_warning(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the interval of the settings here; roles of admins are nobody's to renew."""
    slow = "sweeps every 28800 s can come too late for"
    monkeypatch.setenv("TRUSTWRIGHT_SWEEP_EVERY", "8h")
    assert exit_code(cli, "trustwright", ["check", str(file)]) == 0
    (line,) = [each for each in capsys.readouterr().err.splitlines() if slow in each]
    assert line.startswith(f"warning: {slow} ")
    assert "prod/agent" in line
    assert "server" not in line
    assert "admin" not in line
    monkeypatch.setenv("TRUSTWRIGHT_SWEEP_EVERY", "1h")
    assert exit_code(cli, "trustwright", ["check", str(file)]) == 0
    assert "too late" not in capsys.readouterr().err


def test_unusable_urls_are_a_warning(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file may belong to the account that runs the flows; nothing of it is shown."""
    assert exit_code(cli, "trustwright", ["check", "--json", str(file)]) == 0
    assert capsys.readouterr().err.startswith(
        "warning: /etc/trustwright/notify-urls: the channels' URLs cannot be read: No such file"
    )
    urls = file.parent / "urls"
    urls.touch(mode=0o600)
    urls.write_text("s3cret")
    change(file, "/etc/trustwright/notify-urls", "urls")
    assert exit_code(cli, "trustwright", ["check", str(file)]) == 0
    said = capsys.readouterr().err
    assert "NOTIFY-LINE" in said
    assert "s3cret" not in said


def test_problems_are_printed_with_their_places(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """file:line:column, sentence, rule, remedy; a summary at the end; exit code 2."""
    change(file, "overlap: 14d", "overlap: 14 days")
    change(file, "organization: Example", "organization: ' Example'")

    assert exit_code(cli, "trustwright", ["check", str(file)]) == 2
    assert capsys.readouterr().out == (
        f"{file}:25:16: `environments.test.intermediate.overlap` is no duration [EST-DURATION] → a "
        f"duration reads like 90s, 15m, 72h or 730d\n{file}: 1 problem\n"
    )


def test_rules_across_values_follow(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two problems of the second kind."""
    change(file, "organization: Example", "organization: ' Example'")
    change(file, "namespace: prod", "namespace: test")

    assert exit_code(cli, "trustwright", ["check", str(file)]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition("[")[2].partition("]")[0] for line in lines] == [
        "EST-ORGANIZATION",
        "EST-NAMESPACE-TWICE",
        "",
    ]
    assert lines[-1] == f"{file}: 2 problems"


def test_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same, for programs."""
    change(file, root().fingerprint, "sha256:" + "1" * 64)

    assert exit_code(cli, "trustwright", ["check", "--json", str(file)]) == 2
    assert json.loads(capsys.readouterr().out) == {
        "file": str(file),
        "problems": [
            {
                "file": str(file),
                "line": 9,
                "column": 16,
                "rule": "EST-ROOT-FINGERPRINT",
                "what": f"the certificate's fingerprint is {root().fingerprint}",
                "hint": "compare it with the ceremony's transcript before you change it",
            }
        ],
    }


def test_json_of_a_good_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty list, exit code 0."""
    assert exit_code(cli, "trustwright", ["check", "--json", str(file)]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(file), "problems": []}


def test_the_configured_file_is_checked(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without FILE, what --estate or the environment says."""
    monkeypatch.setenv("TRUSTWRIGHT_HOME", str(file.parent))
    monkeypatch.setenv("TRUSTWRIGHT_ESTATE", "")
    for arguments in (["check"], ["--estate", str(file), "check"]):
        assert exit_code(cli, "trustwright", arguments) == 0
        assert capsys.readouterr().out == f"{file}: no problem\n"


def test_the_terminal_obeys_nothing_of_the_file(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key with an escape sequence is written out."""
    change(file, "organization: Example", 'organization: Example\n"x\\e[31m": 1')

    assert exit_code(cli, "trustwright", ["check", str(file)]) == 2
    assert "unknown key `x\\x1b[31m`" in capsys.readouterr().out


def schema_of(what: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return a printed schema."""
    assert exit_code(cli, "trustwright", ["schema", what]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(
    ("what", "required"),
    [
        ("estate", set()),  # what a part lacks stands in another file
        ("request", {"kind", "root", "created", "expires", "reason", "requested_by"}),
        ("response", {"kind", "request", "root", "number", "root_crl", "signed_at", "transcript"}),
        ("root-policy", {"organization", "environments"}),
    ],
)
def test_schemas(capsys: pytest.CaptureFixture[str], what: str, required: set[str]) -> None:
    """Each names its dialect, refuses unknown keys and knows what is required."""
    found = schema_of(what, capsys)

    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert found["additionalProperties"] is False
    assert set(found.get("required", ())) == required


def test_the_estates_schema_knows_include(capsys: pytest.CaptureFixture[str]) -> None:
    """The reader's own key is no mistake to an editor."""
    assert "include" in schema_of("estate", capsys)["properties"]


def test_a_schema_is_written_to_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same text, with a newline at its end."""
    output = tmp_path / "estate.schema.json"
    printed = schema_of("estate", capsys)

    assert exit_code(cli, "trustwright", ["schema", "--output", str(output)]) == 0
    assert capsys.readouterr().out == f"wrote {output}\n"
    assert json.loads(output.read_text()) == printed
    assert output.read_text().endswith("}\n")


def test_a_schema_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line with place and remedy."""
    output = tmp_path / "no" / "estate.schema.json"

    assert exit_code(cli, "trustwright", ["schema", "--output", str(output)]) == 2
    assert capsys.readouterr().err == (
        f"error: {output}: cannot be written: No such file or directory [CLI-OUTPUT] → name a file "
        "in a folder of yours\n"
    )
