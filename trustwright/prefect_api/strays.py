"""Runs that claim to be at work and have no process: nobody would ever end them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from trustwright.prefect_api.api import PrefectApi

AT_WORK = ("RUNNING", "PENDING", "CANCELLING")


def end_strays(api: PrefectApi, going_on: Collection[str] = ()) -> None:
    """Set runs to Crashed (or Cancelled) that claim to run and have no process.

    Only the one runner of a server may say so, before it starts its first run.

    Args:
        api: the server.
        going_on: runs whose process goes on although its runner has died: it reports its own end.
    """
    for run in api.flow_runs(states=AT_WORK):
        if run.id not in going_on:
            api.abandon(run, "its process ended without a word")
