"""The exception tree. Errors carry data; only the command line renders them.

::

    TrustwrightError(rule, hint)
    ├ ConfigurationError     exit 2   a file or setting is wrong; nothing was done
    ├ PolicyViolation        exit 3   never retried
    │  ├ LintViolation                a certificate breaks a clause
    │  ├ CeremonyViolation            a request or response breaks a ceremony rule
    │  └ TransitionRefused            a phase may not follow the current one
    ├ VerificationError      exit 4   signature, path, name or digest does not hold
    ├ UpstreamError          exit 5   Vault, Prefect, the store or a host said no
    │  ├ Unavailable                  retried with jitter
    │  ├ Denied                       one new login, then final
    │  ├ Rejected                     permanent: the same call fails again
    │  └ OutcomeUnknown               the call may have taken effect: reconcile first
    └ ConflictError          exit 6   lost a compare-and-swap, or another run holds the lock
"""

from __future__ import annotations

from typing import ClassVar


class TrustwrightError(Exception):
    """Base of every error that this project raises on purpose.

    Args:
        what: what happened, naming the file, field or object; no secret ever enters it.
        rule: identifier of the rule that was broken (``CER-004``, ``EST-NAME``, a clause).
        hint: what the person should do about it.
        where: ``file:line`` or the name of the object, when there is one.
    """

    exit_code: ClassVar[int] = 1
    kind: ClassVar[str] = "error"

    def __init__(self, what: str, *, rule: str = "", hint: str = "", where: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.rule = rule
        self.hint = hint
        self.where = where

    def __str__(self) -> str:
        """Return one line: where, what, rule and remedy."""
        place = f"{self.where}: " if self.where else ""
        rule = f" [{self.rule}]" if self.rule else ""
        hint = f" → {self.hint}" if self.hint else ""
        return f"{place}{self.what}{rule}{hint}"

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the data when the exception crosses a process (Prefect pickles them)."""
        return (_rebuild, (type(self), self.what, self.rule, self.hint, self.where))

    def data(self) -> dict[str, str]:
        """Return the error as JSON members, to be rebuilt by `from_data` elsewhere."""
        return {
            "kind": self.kind,
            "what": self.what,
            "rule": self.rule,
            "hint": self.hint,
            "where": self.where,
        }


def from_data(data: dict[str, str]) -> TrustwrightError:
    """Return the error that `TrustwrightError.data` described; of an unknown kind, the base."""
    found = next((each for each in _kinds(TrustwrightError) if each.kind == data["kind"]), None)
    return _rebuild(
        found or TrustwrightError, data["what"], data["rule"], data["hint"], data["where"]
    )


def _kinds(cls: type[TrustwrightError]) -> list[type[TrustwrightError]]:
    return [cls, *(kind for each in cls.__subclasses__() for kind in _kinds(each))]


def _rebuild(
    cls: type[TrustwrightError], what: str, rule: str, hint: str, where: str
) -> TrustwrightError:
    return cls(what, rule=rule, hint=hint, where=where)


class ConfigurationError(TrustwrightError):
    """A file, flag or setting is wrong."""

    exit_code = 2
    kind = "configuration"


class PolicyViolation(TrustwrightError):
    """A rule of ours forbids it; retrying does not help."""

    exit_code = 3
    kind = "policy"


class LintViolation(PolicyViolation):
    """A certificate, CRL or certification request breaks a clause."""

    kind = "lint"


class CeremonyViolation(PolicyViolation):
    """A request, response or transcript breaks a ceremony rule."""

    kind = "ceremony"


class TransitionRefused(PolicyViolation):
    """A phase may not follow the current one."""

    kind = "transition"


class VerificationError(TrustwrightError):
    """A signature, certification path, name or digest does not hold."""

    exit_code = 4
    kind = "verification"


class UpstreamError(TrustwrightError):
    """Something that we call said no or did not answer."""

    exit_code = 5
    kind = "upstream"


class Unavailable(UpstreamError):
    """Sealed, down, over quota or not started; nothing happened, try again later."""

    kind = "unavailable"


class Denied(UpstreamError):
    """The identity may not do this, or its token is no longer good."""

    kind = "denied"


class Rejected(UpstreamError):
    """The call is wrong and stays wrong."""

    kind = "rejected"


class OutcomeUnknown(UpstreamError):
    """The connection died after the call was sent: it may have taken effect."""

    kind = "outcome-unknown"


class ConflictError(TrustwrightError):
    """Another writer was first, or another run holds the environment."""

    exit_code = 6
    kind = "conflict"
