"""A rule is a function with an identifier; a book enumerates them for docs, pages and tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, get_args

from trustwright.errors import CeremonyViolation, TrustwrightError
from trustwright.model.ceremony import Kind

KINDS: frozenset[Kind] = frozenset(get_args(Kind))


class Case(Protocol):
    """What a rule looks at."""

    @property
    def kind(self) -> Kind:
        """Return the kind of the request."""
        ...


CaseT = TypeVar("CaseT", bound=Case)


@dataclass(frozen=True)
class Problem:
    """Why a rule does not hold, and what to do about it."""

    what: str
    hint: str = ""


Check = Callable[[CaseT], Problem | None]


@dataclass(frozen=True)
class Rule(Generic[CaseT]):
    """One rule.

    Attributes:
        title: what holds when it holds.
        kinds: the requests that it speaks about.
    """

    identifier: str
    title: str
    check: Check[CaseT]
    kinds: frozenset[Kind]

    def enforce(self, case: CaseT) -> None:
        """Raise when the rule does not hold.

        Raises:
            CeremonyViolation: with this rule's identifier.
        """
        problem = self.check(case)
        if problem is not None:
            raise CeremonyViolation(problem.what, rule=self.identifier, hint=problem.hint)


@dataclass(frozen=True)
class Verdict:
    """How a rule came out.

    Attributes:
        outcome: *holds*, *broken*, or *not judged* because something it needs is broken.
        problem: why it does not hold.
    """

    rule: str
    title: str
    outcome: str
    problem: str = ""
    hint: str = ""


class RuleBook(Generic[CaseT]):
    """The rules of one side, in the order in which they are enforced."""

    def __init__(self) -> None:
        self.rules: list[Rule[CaseT]] = []

    def rule(
        self, identifier: str, title: str, *kinds: Kind
    ) -> Callable[[Check[CaseT]], Check[CaseT]]:
        """Register a function as a rule, for some kinds of request or for all."""

        def register(check: Check[CaseT]) -> Check[CaseT]:
            self.rules.append(Rule(identifier, title, check, frozenset(kinds) or KINDS))
            return check

        return register

    def enforce(self, case: CaseT) -> None:
        """Raise for the first rule that does not hold.

        Raises:
            CeremonyViolation: naming it.
        """
        for rule in self._speaking_of(case):
            rule.enforce(case)

    def judge(self, case: CaseT) -> tuple[Verdict, ...]:
        """Return how every rule came out."""
        return tuple(_verdict(rule, case) for rule in self._speaking_of(case))

    def _speaking_of(self, case: CaseT) -> list[Rule[CaseT]]:
        return [rule for rule in self.rules if case.kind in rule.kinds]


def _verdict(rule: Rule[CaseT], case: CaseT) -> Verdict:
    try:
        rule.enforce(case)
    except TrustwrightError as error:
        own = error.rule == rule.identifier
        outcome = "broken" if own else "not judged"
        problem = error.what if own else f"needs {error.rule}"
        return Verdict(rule.identifier, rule.title, outcome, problem, error.hint if own else "")
    return Verdict(rule.identifier, rule.title, "holds")
