"""Carrying out a plan: begun only where a bootstrap is over, told with what is left."""

from __future__ import annotations

from collections.abc import Sequence

from trustwright.errors import ConfigurationError, TransitionRefused
from trustwright.lifecycle.environments import check_holder, claim, settings_of
from trustwright.lifecycle.journal import note
from trustwright.lifecycle.planning import NO_LOGIN, wanted_default
from trustwright.model.plan import EnvironmentPlan
from trustwright.policy import notices
from trustwright.ports import Ports


def claim_ready(ports: Ports, name: str, run: str) -> None:
    """Take an environment whose bootstrap is over for a run.

    Raises:
        TransitionRefused: it is not ready (rule ``APPLY-PHASE``): its bootstrap does all of this.
        ConflictError: another run that is still alive holds it.
    """
    settings_of(ports, name)
    record = ports.records.environments.get(name)
    phase = record.phase if record else "planned"
    if phase != "ready":
        raise TransitionRefused(
            f"{name} is {phase}: it has to be bootstrapped first",
            rule="APPLY-PHASE",
            hint=f"run: trustwright bootstrap {name}",
        )
    claim(ports, name, run)


def restore_default(ports: Ports, name: str) -> str:
    """Point the mount's default at the current issuer, if it was moved; return where to.

    Without the rotator's login on this machine nothing is looked at, and the audit trail says so.

    Raises:
        UpstreamError: the server does not answer, or says no.
    """
    check_holder(ports, name)
    try:
        issuer_id = wanted_default(ports, name)
    except ConfigurationError as error:
        if error.rule != NO_LOGIN:
            raise
        note(ports, "trustwright.default.skipped", name, name, str(error))
        return ""
    if issuer_id is None:
        return ""
    ports.rotator(name).make_default(issuer_id)
    note(ports, "trustwright.default.restored", name, issuer_id)
    return issuer_id


def tell_applied(ports: Ports, plan: EnvironmentPlan, done: Sequence[str], link: str = "") -> None:
    """Tell people what was done and what is left, and keep it in the audit trail."""
    notice = notices.environment_applied(plan, done, link=link)
    ports.notifier.tell(notice)
    note(ports, notice.event, plan.environment, plan.environment, notice.body)
