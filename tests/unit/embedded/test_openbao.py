"""What OpenBao is given before it starts, and what its last words mean."""

from __future__ import annotations

import json

import pytest

from tests.fakes.clock import HeldClock
from trustwright.clock import SystemClock
from trustwright.embedded.folder import Folder, write_private
from trustwright.embedded.keys import private_key, public_pem
from trustwright.embedded.openbao import infrastructure, openbao
from trustwright.embedded.part import Part
from trustwright.embedded.state import StackState
from trustwright.errors import ConfigurationError

pytestmark = pytest.mark.unit


def test_openbao_is_configured_from_infra(folder: Folder, state: StackState) -> None:
    """Every name of the templates is filled in, quoted, and the comments stay behind."""
    openbao(folder, state, HeldClock(SystemClock().now())).prepare()
    written = (folder.openbao / "openbao.hcl").read_text()
    assert f"path = {json.dumps(str(folder.openbao / 'data'))}" in written
    assert 'address         = "127.0.0.1:18200"' in written
    assert "disable_clustering = true" in written
    assert 'file_path = "audit.log"' in written
    assert "#" not in written.replace("# otherwise it listens on the next port, too", "")
    policy = (folder.openbao / "provisioner.hcl").read_text()
    assert 'path "+/sys/mounts/pki"' in policy
    assert 'path "sys/mounts/pki"' in policy
    assert 'path "sys/policies/acl/provisioner"' in policy


@pytest.fixture
def begun(folder: Folder, state: StackState) -> Part:
    """Return OpenBao after its first start: there are data that its keys belong to."""
    part = openbao(folder, state, SystemClock())
    part.prepare()
    (folder.openbao / "data").mkdir()
    (folder.openbao / "data" / "CURRENT").touch()
    return part


def test_a_lost_seal_key_is_not_replaced(folder: Folder, begun: Part) -> None:
    """Another one would open nothing; the error names the file and what is at stake."""
    seal, data = folder.openbao / "seal.key", folder.openbao / "data"
    kept = seal.read_bytes()
    seal.unlink()
    with pytest.raises(ConfigurationError) as refused:
        begun.prepare()
    assert (refused.value.rule, refused.value.where) == ("STACK-SEAL", str(seal))
    assert str(data) in refused.value.what
    assert not seal.exists()
    write_private(seal, kept)
    begun.prepare()
    assert seal.read_bytes() == kept


def test_the_provisioners_key_may_be_elsewhere(folder: Folder, begun: Part) -> None:
    """It is not made anew, for OpenBao would not know it; the known one is recognized."""
    key, public = folder.identities / "provisioner.key", folder.openbao / "provisioner.pub"
    kept, known = key.read_bytes(), public.read_bytes()
    key.unlink()
    begun.prepare()
    assert not key.exists()
    write_private(key, kept)
    begun.prepare()
    assert public.read_bytes() == known


def test_another_provisioners_key_is_refused(folder: Folder, begun: Part) -> None:
    """What OpenBao knows is not overwritten with what it does not."""
    key, public = folder.identities / "provisioner.key", folder.openbao / "provisioner.pub"
    known = public.read_bytes()
    key.unlink()
    private_key(key)
    with pytest.raises(ConfigurationError) as refused:
        begun.prepare()
    assert (refused.value.rule, refused.value.where) == ("STACK-KEY", str(key))
    assert public.read_bytes() == known


def test_before_the_first_start_everything_is_made(folder: Folder, state: StackState) -> None:
    """Also when an earlier one died before OpenBao wrote anything, and a key was removed."""
    part = openbao(folder, state, SystemClock())
    part.prepare()
    (folder.openbao / "data").mkdir()
    (folder.openbao / "seal.key").unlink()
    (folder.identities / "provisioner.key").unlink()
    part.prepare()
    key = private_key(folder.identities / "provisioner.key")
    assert (folder.openbao / "provisioner.pub").read_bytes() == public_pem(key)
    assert len((folder.openbao / "seal.key").read_bytes()) == 32


AUDIT = (
    '[WARN] failed to unseal core: error="unseal with stored key failed: failed to validate audit '
    "device config trustwright/: modifications to audit devices are not allowed: audit device "
    'trustwright/ is missing option file_path differs: audit.log (table) vs other.log (config)"'
)
SEALED = (
    '[WARN] failed to unseal core: error="unseal with stored key failed: message authentication"'
)


@pytest.mark.parametrize(
    ("words", "advice"),
    [(AUDIT, "before '(table)'"), (SEALED, "seal.key back"), ("panic: something else", "")],
)
def test_what_openbao_says_is_explained(
    folder: Folder, state: StackState, words: str, advice: str
) -> None:
    """Each cause has its own remedy: a changed audit device has nothing to do with the seal."""
    said = openbao(folder, state, SystemClock()).explain(words)
    assert advice in said
    assert bool(said) is bool(advice)
    assert ("seal.key" in said) is (words == SEALED)


def test_a_missing_template_is_an_incomplete_installation() -> None:
    """The error names the file."""
    with pytest.raises(ConfigurationError) as refused:
        infrastructure("nothing.hcl")
    assert refused.value.rule == "STACK-INFRA"
    assert "nothing.hcl" in refused.value.what
