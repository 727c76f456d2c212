"""What people say at a ceremony: who is there, which environment, which words."""

from __future__ import annotations

from collections.abc import Sequence

from trustwright.ceremony.request import CRL_SUBJECT
from trustwright.ceremony.words import CONFIRMED_WORDS, digest_of
from trustwright.errors import CeremonyViolation, ConfigurationError
from trustwright.model.ceremony import Request

_LONGEST = 100
_MOST = 20


def confirmed_environment(request: Request, said: str) -> None:
    """Hear which environment a person believes this is about (``root-crl`` where it has none).

    Raises:
        CeremonyViolation: it is another one (rule ``CER-314``).
    """
    if said.strip() != (request.environment or CRL_SUBJECT):
        raise CeremonyViolation(
            "the environment that was typed is not the request's; nothing was signed",
            rule="CER-314",
            hint="read the page again: is this the request that you meant?",
        )


def confirmed_words(request: Request, said: str) -> None:
    """Hear the first words of the digest, from the paper or the voice of the other side.

    Raises:
        CeremonyViolation: they are of another digest (rule ``CER-315``).
    """
    try:
        typed = digest_of(said)
    except ConfigurationError as error:
        raise CeremonyViolation(
            f"the words are not of the list: {error.what}", rule="CER-315", hint=error.hint
        ) from None
    if len(typed) < 2 * CONFIRMED_WORDS or not request.digest().startswith(typed):
        raise CeremonyViolation(
            "the words that were typed are not this digest's; nothing was signed",
            rule="CER-315",
            hint=f"type the first {CONFIRMED_WORDS} words as the other side shows them",
        )


def witness_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of those present, fit for the transcript.

    Raises:
        ConfigurationError: a name is empty, too long or cannot be shown (rule ``WITNESS-NAME``).
    """
    for name in names:
        if not name.strip() or len(name) > _LONGEST or not name.isprintable():
            raise ConfigurationError(
                f"a witness has a name of 1 to {_LONGEST} characters that can be shown",
                rule="WITNESS-NAME",
                hint="--witness 'Ada Lovelace', once for each person",
            )
    if len(names) > _MOST:
        raise ConfigurationError(
            f"{len(names)} witnesses", rule="WITNESS-NAME", hint=f"note at most {_MOST}"
        )
    return tuple(name.strip() for name in names)
