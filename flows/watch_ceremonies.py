"""Finish what nobody will finish: expired requests, cancelled runs, what dead runs left."""

from __future__ import annotations

from prefect import flow

from flows.hooks import tell_run_crashed, tell_run_failed
from tasks.ceremonies import settle_left_behind_everywhere
from tasks.ceremonies import watch_ceremonies as look_after


@flow(
    name="watch-ceremonies",
    on_failure=[tell_run_failed],
    on_crashed=[tell_run_crashed],
)
def watch_ceremonies() -> None:
    """Look after the pending ceremonies of every environment, then after what was left behind."""
    look_after()
    settle_left_behind_everywhere()
