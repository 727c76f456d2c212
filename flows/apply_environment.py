"""Bring one environment, which is ready, to what the estate file says.

Run it again from the top whenever it stopped: every step looks at the world and mends what differs.
Nothing is removed that was not approved by its address, whatever has appeared meanwhile: it is left
and reported.
"""

from __future__ import annotations

from prefect import flow

from flows.hooks import tell_run_crashed, tell_run_failed
from flows.report import fail_on_unserved, report_left
from tasks.environments import (
    claim_ready_environment,
    plan_environment,
    prepare_environment,
    release_environment,
)
from tasks.issuers import restore_default_issuer
from tasks.leaves import retire_consumers, serve_consumers, settle_left_behind


@flow(
    name="apply-environment",
    flow_run_name="apply {environment}",
    on_failure=[tell_run_failed],
    on_crashed=[tell_run_crashed],
)
def apply_environment(environment: str, destroy: list[str] | None = None) -> None:
    """Apply the estate file to the environment of this name.

    Args:
        environment: name of an environment in the estate file; its bootstrap is over.
        destroy: addresses of what may be removed, as a plan shows them.
    """
    approved = destroy or []
    claim_ready_environment(environment)
    changed = prepare_environment(environment, approved)
    restore_default_issuer(environment)
    served = serve_consumers(environment)
    retired = retire_consumers(environment, approved)
    settle_left_behind(environment)
    left = plan_environment(environment)
    report_left(left, changed, retired)
    release_environment(environment)
    fail_on_unserved(environment, served)
