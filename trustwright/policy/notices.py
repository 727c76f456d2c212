"""What people are told: one function per occasion, returning a `Notice` that holds no secret.

Texts that others chose (reasons, names, refusals) pass through `one_line`, so that they can neither
forge a link or a command nor wake a whole channel.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import PurePath

from trustwright.model.ceremony import CeremonyRecord, Request, Response
from trustwright.model.estate import Consumer, Severity
from trustwright.model.plan import EnvironmentPlan
from trustwright.model.records import DeliveryState, IntentRecord, IssuerRecord
from trustwright.policy.quoting import one_line
from trustwright.ports import Notice

Outcome = tuple[Consumer, DeliveryState, str]
"""A consumer, what became of it, and its problem or an empty text."""

_GROUP = 8
_WANTED = {
    "sign-intermediate": "a signature for its intermediate",
    "root-crl": "a fresh revocation list of the root",
    "revoke-intermediate": "its intermediate revoked",
}


def ceremony_pending(
    ceremony: CeremonyRecord, *, words: Sequence[str], request_path: PurePath, link: str = ""
) -> Notice:
    """Somebody has to sign offline: what, until when, the digest to compare, the commands to type.

    Args:
        ceremony: the pending one; its identifier is the request's digest.
        words: the digest as words.
        request_path: the request file on this machine.
        link: page where the response can be pasted.
    """
    request = Request.parse(ceremony.request.encode())
    name = shlex.quote(request_path.name)
    response = name.replace(".request.", ".response.")
    lines = [
        f"{_whose(ceremony)} needs {_WANTED[ceremony.kind]} by the offline root.",
        f"Reason: {one_line(request.reason)}",
        f"Asked by: {one_line(request.requested_by)}",
        f"Sign before: {_shown(ceremony.expires)}",
        "",
        "Digest of the request, to be compared on the offline machine:",
        *_indented(_in_groups(ceremony.id)),
        "As words:",
        *_indented(_in_rows(words)),
        "",
        f"Carry {one_line(str(request_path))} to the offline machine. There:",
        *_indented([f"trustwright-root review {name}", f"trustwright-root sign {name}"]),
        "Back here, or paste the file's content into the form:",
        *_indented([f"trustwright ceremony submit {response}"]),
    ]
    return _ceremony_notice(
        ceremony, "requested", "warning", "waits for the offline root", lines, link
    )


def ceremony_reminder(ceremony: CeremonyRecord, *, now: datetime, link: str = "") -> Notice:
    """Nobody has signed yet; critical in the last day."""
    left = int((ceremony.expires - now).total_seconds())
    lines = [
        f"{_whose(ceremony)} still needs {_WANTED[ceremony.kind]}.",
        f"Hours left: {max(left, 0) // 3600}",
        f"Sign before: {_shown(ceremony.expires)}",
        "How: the notice that asked first, or",
        *_indented([f"trustwright ceremony show {ceremony.id[:12]}"]),
    ]
    severity: Severity = "critical" if left < 24 * 3600 else "warning"
    return _ceremony_notice(
        ceremony, "reminded", severity, "still waits for the offline root", lines, link
    )


def ceremony_submitted(ceremony: CeremonyRecord, *, by: str, link: str = "") -> Notice:
    """A response has come in and is being checked."""
    lines = [f"A response was handed in by {one_line(by)} (a claim) and is being checked."]
    return _ceremony_notice(ceremony, "submitted", "info", "has a response", lines, link)


def ceremony_refused(ceremony: CeremonyRecord, reason: str, *, link: str = "") -> Notice:
    """A response broke a rule; nothing has changed and the gate asks again.

    Args:
        ceremony: the one that stays pending.
        reason: one line with the rule.
        link: page where another response can be pasted.
    """
    lines = [
        f"Refused: {one_line(reason)}",
        f"Nothing was changed. The gate asks again until {_shown(ceremony.expires)}.",
    ]
    return _ceremony_notice(ceremony, "refused", "warning", "refused a response", lines, link)


def ceremony_accepted(ceremony: CeremonyRecord, response: Response, *, link: str = "") -> Notice:
    """A response passed every check; the flow goes on by itself."""
    lines = [
        f"Response {response.number} of the root, signed {_shown(response.signed_at)}.",
        "It passed every check. The flow goes on by itself.",
        "Digest of the response:",
        *_indented(_in_groups(response.digest())),
    ]
    return _ceremony_notice(ceremony, "accepted", "info", "was signed", lines, link)


def ceremony_expired(ceremony: CeremonyRecord, *, link: str = "") -> Notice:
    """Nobody signed in time."""
    lines = [
        f"Nobody signed before {_shown(ceremony.expires)}. The request is void.",
        *_next_request(ceremony),
    ]
    return _ceremony_notice(ceremony, "expired", "critical", "expired unsigned", lines, link)


def ceremony_cancelled(ceremony: CeremonyRecord, reason: str, *, link: str = "") -> Notice:
    """A person or a rule ended the ceremony."""
    lines = [f"Cancelled: {one_line(reason)}. The request is void.", *_next_request(ceremony)]
    return _ceremony_notice(ceremony, "cancelled", "warning", "was cancelled", lines, link)


def environment_served(
    environment: str, outcomes: Sequence[Outcome], *, link: str = ""
) -> Iterator[Notice]:
    """The environment is ready; and one more notice for every consumer that failed."""
    states = [state for _, state, _ in outcomes]
    waiting = [consumer.name for consumer, state, _ in outcomes if state == "waiting"]
    body = f"{states.count('delivered')} of {len(states)} consumers hold their set."
    if waiting:
        body += f"\nWaiting for the host's certification request: {', '.join(waiting)}"
    yield Notice(
        event="trustwright.environment.served",
        severity="info",
        title=f"{environment}: certificates were delivered",
        body=body,
        environment=environment,
        link=link,
    )
    for consumer, state, problem in outcomes:
        if state in {"failed", "undone"}:
            yield consumer_failed(consumer, problem, link=link)


def environment_applied(plan: EnvironmentPlan, done: Sequence[str], *, link: str = "") -> Notice:
    """A plan was carried out: what was done, and what is left.

    Args:
        plan: what differs still.
        done: one phrase for each thing that was written or retired.
        link: page of the run.
    """
    left = [f"{each.address} ({each.action})" for each in plan.changes]
    left += [f"{each.address}: {one_line(each.text)}" for each in plan.troubles]
    lines = [f"Done: {one_line(each)}" for each in done]
    lines += ["Left:", *_indented(left)] if left else ["Nothing differs from the estate file."]
    severity: Severity = "warning" if plan.troubles else "info"
    return Notice(
        event="trustwright.environment.applied",
        severity=severity,
        body="\n".join(lines),
        title=f"{plan.environment}: the estate file was applied",
        environment=plan.environment,
        link=link,
    )


def consumer_failed(consumer: Consumer, problem: str, *, link: str = "") -> Notice:
    """A consumer did not get its set; what it had before is still in place."""
    lines = [
        f"Problem: {one_line(problem)}",
        f"Owner: {one_line(consumer.owner)}",
        "What it had before is still in place. Mend the cause, then:",
        *_indented([f"trustwright bootstrap {consumer.environment}"]),
    ]
    return Notice(
        event="trustwright.consumer.failed",
        severity="critical",
        body="\n".join(lines),
        title=f"{consumer.environment}: {consumer.name} was not served",
        environment=consumer.environment,
        link=link,
    )


def certificate_refused(
    intent: IntentRecord, *, serial: str, subject: str, why: str, revocable: bool
) -> Notice:
    """Vault returned a certificate that is not what was ordered: somebody or something lies.

    Args:
        intent: what was ordered.
        serial: of what came back, hex with colons.
        subject: of what came back.
        why: the rule that it broke.
        revocable: the environment's own issuer can put it on its CRL.
    """
    fate = "is revoked by its serial" if revocable else "cannot be revoked here"
    lines = [
        f"Ordered for {one_line(intent.slot)}; returned: {one_line(subject)}, serial {serial}",
        f"Refused: {one_line(why)}",
        f"It was delivered to nobody, and {fate}. Until the CRL names it, this shows it:",
        *_indented(["trustwright certificates list --state refused"]),
        "Find out who changed Vault, or what stands between it and Trustwright.",
    ]
    return Notice(
        event="trustwright.certificate.refused",
        severity="critical",
        body="\n".join(lines),
        title=f"{intent.environment}: Vault returned a certificate that nobody ordered",
        environment=intent.environment,
    )


def generation_abandoned(issuer: IssuerRecord, reason: str) -> Notice:
    """A person gave a generation up before it was proven."""
    lines = [f"Given up: {one_line(reason)}"]
    if issuer.certificate is not None:
        lines += ["The root has signed it: have it revoked there, if its key may be anywhere."]
    lines += ["The next generation is requested by:"]
    lines += _indented([f"trustwright bootstrap {issuer.environment}"])
    return Notice(
        event="trustwright.generation.abandoned",
        severity="warning",
        body="\n".join(lines),
        title=f"{issuer.environment}: generation {issuer.generation} was given up",
        environment=issuer.environment,
    )


def intents_unsettled(environment: str, count: int, problem: str) -> Notice:
    """What dead runs left behind could not be explained yet."""
    lines = [
        f"{count} left behind by runs and commands that ended early.",
        f"Problem: {one_line(problem)}",
        "The watch tries again by itself.",
    ]
    return Notice(
        event="trustwright.intents.unsettled",
        severity="warning",
        body="\n".join(lines),
        title=f"{environment}: certificates could not be accounted for",
        environment=environment,
    )


def flow_failed(*, flow: str, environment: str, reason: str, link: str = "") -> Notice:
    """A run ended with an error."""
    return _flow_notice("failed", "failed", flow, environment, reason, link)


def flow_crashed(*, flow: str, environment: str, reason: str, link: str = "") -> Notice:
    """A run's process died."""
    return _flow_notice("crashed", "died", flow, environment, reason, link)


