"""The provisioner's own policy, brought to this release where no operator is who could write it.

A server that initialized itself (``infra/vault/self-init.hcl``) has no root token and no recovery
key: what its first start wrote would be for ever. The provisioner writes the policies and logins
of the identities, so it has one of them write the provisioner's policy, by a secret that is good
for one login and stays in memory. It gets no right that it could not have taken itself.
"""

from __future__ import annotations

import secrets
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from trustwright.errors import Denied, VerificationError
from trustwright.vault import identities, replies
from trustwright.vault.client import Connection

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

OWN: Final = f"sys/policies/acl/{identities.PROVISIONER}"
WRITER: Final = "admin"
"""Whose policy and login are used in the root namespace, where an environment seldom is."""
POLICY: Final = f"sys/policies/acl/{identities.policy_name(WRITER)}"
MOUNT: Final = f"sys/auth/approle-{WRITER}"
ROLE: Final = f"auth/approle-{WRITER}/role/{WRITER}"
EARLIER: Final = (
    "`trustwright up` brings its own OpenBao's to this release; elsewhere an operator writes "
    "what `trustwright vault policies ENVIRONMENT` prints"
)
"""What to do about a policy that an earlier release wrote."""
SECONDS: Final = 60
"""Life of the secret."""

WIDENED: Final = f"""\
# Trustwright: writes the provisioner's policy, once. A run that was cut left it: run it again.
path "{OWN}" {{
  capabilities = ["read", "update"]
}}
path "{POLICY}" {{
  capabilities = ["update", "delete"]
}}
path "{MOUNT}" {{
  capabilities = ["delete", "sudo"]
}}
"""


@dataclass(frozen=True)
class _OneLogin:
    """An AppRole that is in no file."""

    role_id: str
    secret_id: str = field(repr=False)
    path: str = f"auth/approle-{WRITER}/login"

    def body(self, now: datetime) -> dict[str, str]:
        """Return role_id and secret_id."""
        del now
        return {"role_id": self.role_id, "secret_id": self.secret_id}


def renew_own_policy(address: str, ca: Path, key: Path, text: str) -> bool:
    """Make `text` the provisioner's policy; return whether anything was written.

    Whoever dies in between runs it again. An environment in the root namespace whose admin policy
    or AppRole such a run has lost gets it back when it is prepared again.

    Args:
        address: of a server whose provisioner logs in at the root namespace.
        ca: PEM bundle that verifies it.
        key: the provisioner's.
        text: the whole policy; it has to let the provisioner read it (``provisioner-own.hcl``).

    Raises:
        UpstreamError: the server does not answer, or says no.
        VerificationError: it keeps another text (rule ``VAULT-NOT-KEPT``).
    """
    with closing(Connection(address, identities.provisioner_credentials(key), ca=ca)) as own:
        before = _text(own, POLICY)
        cut = before == WIDENED.strip()
        if _text(own, OWN) == text.strip() and not cut:
            return False
        used = own.find(ROLE) is not None and not cut
        _write(own, text, kept="" if cut else before, used=used)
        return True


def _text(connection: Connection, path: str) -> str:
    """Return a policy; empty when there is none, or an earlier release let nobody read it."""
    try:
        found = connection.find(path)
    except Denied:
        return ""
    return str((found or {}).get("policy") or "").strip()


def _write(own: Connection, text: str, *, kept: str, used: bool) -> None:
    own.write(POLICY, {"policy": WIDENED})
    if own.find(MOUNT) is None:
        own.write(MOUNT, {"type": "approle"})
    with closing(Connection(own.address, _login(own), ca=own.ca)) as writer:
        writer.write(OWN, {"policy": text})
        if _text(writer, OWN) != text.strip():
            raise VerificationError(
                "written, yet the server keeps another policy", rule="VAULT-NOT-KEPT", where=OWN
            )
        if not used:
            writer.delete(MOUNT)
        # Last: the writer can do nothing any more.
        if kept:
            writer.write(POLICY, {"policy": kept})
        else:
            writer.delete(POLICY)


def _login(own: Connection) -> _OneLogin:
    """Return a login that works once, within a minute."""
    own.write(ROLE, identities.approle_role(WRITER))
    secret = secrets.token_urlsafe(32)
    body = {"secret_id": secret, "num_uses": 1, "ttl": f"{SECONDS}s"}
    own.write(f"{ROLE}/custom-secret-id", body)
    reply = own.read(f"{ROLE}/role-id") or {}
    return _OneLogin(replies.text(reply, "role_id", ROLE), secret)
