"""Telling people that a signature is needed, handing them the request, and who was served."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from trustwright import canonical
from trustwright.ceremony.request import request_file_name
from trustwright.ceremony.words import digest_words
from trustwright.errors import ConflictError, UpstreamError
from trustwright.lifecycle.consumers import Served
from trustwright.lifecycle.gate import ceremony_of
from trustwright.lifecycle.journal import tell_once
from trustwright.model.ceremony import CeremonyRecord, Request
from trustwright.policy import notices
from trustwright.policy.naming import consumer_key
from trustwright.ports import Ports


def announce_ceremony(ports: Ports, ceremony_id: str, run: str) -> str:
    """Write the request file, bind the run to the ceremony, tell people; return the link.

    People are told once for each run: the link leads to the one that waits now.
    """
    ceremony = ceremony_of(ports, ceremony_id)
    if ceremony.state != "pending":
        return ports.runs.link(run)
    path = write_request(ceremony, ports.workspace())
    if ceremony.flow_run != run:
        try:
            ceremony = ports.records.ceremonies.replace(ceremony, flow_run=run)
        except ConflictError:
            # A response came in meanwhile (``ceremony submit``): look again.
            return announce_ceremony(ports, ceremony_id, run)
    notice = notices.ceremony_pending(
        ceremony,
        words=digest_words(ceremony.id),
        request_path=path,
        link=ports.runs.link(run),
    )
    tell_once(ports, announcement_key(ceremony.id, run), notice, ceremony.id)
    return ports.runs.link(run)


def announcement_key(ceremony_id: str, run: str | None) -> str:
    """Return the key of the line that says who was told that a run waits for a ceremony."""
    return f"announced/{ceremony_id}/{run}"


def write_request(ceremony: CeremonyRecord, folder: Path) -> Path:
    """Write the request's canonical bytes to a file named by environment, generation and digest.

    Raises:
        UpstreamError: the folder cannot be written.
    """
    request = Request.parse(ceremony.request.encode())
    path = folder / request_file_name(request)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_suffix(f".{os.getpid()}.new")
        draft.write_text(ceremony.request)
        draft.replace(path)
    except OSError as error:
        raise UpstreamError(
            f"cannot write the request: {error.strerror}",
            rule="WORKSPACE",
            hint="make the folder writable",
            where=str(path),
        ) from error
    return path


def tell_served(ports: Ports, environment: str, served: Sequence[Served], link: str) -> None:
    """Tell who holds which set, once for each change of it; what failed is told every time."""
    outcomes = [(each.consumer, each.state, each.problem) for each in served]
    held = [_holding(ports, each) for each in served]
    key = f"served/{environment}/{canonical.digest(canonical.encode(held))}"
    for notice in notices.environment_served(environment, outcomes, link=link):
        if notice.severity == "info":
            tell_once(ports, key, notice, environment)
        else:
            ports.notifier.tell(notice)


def _holding(ports: Ports, served: Served) -> list[str]:
    key = consumer_key(served.consumer)
    row = ports.records.deliveries.get(key)
    return [key, served.state, (row and row.serial) or ""]
