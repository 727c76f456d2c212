"""What people say at a ceremony, and that every rule has a test that names it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.ceremony import material
from trustwright.ceremony import durable
from trustwright.ceremony.request import request_file_name, seal_crl_request
from trustwright.ceremony.response import output_name, response_name
from trustwright.ceremony.witness import confirmed_environment, confirmed_words, witness_names
from trustwright.ceremony.words import CONFIRMED_WORDS, words_of
from trustwright.errors import CeremonyViolation, ConfigurationError, ConflictError

pytestmark = pytest.mark.unit
HERE = Path(__file__).parents[3]


def test_environment_is_typed_as_it_is_called() -> None:
    """The name, exactly; ``root-crl`` where there is none."""
    confirmed_environment(material.request("prod"), " prod ")
    confirmed_environment(material.crl_request(), "root-crl")
    for said in ("", "test", "Prod", "production"):
        with pytest.raises(CeremonyViolation) as refused:
            confirmed_environment(material.request("prod"), said)
        assert refused.value.rule == "CER-314"


def test_words_are_typed_from_the_first() -> None:
    """Eight or more from the beginning; fewer, others or later ones are refused.

    Eight are 64 bits: whoever may choose a request's texts can find another with the same four.
    """
    request = material.request()
    digest = request.digest()
    confirmed_words(request, words_of(digest, 8))
    confirmed_words(request, words_of(digest, 32).lower())
    assert CONFIRMED_WORDS == 8
    for said in (
        "",
        words_of(digest, 4),
        words_of(digest, 7),
        words_of(digest[16:], 8),
        words_of(f"{int(digest[:16], 16) ^ 1:016x}", 8),
    ):
        with pytest.raises(CeremonyViolation) as refused:
            confirmed_words(request, said)
        assert refused.value.rule == "CER-315"


def test_witnesses_have_names() -> None:
    """Empty, endless and unprintable names are refused, and so is a crowd."""
    assert witness_names(["Ada ", "Grace Hopper"]) == ("Ada", "Grace Hopper")
    for names in ([" "], ["x" * 101], ["Ada\x1b[2J"], ["Ada"] * 21):
        with pytest.raises(ConfigurationError) as refused:
            witness_names(names)
        assert refused.value.rule == "WITNESS-NAME"


def test_files_are_named_by_environment_generation_and_digest() -> None:
    """Request, kept response and written response."""
    request = material.request("prod", 3)
    short = f"prod-g3-{request.digest()[:12]}"

    assert request_file_name(request) == f"{short}.request.json"
    assert response_name(request, 7) == f"0007-{short}.response.json"
    assert output_name(f"{short}.request.json") == f"{short}.response.json"
    assert output_name("mail.json") == "mail.response.json"
    assert request_file_name(material.crl_request()).startswith("root-crl-")


def test_seal_refuses_what_does_not_fit() -> None:
    """A value that no request may have, before anything is carried anywhere."""
    with pytest.raises(CeremonyViolation) as refused:
        seal_crl_request(
            root_fingerprint="sha256:0",
            previous=None,
            created=material.NOW,
            expires=material.NOW,
            reason="",
            requested_by="sweep",
        )
    assert refused.value.rule == "CER-SHAPE"


def test_files_are_written_whole_and_once(tmp_path: Path) -> None:
    """The same bytes again are no conflict; other bytes, links and folders are."""
    path = tmp_path / "file"
    durable.write_new(path, b"one")
    durable.write_new(path, b"one")
    (tmp_path / "link").symlink_to(path)
    (tmp_path / "folder").mkdir()
    for name in ("file", "link", "folder"):
        with pytest.raises(ConflictError) as refused:
            durable.write_new(tmp_path / name, b"two")
        assert refused.value.rule == "FILE-EXISTS"
    with pytest.raises(ConfigurationError) as unwritable:
        durable.write_new(tmp_path / "none" / "file", b"one")
    assert unwritable.value.rule == "FILE-WRITE"
    assert path.read_bytes() == b"one"


def test_every_rule_is_named_by_a_test() -> None:
    """An identifier that the offline half can raise stands in some test of this repository."""
    sources = [
        *(HERE / "trustwright/ceremony").glob("*.py"),
        *(HERE / "trustwright/cli").glob("root*.py"),
    ]
    raised = set()
    for source in sources:
        text = source.read_text()
        raised |= set(re.findall(r'rule="([A-Z0-9-]+)"', text))
        raised |= set(re.findall(r'"((?:CER|OPENSSL|PASS|ROOT|SIGN)-[A-Z0-9-]+)"', text))
    tests = [*HERE.glob("tests/unit/ceremony/*.py"), *HERE.glob("tests/e2e/test_root_*.py")]
    named = set()
    for test in tests:
        named |= set(re.findall(r"[A-Z]+-[A-Z0-9-]+", test.read_text()))
    unnamed = raised - named - {f"CER-{number}" for number in range(301, 312)}

    assert unnamed == set()
