"""``trustwright-root show``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from trustwright import canonical
from trustwright.ceremony.entries import Abandoned
from trustwright.ceremony.history import History
from trustwright.ceremony.recovery import unfinished
from trustwright.ceremony.review import word_lines
from trustwright.ceremony.rootfolder import RootFolder, opened
from trustwright.ceremony.rootpolicy import as_toml
from trustwright.ceremony.shown import printable
from trustwright.cli.root_options import folder_option, json_option
from trustwright.cli.terminal import as_json, note, say, write
from trustwright.clock import utc_text
from trustwright.x509 import parse


@click.command()
@folder_option
@json_option
@click.option("--certificate", is_flag=True, help="Print the certificate in PEM, for the estate.")
def show(folder: Path, as_data: bool, certificate: bool) -> None:
    """Show this root, its policy and its transcript."""
    with opened(folder, exclusive=False) as root:
        if certificate:
            write(parse.pem(root.certificate))
            return
        facts = _facts(root)
        text = as_toml(root.policy)
        left = unfinished(root.transcript)
    if as_data:
        as_json(facts)
        return
    _page(facts, text)
    for sentence in left:
        note(f"{sentence}; the next sign, crl or recover closes it")


def _facts(root: RootFolder) -> dict[str, Any]:
    history = root.history
    certificate = root.certificate
    return {
        "subject": certificate.subject.rfc4514_string(),
        "fingerprint": parse.fingerprint(certificate),
        "not_before": utc_text(certificate.not_valid_before_utc),
        "not_after": utc_text(certificate.not_valid_after_utc),
        "policy": canonical.decode(root.policy.text().encode()),
        "policy_accepted": root.policy.digest() == root.accepted_policy.policy,
        "transcript": {
            "lines": len(root.transcript.entries),
            "head": root.transcript.head,
            "unfinished": unfinished(root.transcript),
        },
        "responses": len(history.answers),
        "abandoned": sum(1 for _ in root.transcript.saying(Abandoned)),
        "revoked": len(history.revoked),
        "crl_number": history.crl_number,
        "last": {name: _last(history, name) for name in root.policy.environments},
    }


def _last(history: History, environment: str) -> dict[str, Any] | None:
    answer = history.last(environment)
    if answer is None:
        return None
    made = history.last_intermediate(environment)
    return {
        "response": answer.response.digest(),
        "binding": answer.binding,
        "file": answer.file,
        "signed_at": utc_text(answer.response.signed_at),
        "generation": made.request.generation if made else None,
    }


def _page(facts: dict[str, Any], policy: str) -> None:
    say(f"ROOT {printable(facts['subject'])}")
    say(f"  valid      {facts['not_before']} to {facts['not_after']}")
    say(f"  {facts['fingerprint']}")
    for line in word_lines(facts["fingerprint"].removeprefix("sha256:")):
        say(f"  {line}")
    say("")
    say(f"TRANSCRIPT {facts['transcript']['lines']} lines")
    say(f"  head       {facts['transcript']['head']}")
    say(
        f"  {facts['responses']} responses, {facts['abandoned']} abandoned, "
        f"{facts['revoked']} serials on the CRL, last CRL number {facts['crl_number']}"
    )
    for name, last in facts["last"].items():
        said = "nothing yet"
        if last:
            said = f"generation {last['generation']}, {last['signed_at']}, {last['file']}"
        say(f"  {name}: {printable(said)}")
    say("")
    accepted = "accepted" if facts["policy_accepted"] else "NOT ACCEPTED: trustwright-root policy"
    say(f"POLICY ({accepted})")
    for line in policy.splitlines():
        say(f"  {printable(line)}".rstrip())
