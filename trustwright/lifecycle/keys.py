"""The intermediate's key in Vault: without it a signature over it is worth nothing."""

from __future__ import annotations

from trustwright.errors import VerificationError
from trustwright.lifecycle.environments import settings_of
from trustwright.policy.naming import issuer_name
from trustwright.ports import Ports


def check_key_kept(ports: Ports, name: str, generation: int) -> None:
    """Check that Vault still holds the key that a generation's request was made over.

    Raises:
        VerificationError: it does not (rule ``KEY-LOST``); no import will ever succeed.
        ConfigurationError: this machine has no login of the rotator.
        UpstreamError: Vault does not say; nothing is known.
    """
    settings_of(ports, name)
    issuer = ports.records.issuers.get(issuer_name(name, generation))
    if issuer is None:
        return
    kept = ports.rotator(name).keys()
    if issuer.key_id in kept:
        return
    raise VerificationError(
        f"Vault does not hold the key of {issuer.id} any more",
        rule="KEY-LOST",
        hint="restore Vault from its backup, or give this generation up: "
        f"trustwright bootstrap {name} --new-generation REASON",
        where=issuer.id,
    )
