"""The page that a person reads at the gate, in the Prefect UI and in the terminal (Markdown).

What others wrote stands in a block of its own, behind bars, or as one line without markup: no text
can begin a heading, make a link or end the block that it stands in.
"""

from __future__ import annotations

from trustwright.ceremony.request import request_file_name
from trustwright.ceremony.shown import quoted
from trustwright.ceremony.words import digest_words
from trustwright.model.ceremony import CeremonyRecord, Request
from trustwright.policy.quoting import one_line


def gate_page(ceremony: CeremonyRecord) -> str:
    """Return the page of a ceremony; the reason of the last refusal stands first."""
    return _refusal(ceremony) + _steps(ceremony)


def word_lines(digest: str) -> list[str]:
    """Return a digest's 32 words, four to a line: the form in the pages is narrow."""
    words = digest_words(digest)
    return [" ".join(words[place : place + 4]) for place in range(0, len(words), 4)]


def _refusal(ceremony: CeremonyRecord) -> str:
    if not ceremony.refusal:
        return ""
    lines = quoted(ceremony.refusal.replace("→", "->"))
    return "\n".join([f"**Response {ceremony.refusals} was refused:**", *_block("", *lines), ""])


def _steps(ceremony: CeremonyRecord) -> str:
    request = Request.parse(ceremony.request.encode())
    name = request_file_name(request)
    answer = name.replace(".request.", ".response.")
    deadline = f"{request.expires:%Y-%m-%d %H:%M} UTC"
    return "\n".join(
        [
            f"# {_title(request)}",
            "",
            f"{one_line(request.reason)}. To be signed before **{deadline}**.",
            "",
            "**Fetch the request**: save the text below as this file, or run",
            *_block("", f"trustwright ceremony export {ceremony.id[:12]}"),
            "**On the offline machine**: compare the digest, then sign",
            *_block("", f"trustwright-root review {name}", f"trustwright-root sign {name}"),
            "**Back here**: paste the whole response file into the form, or run",
            *_block("", f"trustwright ceremony submit {answer}"),
            "**Digest of the request**",
            *_block("", ceremony.id[:32], ceremony.id[32:], "", *word_lines(ceremony.id)),
            "**The request**",
            *_block("json", ceremony.request),
        ]
    )


def _title(request: Request) -> str:
    if request.kind == "root-crl":
        return "Sign a root CRL"
    verb = "Sign" if request.kind == "sign-intermediate" else "Revoke"
    return f"{verb} the intermediate of {request.environment}, generation {request.generation}"


def _block(language: str, *lines: str) -> list[str]:
    return ["", f"```{language}", *lines, "```", ""]
