"""The gate: the run is suspended until a response is there that passes every check.

The form is the doorbell. What opens the door is the record: a response that was checked and
accepted, by whichever way it came.
"""

from __future__ import annotations

from prefect import runtime
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from pydantic import Field

from flows.instructions import publish_request
from tasks.ceremonies import (
    announce_ceremony,
    ask_again,
    consider_response,
    request_intermediate,
)
from trustwright.ceremony.page import gate_page
from trustwright.errors import Unavailable
from trustwright.model.ceremony import CeremonyRecord
from trustwright.policy.quoting import reason_of


class SignedResponse(RunInput):
    """The form in the Prefect UI."""

    response: str = Field(
        default="",
        title="Response",
        description="Paste the whole content of the response file from the offline machine.",
    )


def await_signature(environment: str) -> None:
    """Suspend this run until the environment's request is answered by a good response."""
    ceremony = request_intermediate(environment)
    while ceremony.state == "pending":
        announce_ceremony(ceremony)
        publish_request(ceremony)
        _consider(ceremony, _ask(ceremony))
        ceremony = request_intermediate(environment)


def _consider(ceremony: CeremonyRecord, response: str) -> None:
    """Have what was pasted considered; ask again when Vault stays away for too long to say."""
    try:
        consider_response(ceremony, response)
    except Unavailable as error:
        ask_again(ceremony, reason_of(error))


def _ask(ceremony: CeremonyRecord) -> str:
    """Suspend, or return what was pasted when this very question was answered.

    The key names the question: request, refusals so far, and the run count, because a retried run
    must not find the answer to its earlier question.
    """
    key = f"response-{ceremony.id[:12]}-{ceremony.refusals}-{runtime.flow_run.run_count}"
    form = SignedResponse.with_initial_data(description=gate_page(ceremony))
    return suspend_flow_run(wait_for_input=form, key=key, timeout=None).response
