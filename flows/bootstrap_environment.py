"""Bring one environment to life: mount, key, ceremony, anchor, proof, first certificates.

Run it again from the top whenever it stopped, for whatever reason: every step asks the record
whether it is done. While it waits for the offline signature it is suspended and holds nothing but
the environment.
"""

from __future__ import annotations

from prefect import flow

from flows.gate import await_signature
from flows.hooks import tell_run_crashed, tell_run_failed
from flows.report import report_environment
from tasks.ceremonies import record_signed
from tasks.environments import claim_environment, finish_environment, prepare_environment
from tasks.issuers import introduce_intermediate, prove_intermediate
from tasks.leaves import prove_separation, serve_consumers, settle_left_behind


@flow(
    name="bootstrap-environment",
    flow_run_name="bootstrap {environment}",
    on_failure=[tell_run_failed],
    on_crashed=[tell_run_crashed],
)
def bootstrap_environment(environment: str) -> None:
    """Bootstrap the environment of this name in the estate file.

    Args:
        environment: name of an environment in the estate file.
    """
    claim_environment(environment)
    prepare_environment(environment)
    await_signature(environment)
    record_signed(environment)
    introduce_intermediate(environment)
    prove_intermediate(environment)
    served = serve_consumers(environment)
    settle_left_behind(environment)
    judgements = prove_separation(environment)
    report_environment(environment, served, judgements)
    finish_environment(environment)
