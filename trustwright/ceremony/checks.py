"""The front door of the rules: what the signer asks of a request, both sides of a response.

Every rule is one function, listed in `REQUEST_RULES` or `RESPONSE_RULES`; its identifier is in the
exception, on the review page and in its test. A request that is refused leaves no trace in the
transcript; a response that is refused after the root key was used is abandoned there, with rule and
reason.
CER-SIZE, CER-JSON and CER-SHAPE come before them, when a file is opened.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING

from trustwright.ceremony.crl_rules import CRL_RULES
from trustwright.ceremony.history import History
from trustwright.ceremony.key_rules import KEY_RULES
from trustwright.ceremony.profile_rules import PROFILE_RULES
from trustwright.ceremony.request_case import RequestCase
from trustwright.ceremony.request_rules import GENERAL_RULES
from trustwright.ceremony.response_case import ResponseCase
from trustwright.ceremony.response_rules import RESPONSE_RULES as ANSWER_RULES
from trustwright.ceremony.rootpolicy import RootPolicy
from trustwright.ceremony.rules import Rule, Verdict
from trustwright.model.ceremony import Request, Response

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_REQUEST_BOOKS = (GENERAL_RULES, KEY_RULES, PROFILE_RULES)
_RESPONSE_BOOKS = (ANSWER_RULES, CRL_RULES)

REQUEST_RULES: tuple[Rule[RequestCase], ...] = tuple(
    chain.from_iterable(book.rules for book in _REQUEST_BOOKS)
)
"""What the signer asks of a request, in the order of enforcement."""

RESPONSE_RULES: tuple[Rule[ResponseCase], ...] = tuple(
    chain.from_iterable(book.rules for book in _RESPONSE_BOOKS)
)
"""What both sides ask of a response, in the order of enforcement."""


def check_request(
    request: Request, *, root: Certificate, policy: RootPolicy, history: History, now: datetime
) -> None:
    """Accept a request for signing.

    Args:
        request: as `open_request` returns it.
        root: this root's certificate.
        policy: what it may sign.
        history: what it has answered.
        now: aware.

    Raises:
        CeremonyViolation: for the first rule of `REQUEST_RULES` that does not hold.
    """
    case = RequestCase(request, root, policy, history, now)
    for book in _REQUEST_BOOKS:
        book.enforce(case)


def judge_request(
    request: Request, *, root: Certificate, policy: RootPolicy, history: History, now: datetime
) -> tuple[Verdict, ...]:
    """Return how every rule about a request comes out; arguments as for `check_request`."""
    case = RequestCase(request, root, policy, history, now)
    return tuple(chain.from_iterable(book.judge(case) for book in _REQUEST_BOOKS))


def check_response(
    response: Response,
    request: Request,
    *,
    root: Certificate,
    now: datetime,
    known_serials: Collection[int],
    domains: Mapping[str, str],
    last_crl_number: int = 0,
    listed: Collection[int] = (),
) -> None:
    """Accept a response, before it leaves the signer and before it enters the online side.

    Args:
        response: as `open_response` returns it.
        request: the one that was sealed; never one that came with the response.
        root: the pinned root certificate.
        now: aware.
        known_serials: of every other certificate that the root is known to have signed.
        domains: environment → DNS subtree, for every environment.
        last_crl_number: of the newest root CRL that was seen, 0 for none.
        listed: serials that a root CRL that was seen lists.

    Raises:
        CeremonyViolation: for the first rule of `RESPONSE_RULES` that does not hold.
    """
    case = ResponseCase(
        response, request, root, now, known_serials, domains, last_crl_number, listed
    )
    for book in _RESPONSE_BOOKS:
        book.enforce(case)