def _flow_notice(
    verb: str, said: str, flow: str, environment: str, reason: str, link: str
) -> Notice:
    lines = [
        f"Reason: {one_line(reason)}",
        "The record stands. Mend the cause and start the flow again: it goes on where it stopped.",
    ]
    where = f"{one_line(environment)}: " if environment else ""
    return Notice(
        event=f"trustwright.flow.{verb}",
        severity="critical",
        body="\n".join(lines),
        title=f"{where}{one_line(flow)} {said}",
        environment=environment,
        link=link,
    )


def _ceremony_notice(
    ceremony: CeremonyRecord, verb: str, severity: Severity, said: str, lines: list[str], link: str
) -> Notice:
    return Notice(
        event=f"trustwright.ceremony.{verb}",
        severity=severity,
        body="\n".join(lines),
        title=f"{_whose(ceremony)}: ceremony {ceremony.id[:12]} {said}",
        environment=ceremony.environment,
        link=link,
    )


def _whose(ceremony: CeremonyRecord) -> str:
    if not ceremony.environment:
        return "the root"
    generation = "" if ceremony.generation is None else f" g{ceremony.generation}"
    return f"{ceremony.environment}{generation}"


def _next_request(ceremony: CeremonyRecord) -> list[str]:
    if ceremony.kind != "sign-intermediate":
        return []
    return [
        "A new request is sealed by:",
        *_indented([f"trustwright bootstrap {ceremony.environment}"]),
    ]


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _in_groups(digest: str) -> list[str]:
    """Return a digest in groups that can be read aloud, four to a line."""
    groups = [digest[start : start + _GROUP] for start in range(0, len(digest), _GROUP)]
    return [" ".join(groups[start : start + 4]) for start in range(0, len(groups), 4)]


def _in_rows(words: Sequence[str]) -> list[str]:
    return [" ".join(words[start : start + _GROUP]) for start in range(0, len(words), _GROUP)]


def _indented(lines: Sequence[str]) -> list[str]:
    """Return lines that Markdown shows as they are."""
    return ["", *(f"    {line}" for line in lines), ""]
