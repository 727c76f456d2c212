"""The process that serves the deployments: it asks Prefect for runs and starts one process each.

A run whose process died with its runner stays ``Running`` for ever in Prefect, and would hold its
environment as long. This runner is the only one that executes them, so before a new one starts,
runs without a process are set to ``Crashed``.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from trustwright.embedded.part import Part, bare_environment
from trustwright.embedded.prefect_server import client_settings, password
from trustwright.embedded.process import marked_values
from trustwright.errors import TrustwrightError
from trustwright.prefect_api import PrefectApi
from trustwright.prefect_api.strays import end_strays
from trustwright.settings import ESTATE

if TYPE_CHECKING:
    from trustwright.embedded.folder import Folder
    from trustwright.embedded.process import Process
    from trustwright.embedded.state import StackState

SERVED_MODULE = "deployments.serve"
POLL_SECONDS = 1
PASSED_ON = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"),  # a reload command's `systemctl --user`
        # A store in PostgreSQL may be described, in part, to libpq.
        *("PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD", "PGPASSFILE"),
        *("PGSERVICE", "PGSERVICEFILE", "PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY"),
    }
)
"""Variables of the caller that flow processes get, beside our own and the proxies."""
PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})
"""In either case: channels may be reachable through a proxy only."""
FLOW_RUN = "PREFECT__FLOW_RUN_ID"
"""Variable by which Prefect tells a process which run it is."""
SILENCE = timedelta(seconds=30)
"""A runner that has not asked for work for this long does not work."""


def runner(folder: Folder, state: StackState, module: str) -> Part:
    """Return the runner of ``python -m <module>`` as a part."""
    return Part(
        name="runner",
        title="the flows' runner",
        command=lambda: (sys.executable, "-m", module),
        prepare=lambda: _end_strays(folder, state),
        environment=lambda: _environment(folder, state),
        mark=f"{folder.mark}:runner",
        folder=folder.home,
        log=folder.log("runner"),
        scratch=folder.scratch("runner"),
        ready=lambda process: _serving(folder, state, process),
        needs=("prefect",),
    )


def _environment(folder: Folder, state: StackState) -> dict[str, str]:
    """Return the project's own settings of the caller, and what a program needs to run at all.

    What else he has (``VAULT_TOKEN``, a cloud's keys) never reaches a flow's process.
    """
    inherited = {name: text for name, text in os.environ.items() if _is_passed_on(name)}
    named = {ESTATE: str(folder.home / state.estate)} if state.estate else {}
    return {
        **inherited,
        **bare_environment(),
        **client_settings(folder, state),
        "PREFECT_RUNNER_POLL_FREQUENCY": str(POLL_SECONDS),
        # What our loggers say in a run (a channel that failed) stands in the run's log.
        "PREFECT_LOGGING_EXTRA_LOGGERS": "trustwright",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",  # a hook runs after its run
        "TRUSTWRIGHT_HOME": str(folder.home),
        **named,
    }


def _is_passed_on(name: str) -> bool:
    return name in PASSED_ON or name.lower() in PROXIES or name.startswith(("TRUSTWRIGHT_", "LC_"))


def _end_strays(folder: Folder, state: StackState) -> None:
    going_on = marked_values(f"{folder.mark}:runner", FLOW_RUN)
    end_strays(PrefectApi(state.prefect_api, password(folder)), going_on)


def _serving(folder: Folder, state: StackState, process: Process) -> bool:
    """Tell whether the runner has asked for work, lately and since this process began."""
    now = datetime.now(UTC)
    begun = now - timedelta(seconds=process.age())
    api = PrefectApi(state.prefect_api, password(folder), timeout=5.0, attempts=1)
    try:
        return api.served_since(max(begun, now - SILENCE))
    except TrustwrightError:
        return False
