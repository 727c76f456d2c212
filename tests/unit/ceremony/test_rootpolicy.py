"""policy.toml: written, read back, and refused with the member named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.ceremony.material import DOMAINS, OIDS
from trustwright.ceremony.rootpolicy import as_toml, from_text, load, new_policy, overlap
from trustwright.errors import ConfigurationError

pytestmark = pytest.mark.unit


def test_policy_reads_back_as_it_was_written(tmp_path: Path) -> None:
    """TOML and canonical text both give the same policy."""
    policy = new_policy('Ex "ample"', DOMAINS, OIDS)
    path = tmp_path / "policy.toml"
    path.write_text(as_toml(policy))

    assert policy == load(path) == from_text(policy.text())
    assert policy.digest() == load(path).digest()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version = 1", "version = 0", "version"),
        ('"1830d"', '"forever"', "maximum_validity"),
        ("maximum_path_length = 0", "maximum_path_length = 1", "maximum_path_length"),
        ('"180d"', '"23h"', "crl_validity"),
        ('"180d"', '"401d"', "crl_validity"),
        ("[environments.prod]", "[environments.root-crl]", "root-crl is what a request"),
        ("prod.example.internal", "10.0.0.1", "domain"),
        (OIDS["prod"], "1.40.1", "second arc"),
        (OIDS["prod"], "1.3.2147483648", "31 bits"),
        ('"ec-p384"', '"rsa-1024"', "keys"),
        ("[environments.prod]", "[environments.Prod]", "environments"),
        ("prod.example.internal", "a.test.example.internal", "overlap"),
        (OIDS["prod"], OIDS["test"], "same policy OID"),
        ("version = 1", "version = 1\napproved = true", "approved"),
        ("version = 1", "version = ", "not TOML"),
        ('"Example"', '"Ex\\u001bample"', "organization"),
        ('"Example"', '"%s"' % ("E" * 48), "too long for a common name"),
    ],
)
def test_wrong_policy_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    """The error names the member."""
    text = as_toml(new_policy("Example", DOMAINS, OIDS))
    assert old in text
    path = tmp_path / "policy.toml"
    path.write_text(text.replace(old, new, 1))

    with pytest.raises(ConfigurationError) as refused:
        load(path)
    assert (refused.value.rule, refused.value.where) == ("ROOT-POLICY", str(path))
    assert said in refused.value.what


@pytest.mark.parametrize(
    "text", ["x = " + "[" * 3000 + "]" * 3000, "[" * 60_000, "a" + ".a" * 30_000]
)
def test_endless_nesting_is_refused(tmp_path: Path, text: str) -> None:
    """A file that no parser gets to the bottom of is a wrong file, not a crash."""
    (tmp_path / "policy.toml").write_text(text)

    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path / "policy.toml")
    assert refused.value.rule == "ROOT-POLICY"


@pytest.mark.parametrize(
    ("domains", "oids", "said"),
    [
        ({"test": "Test.X"}, {}, "environments.test.domain: must be a DNS name of two labels"),
        ({"Test": "test.x"}, {}, "environments.Test: must be a name of lower-case letters"),
        ({"test": "test.x"}, {"test": "1.2.x"}, "test.policy_oid: must be a dotted object"),
        ({"test": "test.x"}, {"prod": "1.2.3"}, "--policy-oid prod: there is no --environment"),
    ],
)
def test_wrong_option_is_explained(
    domains: dict[str, str], oids: dict[str, str], said: str
) -> None:
    """A form is shown by an example and not by a pattern; nothing of a policy file is said."""
    with pytest.raises(ConfigurationError) as refused:
        new_policy("Example", domains, oids)
    assert said in refused.value.what
    assert "pattern" not in refused.value.what
    assert refused.value.hint == "mend the option, and start again; nothing was made"


def test_missing_and_huge_files_are_refused(tmp_path: Path) -> None:
    """Nothing there, or far too much."""
    (tmp_path / "huge").write_text("#" * 100_000)
    for name in ("nothing", "huge"):
        with pytest.raises(ConfigurationError) as refused:
            load(tmp_path / name)
        assert refused.value.rule == "ROOT-POLICY"


def test_oid_needs_its_environment() -> None:
    """An OID for an environment that is not there is a slip."""
    with pytest.raises(ConfigurationError, match="stage"):
        new_policy("Example", DOMAINS, {"stage": "1.2.3"})


def test_subtrees_overlap_at_labels_only() -> None:
    """test.example and mytest.example are two subtrees."""
    assert overlap("a.example", "b.a.example")
    assert overlap("a.example", "a.example")
    assert not overlap("mytest.example", "test.example")
