"""Prefect's REST API, as far as commands and the lifecycle need it; no `prefect` import."""

from trustwright.prefect_api.api import FINAL, WAITING, FlowRun, PrefectApi
from trustwright.prefect_api.runs import SUSPENDED, PrefectRuns

__all__ = ["FINAL", "SUSPENDED", "WAITING", "FlowRun", "PrefectApi", "PrefectRuns"]
