"""Look at everything that ends, drifts or should not be there; start what renews it.

Every part is looked at by itself: one that cannot be looked at is said and closes no finding, and
the others go on. Two sweeps at once do no harm, and one that died is made up for by the next.
"""

from __future__ import annotations

from prefect import flow

from flows.artifacts import publish_estate
from flows.hooks import tell_run_crashed, tell_run_failed
from tasks.sweeps import (
    begin_sweep,
    compare_with_vault,
    end_sweep,
    fetch_crls,
    hand_over_due,
    inspect_targets,
    judge_deadlines,
    judge_records,
    judge_root,
    probe_endpoints,
    settle_findings,
    swept_environments,
)


@flow(
    name="sweep-expiry",
    on_failure=[tell_run_failed],
    on_crashed=[tell_run_crashed],
)
def sweep_expiry(environment: str = "") -> None:
    """Sweep one environment, or all of them.

    Args:
        environment: name of an environment in the estate file; empty for all.
    """
    sweep = begin_sweep(environment)
    for name in swept_environments(sweep, environment):
        looks = [
            judge_records(name),
            judge_deadlines(name),
            fetch_crls(name),
            compare_with_vault(name),
            inspect_targets(name),
            probe_endpoints(name),
        ]
        settle_findings(sweep, name, looks)
        hand_over_due(sweep, name)
    judge_root(sweep)
    end_sweep(sweep)
    publish_estate()
