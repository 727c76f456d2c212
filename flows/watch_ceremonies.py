"""Close what nobody will finish: expired requests, cancelled runs, admins' broken commands."""

from __future__ import annotations

from prefect import flow

from flows.hooks import tell_run_crashed, tell_run_failed
from tasks.ceremonies import watch_ceremonies as look_after
from tasks.leaves import settle_admins_everywhere


@flow(
    name="watch-ceremonies",
    on_failure=[tell_run_failed],
    on_crashed=[tell_run_crashed],
)
def watch_ceremonies() -> None:
    """Look after the pending ceremonies of every environment, and after what admins left."""
    look_after()
    settle_admins_everywhere()
