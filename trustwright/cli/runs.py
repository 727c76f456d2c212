"""Starting, waking and following flow runs from the command line."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from trustwright.assembly import Assembly
from trustwright.cli.terminal import note, say
from trustwright.errors import ConfigurationError, TrustwrightError, UpstreamError
from trustwright.ids import sha256_hex
from trustwright.lifecycle.environments import record_of, settings_of
from trustwright.lifecycle.journal import failure_of
from trustwright.lifecycle.renewal import what_it_did
from trustwright.lifecycle.requests import open_ceremony
from trustwright.lifecycle.waking import refresh_question, wake_answered
from trustwright.policy.phases import reached
from trustwright.prefect_api import FINAL, SUSPENDED
from trustwright.vault.identities import missing_identities

BOOTSTRAP = "bootstrap-environment/trustwright"
APPLY = "apply-environment/trustwright"
RENEWAL = "renew-consumers/trustwright"
FALLING_ASLEEP = 60.0
"""Seconds that a run may take from its last look at the record to its suspension."""
POLL = 0.3


def start_bootstrap(ports: Assembly, environment: str) -> str:
    """Return the run that bootstraps an environment: the one that holds it, or a new one.

    Raises:
        ConfigurationError: unknown environment, or its identity keys are missing.
    """
    _check_identities(ports, environment)
    woken = wake_answered(ports, environment)
    record = record_of(ports, environment)
    if record.holder is not None and (woken or ports.runs.alive(record.holder)):
        return record.holder
    key = f"bootstrap:{environment}"
    return _run_once(ports, BOOTSTRAP, {"environment": environment}, key, record.version)


def start_application(ports: Assembly, environment: str, destroy: Sequence[str]) -> str:
    """Return a run that applies the estate file to an environment.

    Args:
        ports: what the lifecycle needs.
        environment: a ready one.
        destroy: addresses of what may be removed.
    """
    approved = sorted(set(destroy))
    version = record_of(ports, environment).version
    key = f"apply:{environment}:{sha256_hex(chr(10).join(approved).encode())}"
    asked = {"environment": environment, "destroy": approved}
    return _run_once(ports, APPLY, asked, key, version)


def _run_once(
    ports: Assembly, deployment: str, asked: Mapping[str, object], key: str, version: int
) -> str:
    """Return the run that was started for this state of the record, or the first that still may.

    A run claims the environment only once its process is there: until then, asking again must find
    the same run. One that ended without claiming it is followed by another.
    """
    state: int | str = version
    while True:
        run = ports.prefect.run_deployment(deployment, asked, f"{key}:{state}")
        if not run.final:
            return run.id
        state = run.id


def is_ready(ports: Assembly, environment: str) -> bool:
    """Return whether the environment's bootstrap is over."""
    record = record_of(ports, environment)
    return record.phase == "ready" and record.holder is None


def _check_identities(ports: Assembly, environment: str) -> None:
    folder = settings_of(ports, environment).vault.identity
    missing = missing_identities(folder)
    if missing:
        raise ConfigurationError(
            f"no login key of {', '.join(missing)} in {folder}",
            rule="IDENTITY-MISSING",
            hint=f"make them: trustwright identity create {environment}",
            where=f"environments.{environment}.vault.identity",
        )


def follow(
    ports: Assembly, environment: str, run: str, patience: int, *, until_ready: bool = False
) -> None:
    """Wait until the run waits at the gate or ended; say which.

    Args:
        ports: what the lifecycle needs.
        environment: that the run bootstraps.
        run: its identifier.
        patience: seconds to wait.
        until_ready: wait for the end, however long the gate takes.

    Raises:
        TrustwrightError: why it failed, when it said so.
        UpstreamError: it failed, crashed or was cancelled without a word, or is still running.
    """
    until = FINAL if until_ready else FINAL | {SUSPENDED}
    found = ports.prefect.wait(run, until, deadline=patience)
    if found.state_type == SUSPENDED:
        ceremony = open_ceremony(ports, environment)
        name = ceremony.id[:12] if ceremony else "--all"
        verb = "show" if ceremony else "list"
        say(f"{environment} waits for the offline signature: trustwright ceremony {verb} {name}")
    elif found.state_type == "COMPLETED":
        say(f"{environment} is {record_of(ports, environment).phase}")
    else:
        again = f"trustwright bootstrap {environment}"
        raise _why(ports, run, f"{found.state_name}: {found.message}", again)


def ended_well(ports: Assembly, run: str, patience: int, *, again: str) -> None:
    """Wait until a run ended; `again` is the command that runs it once more.

    Raises:
        TrustwrightError: why it failed, when it said so.
        UpstreamError: it failed, crashed or was cancelled without a word, or is still running.
    """
    found = ports.prefect.wait(run, FINAL, deadline=patience)
    if found.state_type != "COMPLETED":
        raise _why(ports, run, f"{found.state_name}: {found.message}", again)


def follow_application(ports: Assembly, environment: str, run: str, patience: int) -> None:
    """Wait until the run that applies the estate file has ended well; say so."""
    ended_well(ports, run, patience, again=f"trustwright apply {environment}")
    say(f"{environment} was applied")


def start_renewal(ports: Assembly, environment: str, names: Sequence[str]) -> str:
    """Return a new run that renews the consumers that are due, or those that are named."""
    parameters = {"environment": environment, "consumers": list(names)}
    return ports.prefect.run_deployment(RENEWAL, parameters).id


def follow_renewal(ports: Assembly, environment: str, run: str, patience: int) -> None:
    """Wait until a run of renewals ended well; say what it did.

    Raises:
        UpstreamError: a consumer was not served (rule ``CONSUMER-FAILED``).
    """
    ended_well(ports, run, patience, again=f"trustwright renew {environment}")
    said, problem = what_it_did(ports, run) or ("nothing was kept of it", "")
    say(f"{environment}: {said}")
    if problem:
        raise UpstreamError(
            f"not every consumer of {environment} was served: {problem}",
            rule="CONSUMER-FAILED",
            hint="mend the cause; it is tried again by itself",
            where=ports.runs.link(run),
        )


def _why(ports: Assembly, run: str, said: str, again: str) -> TrustwrightError:
    """Return why a run ended badly: its own error, which it keeps a moment after its state."""
    deadline = time.monotonic() + POLL * 10
    while time.monotonic() < deadline:
        error = failure_of(ports, run)
        if error is not None:
            return error
        time.sleep(POLL)
    return UpstreamError(
        f"the run ended {said}",
        rule="RUN-ENDED",
        hint=f"mend the cause, then run: {again}",
        where=ports.runs.link(run),
    )


def go_on(ports: Assembly, environment: str) -> str:
    """Have the run go on after its question was answered; return it.

    It may be asleep, on its way to sleep, awake already, or gone.
    """
    deadline = time.monotonic() + FALLING_ASLEEP
    while time.monotonic() < deadline:
        record = record_of(ports, environment)
        if record.holder is None or not ports.runs.alive(record.holder):
            return start_bootstrap(ports, environment)
        if reached(record.phase, "signed") or wake_answered(ports, environment):
            return record.holder
        time.sleep(POLL)
    return start_bootstrap(ports, environment)


def show_refusal(ports: Assembly, environment: str) -> None:
    """Have the form in the pages show the reason; without Prefect there is no form to mind."""
    try:
        refresh_question(ports, environment)
    except TrustwrightError as error:
        note(f"the form in the pages does not show the reason yet: {error}")
