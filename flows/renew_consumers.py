"""Give the consumers that are due a new certificate and a fresh set.

It holds no environment and needs no provisioner: consumers are held one by one. Run it as often as
you like, several at once: what is current, held elsewhere or behind an open breaker is left alone.
"""

from __future__ import annotations

from prefect import flow

from flows.artifacts import show_renewed
from flows.hooks import tell_run_crashed, tell_run_failed
from flows.report import report_renewal
from tasks.leaves import consumers_to_renew, renew_batch
from trustwright.lifecycle.consumers import Served
from trustwright.policy.renewal import batches


@flow(
    name="renew-consumers",
    flow_run_name="renew {environment}",
    on_failure=[tell_run_failed],
    on_crashed=[tell_run_crashed],
)
def renew_consumers(environment: str, consumers: list[str] | None = None) -> None:
    """Serve the environment's consumers that are due, or those that are named.

    Args:
        environment: name of an environment in the estate file, whose issuer is proven.
        consumers: names in the estate file; none means all that are due.
    """
    names = consumers_to_renew(environment, consumers or [])
    served: list[Served] = []
    for batch in batches(names):
        served += renew_batch(environment, batch)
        show_renewed(environment, len(served), len(names))
    report_renewal(environment, served)
