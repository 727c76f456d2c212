"""The Prefect server on this machine: SQLite, loopback, a password, no word to the outside.

How fast: about 2.6 s on two cores, nearly all of it importing Prefect's server, which no setting
shortens. The first start adds 4.4 s for the database's migrations and 0.2 s for copying the pages;
registering the block types (1.5 s, and 0.3 s at each later start) is switched off, because nothing
here uses blocks. Where Prefect was installed without byte code (`uv pip install` does so) the very
first start compiles it, which takes 2.5 s more.
"""

from __future__ import annotations

import secrets
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

from trustwright.embedded.folder import private_folder, secret, write_private
from trustwright.embedded.part import LOOPBACK, Part, bare_environment
from trustwright.prefect_api import PrefectApi

if TYPE_CHECKING:
    from pathlib import Path

    from trustwright.embedded.folder import Folder
    from trustwright.embedded.state import StackState

READ_BATCH = "100"
"""Events that the recorders take at once: the default of 1 holds them to 22 task runs a second."""

NO_PROXY_THERE = "http://127.0.0.1:9"
"""A proxy that does not exist (the discard port): what the server asks of the outside fails."""

SWITCHED_OFF = """<!doctype html>
<meta charset="utf-8">
<title>Prefect</title>
<p>These pages are switched off because they ask an outside host. <a href="/">The others</a> work.
<script>document.cookie = "prefect_ui_version=v1; path=/"; location.replace("/");</script>
"""


def prefect_server(folder: Folder, state: StackState) -> Part:
    """Return the Prefect server as a part."""
    port = state.ports.prefect
    api = PrefectApi(state.prefect_api, timeout=2.0, attempts=1)
    return Part(
        name="prefect",
        title="Prefect",
        command=lambda: (
            *(sys.executable, "-m", "prefect", "server", "start"),
            *("--host", LOOPBACK, "--port", str(port)),
        ),
        prepare=lambda: _prepare(folder.prefect / "ui"),
        environment=lambda: {**bare_environment(), **_settings(folder, state)},
        mark=f"{folder.mark}:prefect",
        folder=folder.prefect,
        log=folder.log("prefect"),
        scratch=folder.scratch("prefect"),
        ready=lambda _process: api.healthy(),
        address=state.prefect_api,
        link=state.prefect_ui,
        port=port,
        option="--prefect-port",
    )


def _prepare(ui: Path) -> None:
    """Put a page in the place of Prefect's second user interface.

    The first one offers a switch to it; its pages ask an outside host although analytics are off,
    and no setting of the server removes them. The server takes a folder with the right cache key
    as its own copy; should that ever change, it overwrites the folder and the second user interface
    is merely not the default.
    """
    pages = ui / "v2"
    private_folder(ui)
    private_folder(pages)
    write_private(pages / "index.html", SWITCHED_OFF.encode())
    write_private(pages / "UI_SERVE_BASE", f"v2:{version('prefect')}:/v2".encode())


def password(folder: Folder) -> str:
    """Return ``user:password`` of the API and its pages, made the first time.

    Without one every account of this machine, and every page in a browser on it, could start a
    revocation.
    """
    return secret(folder.password, _new_password).decode()


def _new_password() -> bytes:
    return f"trustwright:{secrets.token_urlsafe(24)}".encode()


def client_settings(folder: Folder, state: StackState) -> dict[str, str]:
    """Return the variables with which Prefect's own client finds and enters this server."""
    return {
        "PREFECT_HOME": str(folder.prefect),
        "PREFECT_API_URL": state.prefect_api,
        "PREFECT_API_AUTH_STRING": password(folder),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLI_COLORS": "false",
        "PREFECT_CLI_WRAP_LINES": "false",
        "DO_NOT_TRACK": "1",
    }


def _settings(folder: Folder, state: StackState) -> dict[str, str]:
    services = "PREFECT_SERVER_SERVICES"
    origins = (state.prefect_ui, f"http://localhost:{state.ports.prefect}")
    return {
        **client_settings(folder, state),
        "PREFECT_SERVER_API_AUTH_STRING": password(folder),
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": ",".join(origins),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": _database(folder.prefect / "prefect.db"),
        "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
        "PREFECT_SERVER_UI_API_URL": "/api",  # also right behind a tunnel with another port
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(folder.prefect / "ui"),  # not site-packages
        "PREFECT_SERVER_UI_V2_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        f"{services}_TASK_RUN_RECORDER_READ_BATCH_SIZE": READ_BATCH,
        f"{services}_TASK_RUN_RECORDER_BATCH_SIZE": READ_BATCH,
        f"{services}_EVENT_PERSISTER_READ_BATCH_SIZE": READ_BATCH,
        f"{services}_TRIGGERS_READ_BATCH_SIZE": READ_BATCH,
        f"{services}_DB_VACUUM_ENABLED": "events,flow_runs",  # ended runs: 90 days
        "HTTP_PROXY": NO_PROXY_THERE,
        "HTTPS_PROXY": NO_PROXY_THERE,
        "NO_PROXY": f"{LOOPBACK},localhost",
    }


def _database(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"
