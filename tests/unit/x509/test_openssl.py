"""OpenSSL, in its strictest mode, accepts every chain and CRL that we make, and refuses others."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from tests.vectors import pki
from trustwright.x509 import crl, parse

if TYPE_CHECKING:
    from pathlib import Path

AT = str(int(pki.NOW.timestamp()))
STRICT = (
    "-x509_strict",
    "-check_ss_sig",
    "-policy_check",
    "-attime",
    AT,
    "-no-CApath",
    "-no-CAfile",
    "-no-CAstore",
)


def _file(
    folder: Path, name: str, *items: x509.Certificate | x509.CertificateRevocationList
) -> str:
    path = folder / name
    path.write_text("".join(map(parse.pem, items)))
    return str(path)


def _verify(
    folder: Path,
    anchor: x509.Certificate,
    *certificates: x509.Certificate,
    options: tuple[str, ...] = (),
) -> bool:
    leaf, *chain = certificates
    untrusted = ("-untrusted", _file(folder, "chain.pem", *chain)) if chain else ()
    trusted = _file(folder, "anchor.pem", anchor)
    done = subprocess.run(
        [
            "openssl",
            "verify",
            *STRICT,
            *options,
            "-trusted",
            trusted,
            *untrusted,
            _file(folder, "leaf.pem", leaf),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0


@pytest.mark.parametrize("urls", [False, True], ids=["plain", "urls"])
def test_every_chain_is_accepted(tmp_path: Path, urls: bool) -> None:
    """Root by itself; root → intermediate → end entity; anchor → end entity."""
    root, ica = pki.root().certificate, pki.intermediate(urls=urls)
    draft = pki.Draft.of(pki.end_entity(usage=("server", "client")))
    leaf = draft.having(x509.AuthorityKeyIdentifier(ica.skid, None, None)).sign(ica.key)
    anchor = pki.anchor(urls=urls)
    assert _verify(tmp_path, root, root)
    assert _verify(tmp_path, root, ica.certificate)
    assert _verify(tmp_path, root, leaf, ica.certificate)
    assert _verify(tmp_path, anchor, anchor)
    assert _verify(tmp_path, anchor, leaf)
    assert _verify(tmp_path, anchor, leaf, ica.certificate)
    for purpose in ("sslserver", "sslclient"):
        assert _verify(tmp_path, anchor, leaf, options=("-purpose", purpose))


def test_the_other_environment_is_refused(tmp_path: Path) -> None:
    """OpenSSL agrees about the boundary: the anchor separates, the root does not."""
    foreign, chain = pki.end_entity("test"), pki.intermediate("test").certificate
    assert not _verify(tmp_path, pki.anchor("prod"), foreign, chain)
    assert _verify(tmp_path, pki.root().certificate, foreign, chain)


def test_crls_are_accepted_and_bind(tmp_path: Path) -> None:
    """With the CRLs in hand a good end entity passes and a revoked one does not."""
    ica, leaf = pki.intermediate(), pki.end_entity()
    for revoked, accepted in (((), True), ((leaf.serial_number,), False)):
        made = crl.build_crl(
            issuer_key=ica.key,
            issuer=ica.certificate,
            number=1,
            this_update=pki.NOW,
            next_update=pki.later(days=3),
            revoked=[crl.Revoked(serial, pki.NOW, "superseded") for serial in revoked],
        )
        path = _file(tmp_path, "crl.pem", made)
        options = ("-crl_check", "-CRLfile", path)
        assert _verify(tmp_path, pki.anchor(), leaf, options=options) == accepted
