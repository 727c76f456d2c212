"""Steps on an environment's intermediate."""

from __future__ import annotations

from tasks.environments import this_run
from tasks.step import step
from trustwright.assembly import assembled
from trustwright.lifecycle import application, introduction, proof


@step("import the intermediate and make its anchor")
def introduce_intermediate(environment: str) -> str:
    """Return the issuer's name once it is in Vault and its anchor is made."""
    with assembled(actor=this_run()) as ports:
        return introduction.introduce_intermediate(ports, environment).id


@step("prove the intermediate with a probe")
def prove_intermediate(environment: str) -> str:
    """Return the serial of the canary, the probe that was issued, validated and revoked."""
    with assembled(actor=this_run()) as ports:
        return proof.prove_intermediate(ports, environment).canary or ""


@step("point the default at the current issuer")
def restore_default_issuer(environment: str) -> str:
    """Return the issuer that the mount's default was moved back to, or an empty text."""
    with assembled(actor=this_run()) as ports:
        return application.restore_default(ports, environment)
