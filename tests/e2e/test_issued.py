"""What a real OpenBao issued: linted twice, and verified by three programs that share no code."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509

from tests.e2e.real import RealWorld
from tests.vectors.second_opinion import ARGUED, certificate_findings, crl_findings
from trustwright.clock import SystemClock
from trustwright.x509 import parse
from trustwright.x509.encoding import USAGE_OIDS
from trustwright.x509.lint import Kind, lint_certificate, lint_crl
from trustwright.x509.path import path_holds, verify_anchor

pytestmark = pytest.mark.e2e
ENVIRONMENTS = ("test", "prod")
CONSUMERS = ("billing", "gateway", "collector", "ledger")
environments = pytest.mark.parametrize("environment", ENVIRONMENTS)
consumers = pytest.mark.parametrize("consumer", CONSUMERS)


@dataclass(frozen=True)
class Chain:
    """A leaf with the intermediate that it is presented with."""

    leaf: x509.Certificate
    intermediate: x509.Certificate


Verifier = Callable[[Chain, x509.Certificate, Path], tuple[bool, str]]
"""Judges a chain under one trusted certificate; says whether it holds, and why."""


def by_openssl(chain: Chain, trusted: x509.Certificate, folder: Path) -> tuple[bool, str]:
    """Ask ``openssl verify`` in its strict mode, the trusted certificate's signature included."""
    files = written(folder, leaf=chain.leaf, above=chain.intermediate, trusted=trusted)
    strict = ("-x509_strict", "-check_ss_sig", "-no-CApath", "-no-CAstore")
    given = ("-CAfile", files["trusted"], "-untrusted", files["above"], files["leaf"])
    return asked("openssl", "verify", *strict, *given)


def by_gnutls(chain: Chain, trusted: x509.Certificate, folder: Path) -> tuple[bool, str]:
    """Ask ``certtool --verify``; a chain ends below what is trusted."""
    pem = parse.pem(chain.leaf) + parse.pem(chain.intermediate)
    (folder / "chain.pem").write_text(pem)
    files = written(folder, trusted=trusted)
    return asked(
        "certtool",
        "--verify",
        "--load-ca-certificate",
        files["trusted"],
        "--infile",
        str(folder / "chain.pem"),
    )


def by_ourselves(chain: Chain, trusted: x509.Certificate, _folder: Path) -> tuple[bool, str]:
    """Ask our own walk, behind the library's, for every usage of the leaf."""
    usages = parse.extension(chain.leaf, x509.ExtendedKeyUsage)
    assert usages is not None
    now = SystemClock().now()
    held = {
        usage: path_holds(
            chain.leaf, [chain.intermediate], [trusted], at=now, usage=usage, name=None
        )
        for usage, oid in USAGE_OIDS.items()
        if oid in usages
    }
    assert len(set(held.values())) == 1, held
    return all(held.values()), str(held)


VERIFIERS: dict[str, Verifier] = {
    "openssl": by_openssl,
    "gnutls": by_gnutls,
    "own walk": by_ourselves,
}
verifiers = pytest.mark.parametrize("verify", VERIFIERS.values(), ids=VERIFIERS)


def asked(*command: str) -> tuple[bool, str]:
    """Run a verifier; return whether it accepts, and what it says."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def written(folder: Path, **certificates: x509.Certificate) -> dict[str, str]:
    """Write certificates as files of their names."""
    for name, certificate in certificates.items():
        (folder / f"{name}.pem").write_text(parse.pem(certificate))
    return {name: str(folder / f"{name}.pem") for name in certificates}


def delivered(world: RealWorld, environment: str, consumer: str) -> tuple[Chain, x509.Certificate]:
    """Return the chain and the anchor that lie in a consumer's folder."""
    folder = world.delivered(environment, consumer)
    leaf, intermediate = parse.certificates((folder / "fullchain.pem").read_text())
    return Chain(leaf, intermediate), parse.certificate((folder / "trust.pem").read_text())


@verifiers
@environments
@consumers
def test_every_verifier_accepts_both_paths(
    two_environments: RealWorld, environment: str, consumer: str, verify: Verifier, tmp_path: Path
) -> None:
    """Leaf → intermediate → root, and leaf → anchor."""
    chain, anchor = delivered(two_environments, environment, consumer)
    for trusted in (two_environments.root.certificate, anchor):
        accepted, said = verify(chain, trusted, tmp_path)
        assert accepted, said


@verifiers
@environments
@consumers
def test_every_verifier_refuses_the_other_anchor(
    two_environments: RealWorld, environment: str, consumer: str, verify: Verifier, tmp_path: Path
) -> None:
    """Under the other environment's anchor no path holds, not even with its own intermediate."""
    other = next(each for each in ENVIRONMENTS if each != environment)
    chain, _ = delivered(two_environments, environment, consumer)
    foreign, anchor = delivered(two_environments, other, consumer)
    for each in (chain, Chain(chain.leaf, foreign.intermediate)):
        accepted, said = verify(each, anchor, tmp_path)
        assert not accepted, said


def every_certificate(world: RealWorld) -> list[tuple[str, Kind, x509.Certificate]]:
    """Return what was signed in a world, from the record, with name and kind."""
    store = world.ports.store
    found: list[tuple[str, Kind, x509.Certificate]] = [
        (each.id, "end-entity", parse.certificate(each.pem))
        for name in ENVIRONMENTS
        for each in store.certificates.find(environment=name)
    ]
    for name in ENVIRONMENTS:
        for issuer in store.issuers.find(environment=name):
            made = parse.certificate(issuer.certificate or "")
            found += [(issuer.id, "intermediate", made)]
            found += [(f"{issuer.id} anchor", "anchor", parse.certificate(issuer.anchor or ""))]
    return found


def test_every_certificate_is_clean_for_both_linters(two_environments: RealWorld) -> None:
    """Leaves, probes, intermediates and anchors: no clause of ours, and only argued findings."""
    found = every_certificate(two_environments)
    kinds = [kind for _, kind, _ in found]
    assert kinds.count("end-entity") >= len(ENVIRONMENTS) * (len(CONSUMERS) + 1)
    assert (kinds.count("intermediate"), kinds.count("anchor")) == (2, 2)
    for name, kind, certificate in found:
        assert lint_certificate(certificate, kind) == (), name
        argued = ARGUED if kind == "end-entity" else set()
        assert certificate_findings(certificate) <= argued, name


@environments
@consumers
def test_every_delivered_file_is_clean_for_both_linters(
    two_environments: RealWorld, environment: str, consumer: str
) -> None:
    """What lies in the folder is what the record says, and its CRL breaks no clause either."""
    chain, anchor = delivered(two_environments, environment, consumer)
    recorded = [certificate for _, _, certificate in every_certificate(two_environments)]
    assert [each in recorded for each in (chain.leaf, chain.intermediate, anchor)] == [True] * 3
    verify_anchor(anchor, chain.intermediate)
    crl = parse.crl((two_environments.delivered(environment, consumer) / "crl.pem").read_bytes())
    assert lint_crl(crl) == ()
    assert crl_findings(crl) == set()
