"""The report artifacts at the end of a bootstrap and of a run of renewals."""

from __future__ import annotations

from prefect.artifacts import create_table_artifact

from tasks.notices import tell_applied, tell_environment_ready, tell_renewed
from trustwright.errors import UpstreamError
from trustwright.lifecycle.consumers import Served
from trustwright.lifecycle.separation import Judgement
from trustwright.model.plan import EnvironmentPlan
from trustwright.policy.quoting import one_line


def report_environment(environment: str, served: list[Served], judgements: list[Judgement]) -> None:
    """Publish who was served and how the environments were told apart; tell people.

    Raises:
        UpstreamError: a consumer could not be served: the run fails, with everything else done.
    """
    create_table_artifact(
        key=f"consumers-{environment}",
        table=[
            {
                "consumer": f"{each.consumer.environment}/{each.consumer.name}",
                "role": each.consumer.role,
                "owner": each.consumer.owner,
                "state": each.state,
                "problem": one_line(each.problem),
            }
            for each in served
        ],
        description=f"Consumers of {environment}",
    )
    create_table_artifact(
        key=f"separation-{environment}",
        table=[
            {
                "certificate": each.certificate,
                "under the anchors of": each.anchors_of,
                "accepted": each.accepted,
                "as it should be": each.accepted == each.expected,
            }
            for each in judgements
        ],
        description=f"Certificates of {environment} under every environment's anchors",
    )
    tell_environment_ready(environment, served)
    fail_on_unserved(environment, served)


def report_left(left: EnvironmentPlan, changed: list[str], retired: list[str]) -> None:
    """Publish what differs still after the estate file was applied; tell people."""
    changes = [
        {
            "address": each.address,
            "differs": each.action,
            "why": "asked for by name" if each.destructive else one_line("; ".join(each.why)),
        }
        for each in left.changes
    ]
    troubles = [
        {"address": each.address, "differs": each.kind, "why": one_line(each.text)}
        for each in left.remarks
    ]
    create_table_artifact(
        key=f"left-{left.environment}",
        table=changes + troubles,
        description=f"What differs still in {left.environment}",
    )
    tell_applied(left, [*changed, *retired])


def report_renewal(environment: str, served: list[Served]) -> None:
    """Publish what a run of renewals did, tell people, and leave out what was current already."""
    outcome = tell_renewed(environment, served)
    create_table_artifact(
        key=f"renewals-{environment}",
        table=[
            {
                "consumer": each.consumer.name,
                "role": each.consumer.role,
                "owner": each.consumer.owner,
                "result": _result(each),
                "problem": one_line(each.problem),
            }
            for each in served
            if each.changed or each.problem
        ],
        description=f"Renewals of {environment}: {outcome}",
    )


def _result(served: Served) -> str:
    if served.skipped:
        return "left out"
    return "new set" if served.changed else served.state


def fail_on_unserved(environment: str, served: list[Served]) -> None:
    """Fail the run when a consumer could not be served, with everything else done.

    Raises:
        UpstreamError: rule ``CONSUMER-FAILED``.
    """
    failed = [each for each in served if each.state == "failed"]
    if failed:
        names = "; ".join(f"{each.consumer.name}: {each.problem}" for each in failed)
        raise UpstreamError(
            f"{len(failed)} consumer(s) of {environment} could not be served: {names}"[:900],
            rule="CONSUMER-FAILED",
            hint=f"mend the cause, then run: trustwright bootstrap {environment}",
        )
