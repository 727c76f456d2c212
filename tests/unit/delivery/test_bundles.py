"""The certificates that software reads at a path, whoever put them there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.delivery.material import pki, put
from tests.unit.delivery.test_layout import target
from trustwright.errors import Rejected
from trustwright.ports import Bundles

STRANGE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def test_what_was_delivered_is_read_back(tmp_path: Path) -> None:
    """trust.pem and fullchain.pem of the version in place; nothing before the first one."""
    path = tmp_path / "tls"
    assert target(path).bundles() is None
    path.mkdir()
    assert target(path).bundles() is None
    delivery = pki().delivery()
    put(target(path), delivery)
    assert target(path).bundles() == Bundles(delivery.trust, delivery.chain)


def test_what_somebody_wrote_into_the_version_is_read(tmp_path: Path) -> None:
    """The set is not whole any more and counts as gone; what is in it is looked at all the same."""
    path = tmp_path / "tls"
    delivery = pki().delivery()
    put(target(path), delivery)
    with (path / "versions" / "0001" / "trust.pem").open("a") as file:
        file.write(STRANGE)
    assert target(path).observed() is None
    assert target(path).bundles() == Bundles(delivery.trust + STRANGE, delivery.chain)


def test_a_file_in_place_of_our_link_is_what_software_reads(tmp_path: Path) -> None:
    """Whoever may write into the folder can put a file where the link was."""
    path = tmp_path / "tls"
    delivery = pki().delivery()
    put(target(path), delivery)
    (path / "trust.pem").unlink()
    (path / "trust.pem").write_text(STRANGE)
    assert target(path).bundles() == Bundles(STRANGE, delivery.chain)


def test_a_bundle_that_is_gone_is_empty(tmp_path: Path) -> None:
    """One of the two is there: it is read."""
    path = tmp_path / "tls"
    delivery = pki().delivery()
    put(target(path), delivery)
    (path / "versions" / "0001" / "fullchain.pem").unlink()
    assert target(path).bundles() == Bundles(delivery.trust, "")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Nobody may make a sweep hang or follow a link out of the folder."""
    path = tmp_path / "tls"
    put(target(path), pki().delivery())
    trust = path / "versions" / "0001" / "trust.pem"
    trust.unlink()
    os.mkfifo(trust)
    with pytest.raises(Rejected) as raised:
        target(path).bundles()
    assert raised.value.rule == "DLV-LINK"
    trust.unlink()
    trust.symlink_to("/etc/hostname")
    with pytest.raises(Rejected) as raised:
        target(path).bundles()
    assert raised.value.rule == "DLV-LINK"
