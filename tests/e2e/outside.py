"""One machine's stack as the tests look at it: from outside, without the code under test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import Any

import psutil

from tests.prefect.server import REPOSITORY
from trustwright.embedded.process import MARK
from trustwright.embedded.stack import Stack
from trustwright.embedded.state import StackState, read_state
from trustwright.prefect_api import PrefectApi
from trustwright.vault.client import Connection
from trustwright.vault.identities import provisioner_credentials

PROGRAM = "trustwright.cli.main"
TITLES = ("OpenBao", "Prefect", "the flows' runner")


def state_of(stack: Stack) -> StackState:
    """Return what ``stack.json`` says."""
    state = read_state(stack.folder.state)
    assert state is not None
    return state


def pids(stack: Stack) -> dict[str, int]:
    """Return the processes that ``stack.json`` names."""
    return {name: process.pid for name, process in state_of(stack).processes.items()}


def prefect(stack: Stack) -> PrefectApi:
    """Return Prefect's API, entered the way a command enters it."""
    state = state_of(stack)
    return PrefectApi(state.prefect_api, stack.folder.password.read_text())


@contextmanager
def provisioner(stack: Stack) -> Iterator[Connection]:
    """Log in as the provisioner."""
    state = state_of(stack)
    login = provisioner_credentials(stack.folder.identities / "provisioner.key")
    connection = Connection(state.openbao, login, ca=stack.folder.home / state.ca)
    try:
        yield connection
    finally:
        connection.close()


def namespace(stack: Stack) -> str:
    """Return the identifier of the namespace ``kept``, made the first time."""
    with provisioner(stack) as connection:
        if connection.find("sys/namespaces/kept") is None:
            connection.write("sys/namespaces/kept", {})
        return str(connection.read("sys/namespaces/kept"))


def everything(stack: Stack) -> list[psutil.Process]:
    """Return the stack's processes, found without the code under test."""
    return [
        process
        for process in psutil.process_iter()
        if variables(process).get(MARK, "").startswith(f"{stack.folder.mark}:")
    ]


def variables(process: psutil.Process) -> dict[str, str]:
    """Return a process's environment; empty when it has ended or is somebody else's."""
    with suppress(psutil.Error, OSError):
        return process.environ()
    return {}


def listening(process: psutil.Process) -> list[Any]:
    """Return where a process listens; nothing when it has ended."""
    with suppress(psutil.Error):
        found = process.net_connections("inet")
        return [each.laddr for each in found if each.status == psutil.CONN_LISTEN]
    return []


def words_of(process: psutil.Process) -> str:
    """Return a process's command line; empty when it has ended."""
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def command(
    stack: Stack, *arguments: str, variables: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    """Run ``trustwright`` on the stack's home."""
    return subprocess.run(
        [sys.executable, "-m", PROGRAM, "--home", str(stack.folder.home), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **variables},
    )
