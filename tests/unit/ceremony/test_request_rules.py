"""Each rule about a request has a case that breaks it, and only what must break with it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from pydantic import ValidationError

from tests.unit.ceremony import forge, material
from tests.unit.ceremony.material import (
    DAY,
    NOW,
    answer,
    crl_request,
    history,
    policy,
    profile,
    request,
    revocation,
)
from trustwright.ceremony.checks import REQUEST_RULES, check_request, judge_request
from trustwright.ceremony.history import History
from trustwright.ceremony.response import binding
from trustwright.ceremony.rootpolicy import EnvironmentPolicy, RootPolicy
from trustwright.ceremony.rules import Verdict
from trustwright.errors import CeremonyViolation
from trustwright.model.ceremony import Request, Response
from trustwright.model.profile import NameConstraints, Profile
from trustwright.x509 import encoding, parse
from trustwright.x509.build import build_request
from trustwright.x509.crl import Revoked

pytestmark = pytest.mark.unit


@dataclass(frozen=True)
class Case:
    """A request and what it meets."""

    request: Request = field(default_factory=request)
    history: History = field(default_factory=history)
    policy: RootPolicy = field(default_factory=policy)
    root: material.RootMaterial = field(default_factory=material.root)
    days: int = 0

    def check(self) -> None:
        """Enforce."""
        check_request(
            self.request,
            root=self.root.certificate,
            policy=self.policy,
            history=self.history,
            now=NOW + self.days * DAY,
        )

    def verdicts(self) -> tuple[Verdict, ...]:
        """Judge."""
        return judge_request(
            self.request,
            root=self.root.certificate,
            policy=self.policy,
            history=self.history,
            now=NOW + self.days * DAY,
        )


def asking(**changes: object) -> Case:
    """Return a case whose profile has members changed."""
    return Case(request(asked=profile(**changes)))  # type: ignore[arg-type]


def _named(**changes: object) -> Profile:
    made = profile()
    return material.changed_profile(made, {"subject": material.subject(made.subject, **changes)})


def _later_clock() -> Case:
    return Case(history=history(last_at=NOW + timedelta(hours=1)))


def _ended_root() -> Case:
    short = material.root("short", validity=1)
    return Case(request(root_fingerprint=parse.fingerprint(short.certificate)), root=short, days=2)


def _answered() -> Case:
    before = answer(request())
    return Case(before.request, history(before))


def _unchained() -> Case:
    return Case(request(previous="0" * 64))


def _revoke_foreign() -> Case:
    before = answer(request("prod"))
    return Case(revocation(before.serial, "test"), history(before))


def _revoke_twice() -> Case:
    before = answer(request())
    asked = revocation(before.serial, previous=before.binding)
    return Case(asked, history(before, revoked=(Revoked(before.serial, NOW),)))


def _skipped() -> Case:
    before = answer(request())
    return Case(request(generation=12, previous=before.binding), history(before))


def _same_generation_other_key() -> Case:
    before = answer(request())
    return Case(request(key_name="another", previous=before.binding), history(before))


def _unproven() -> Case:
    broken = bytearray(parse.der(parse.request(request().csr or "")))
    broken[-1] ^= 1
    body = base64.encodebytes(bytes(broken)).decode()
    label = "CERTIFICATE REQUEST"
    return Case(request(csr=f"-----BEGIN {label}-----\n{body}-----END {label}-----\n"))


def _other_subject() -> Case:
    signer = material.key("test-1")
    return Case(request(csr=build_request(signer, profile("prod").subject)))


def _lint() -> Case:
    builder = x509.CertificateSigningRequestBuilder(encoding.subject_name(profile().subject))
    wish = builder.add_extension(x509.InhibitAnyPolicy(0), critical=True)
    return Case(request(csr=parse.pem(wish.sign(material.key("test-1"), hashes.SHA384()))))


def _root_key() -> Case:
    return Case(request(csr=build_request(material.root().key, profile().subject)))


def _shared_key() -> Case:
    before = answer(request("prod"))
    return Case(request(key_name="prod-1"), history(before))


def _revoked_key() -> Case:
    before = answer(request())
    asked = request(previous=before.binding, reason="the response was lost")
    return Case(asked, history(before, revoked=(Revoked(before.serial, NOW, "key_compromise"),)))


def _learned_oid() -> Case:
    open_policy = policy(
        environments={
            name: EnvironmentPolicy(domain=domain) for name, domain in material.DOMAINS.items()
        }
    )
    before = answer(request("prod"))
    return Case(
        request(asked=profile(policies=(material.OIDS["prod"],))), history(before), open_policy
    )


def _foreign_names() -> Case:
    return asking(name_constraints=NameConstraints(permitted_dns=(material.DOMAINS["prod"],)))


CASES: dict[str, tuple[Callable[[], Case], set[str]]] = {
    # rule: (what breaks it, rules that cannot hold beside it)
    "CER-101": (lambda: Case(request(root_fingerprint="sha256:" + "0" * 64)), set()),
    "CER-102": (_later_clock, set()),
    "CER-103": (_ended_root, {"CER-140"}),
    "CER-104": (lambda: Case(request(created=NOW + DAY)), set()),
    "CER-105": (lambda: Case(days=8), set()),
    "CER-106": (lambda: Case(request(expires=NOW + 60 * DAY)), set()),
    "CER-107": (lambda: Case(request(reason="sign this\x1b[2J")), set()),
    "CER-108": (_answered, set()),
    "CER-109": (_unchained, set()),
    "CER-110": (lambda: Case(request("stage")), set()),
    "CER-111": (_revoke_foreign, set()),
    "CER-112": (_revoke_twice, set()),
    "CER-121": (_skipped, set()),
    "CER-122": (_same_generation_other_key, set()),
    "CER-123": (_unproven, {"CER-125"}),
    "CER-124": (_other_subject, set()),
    "CER-125": (_lint, set()),
    "CER-126": (lambda: Case(policy=policy(keys=("ec-p256",))), set()),
    "CER-127": (_root_key, set()),
    "CER-128": (_shared_key, set()),
    "CER-129": (_revoked_key, set()),
    "CER-131": (
        lambda: Case(request(asked=_named(organization="Intruder"))),
        {"CER-132", "CER-144"},
    ),
    "CER-132": (lambda: Case(request(asked=_named(unit="prod"))), {"CER-144"}),
    "CER-133": (lambda: asking(path_length=1), {"CER-144"}),
    "CER-134": (
        lambda: asking(key_usage=("key_cert_sign", "crl_sign", "digital_signature")),
        {"CER-144"},
    ),
    "CER-135": (lambda: asking(extended_key_usage=("server",)), {"CER-144"}),
    "CER-136": (_foreign_names, {"CER-137", "CER-144"}),
    "CER-137": (lambda: asking(name_constraints=None), {"CER-138", "CER-144"}),
    "CER-138": (
        lambda: asking(
            name_constraints=NameConstraints(
                permitted_dns=(material.DOMAINS["test"],), excluded_ip=("0.0.0.0/0",)
            )
        ),
        {"CER-144"},
    ),
    "CER-139": (lambda: asking(validity=3660 * 86_400), set()),
    "CER-140": (
        lambda: Case(
            request(
                root_fingerprint=parse.fingerprint(material.root("year", validity=365).certificate)
            ),
            root=material.root("year", validity=365),
        ),
        set(),
    ),
    "CER-141": (lambda: asking(backdate=7200), set()),
    "CER-142": (lambda: asking(policies=("1.3.6.1.4.1.99999.3",)), set()),
    "CER-143": (lambda: asking(crl_urls=("http://intruder.example/root.crl",)), set()),
    "CER-144": (lambda: asking(uris=("spiffe://test.example.internal/x",)), set()),
}


def test_every_rule_has_a_case() -> None:
    """No rule without a case, no case without a rule, no identifier twice."""
    identifiers = [rule.identifier for rule in REQUEST_RULES]

    assert sorted(CASES) == sorted(identifiers)
    assert len(identifiers) == len(set(identifiers))


@pytest.mark.parametrize("rule", sorted(CASES))
def test_rule_refuses_its_case(rule: str) -> None:
    """The rule is the first to refuse, and nothing else breaks but what must."""
    make, beside = CASES[rule]
    case = make()
    broken = {verdict.rule for verdict in case.verdicts() if verdict.outcome == "broken"}

    with pytest.raises(CeremonyViolation) as refused:
        case.check()

    assert rule == refused.value.rule
    assert {rule} | beside == broken


def test_good_request_is_accepted() -> None:
    """The request that the cases start from passes."""
    Case().check()


def test_every_kind_is_accepted() -> None:
    """A revocation and a root CRL pass when they name what is there."""
    before = answer(request())
    Case(revocation(before.serial, previous=before.binding), history(before)).check()
    Case(crl_request()).check()


def test_environment_that_left_the_policy_can_be_revoked() -> None:
    """Revoking asks what was signed, not what may be signed."""
    before = answer(request())
    mine = policy(environments={"prod": policy().environments["prod"]})

    Case(revocation(before.serial, previous=before.binding), history(before), mine).check()


def test_next_generation_follows_the_last_response() -> None:
    """Generation 2 passes with another key and the digest of the last response."""
    before = answer(request())
    Case(request(generation=2, previous=before.binding), history(before)).check()


@pytest.mark.parametrize("knows", [True, False])
def test_last_generation_again_over_the_same_key(*, knows: bool) -> None:
    """A lost response: the same key again passes, whether or not the other side knows of it."""
    before = answer(request())
    previous = before.binding if knows else None
    Case(request(previous=previous, reason="the response was lost"), history(before)).check()


@pytest.mark.parametrize(
    "changes",
    [{"number": 7, "previous": "1" * 64}, {"transcript": "2" * 64}],
    ids=["number and predecessor", "transcript line"],
)
def test_altered_response_does_not_break_the_chain(changes: dict[str, object]) -> None:
    """What nothing signs in a response may be changed on its way: its binding stays the same."""
    before = answer(request())
    altered = before.response.model_copy(update=changes)
    assert altered.digest() != before.response.digest()

    Case(request(generation=2, previous=binding(altered)), history(before)).check()


def test_second_signature_over_the_same_octets_has_the_same_binding() -> None:
    """Of an ECDSA signature (r, s) anybody can make (r, n - s): it says nothing else."""
    made = answer(request()).response
    twin = forge.twin(made.certificate or "")
    assert twin != made.certificate

    assert binding(made.model_copy(update={"certificate": twin})) == binding(made)


@pytest.mark.parametrize(
    "other",
    [
        lambda asked: answer(asked).response,
        lambda _: answer(request("prod")).response,
        lambda _: answer(crl_request()).response,
    ],
    ids=["another certificate", "another request", "no certificate"],
)
def test_binding_names_what_was_signed(other: Callable[[Request], Response]) -> None:
    """Another certificate, CRL or request has another binding."""
    asked = request()

    assert binding(answer(asked).response) != binding(other(asked))


def test_older_generation_is_refused() -> None:
    """Generation 1 cannot come back after generation 2, not even over its key."""
    first = answer(request())
    second = answer(
        request(generation=2, previous=first.binding),
        number=2,
        previous=first.response.digest(),
    )
    case = Case(request(previous=second.binding, reason="again"), history(first, second))

    with pytest.raises(CeremonyViolation) as refused:
        case.check()

    assert refused.value.rule == "CER-121"


@pytest.mark.parametrize(
    ("signed", "asked", "holds"),
    [(0, 1, True), (0, 2, True), (0, 10, True), (0, 11, False), (1, 3, True), (1, 12, False)],
)
def test_generations_that_were_given_up_leave_a_gap(signed: int, asked: int, holds: bool) -> None:
    """The other side lost a key before this root signed it: the next is signed, within reason."""
    before = answer(request()) if signed else None
    case = Case(
        request(generation=asked, previous=before.binding if before else None),
        history(before) if before else history(),
    )
    broken = [verdict.rule for verdict in case.verdicts() if verdict.outcome != "holds"]
    assert broken == ([] if holds else ["CER-121"])


def test_what_was_left_out_is_never_signed_later() -> None:
    """Generation 3 was signed: 2 cannot come after it."""
    before = answer(request(generation=3))
    case = Case(request(generation=2, previous=before.binding), history(before))
    broken = [verdict.rule for verdict in case.verdicts() if verdict.outcome != "holds"]
    assert broken == ["CER-121"]


def test_an_answer_that_never_arrived_does_not_end_the_chain() -> None:
    """Signed, carried nowhere, given up: the next generation names what the last request named."""
    first = answer(request())
    second = answer(
        request(generation=2, previous=first.binding),
        number=2,
        previous=first.response.digest(),
    )
    Case(request(generation=3, previous=first.binding), history(first, second)).check()
    Case(request(generation=2, previous=None), history(first)).check()


def test_an_answer_before_the_last_is_no_link() -> None:
    """Only the last one may have gone astray: two in a row that both were seen do not."""
    first = answer(request())
    second = answer(
        request(generation=2, previous=first.binding),
        number=2,
        previous=first.response.digest(),
    )
    case = Case(request(generation=3, previous=None), history(first, second))
    with pytest.raises(CeremonyViolation) as refused:
        case.check()
    assert refused.value.rule == "CER-109"


def test_a_revocation_in_between_must_be_known() -> None:
    """The last answer revoked something: a side that does not know it asks for nothing new."""
    first = answer(request())
    asked = revocation(first.serial, previous=first.binding)
    second = answer(asked, number=2, previous=first.response.digest())
    revoked = (Revoked(first.serial, NOW),)
    case = Case(
        request(generation=2, previous=first.binding), history(first, second, revoked=revoked)
    )
    with pytest.raises(CeremonyViolation) as refused:
        case.check()
    assert refused.value.rule == "CER-109"


def test_environments_are_chained_apart() -> None:
    """What was signed for prod does not stand in the chain of test."""
    Case(request(), history(answer(request("prod")))).check()


def test_first_policy_oid_is_held_to() -> None:
    """Where the policy names no OID, an OID of another environment is refused."""
    case = _learned_oid()

    with pytest.raises(CeremonyViolation) as refused:
        case.check()

    assert refused.value.rule == "CER-142"


def _moved(*, domain: bool, oid: bool) -> RootPolicy:
    """Return a policy that gives prod's domain or OID to test, and others to prod."""
    test = EnvironmentPolicy(
        domain=material.DOMAINS["prod" if domain else "test"],
        policy_oid=material.OIDS["prod" if oid else "test"],
    )
    prod = EnvironmentPolicy(domain="live.example.internal", policy_oid="1.3.6.1.4.1.99999.3")
    return policy(environments={"test": test, "prod": prod})


def _asked_after_move(*, domain: bool, oid: bool) -> Request:
    moved = _moved(domain=domain, oid=oid).environments["test"]
    constraints = NameConstraints(permitted_dns=(moved.domain,))
    return request(
        asked=profile(name_constraints=constraints, policies=(moved.policy_oid or "",)),
        expires=NOW + 20 * DAY,
    )


@pytest.mark.parametrize(
    ("domain", "oid", "rules"),
    [(True, False, {"CER-136"}), (False, True, {"CER-142"}), (True, True, {"CER-136", "CER-142"})],
)
def test_moved_domain_and_oid_stay_with_what_lives(
    *, domain: bool, oid: bool, rules: set[str]
) -> None:
    """What a living intermediate of another environment has is free only after its end."""
    before = answer(request("prod"))
    asked, mine = _asked_after_move(domain=domain, oid=oid), _moved(domain=domain, oid=oid)
    case = Case(asked, history(before), mine)
    broken = {each.rule: each for each in case.verdicts() if each.outcome == "broken"}
    revoked = history(before, revoked=(Revoked(before.serial, NOW - timedelta(hours=1)),))
    short = answer(request("prod", asked=profile("prod", validity=10 * 86_400)))

    assert set(broken) == rules
    assert "living intermediate of prod, generation 1 (response 1)" in broken[min(rules)].problem
    Case(asked, revoked, mine).check()
    with pytest.raises(CeremonyViolation):
        Case(asked, history(short), mine, days=9).check()
    Case(asked, history(short), mine, days=11).check()


def test_url_below_a_prefix_is_accepted_and_beside_it_refused() -> None:
    """A prefix ends at a path segment: pki.example does not open pki.example.intruder."""
    environments = dict(policy().environments)
    environments["test"] = environments["test"].model_copy(
        update={"url_prefixes": ("http://pki.example",)}
    )
    mine = policy(environments=environments)
    Case(request(asked=profile(crl_urls=("http://pki.example/root.crl",))), policy=mine).check()

    beside = Case(
        request(asked=profile(crl_urls=("http://pki.example.intruder/root.crl",))), policy=mine
    )
    with pytest.raises(CeremonyViolation) as refused:
        beside.check()
    assert refused.value.rule == "CER-143"


POINTERS = {
    "http://pki.example/root.crl": True,
    "http://pki.example:8080/a/b~c/root-1_2.crl": True,
    "http://pki.example/": True,
    "http://pki.example": False,
    "http://pki.example/crl/../../intruder.crl": False,
    "http://pki.example/./root.crl": False,
    "http://pki.example/crl/..": False,
    "http://pki.example/%2e%2e/root.crl": False,
    "http://pki.example/a b": False,
    "http://pki.example/ ": False,
    "http://pki.example/root.crl\n": False,
    "http://pki.example/?#": False,
    "http://pki.example/root.crl?x": False,
    "http://pki.example/root.crl#x": False,
    "http://pki.example/\u0440oot.crl": False,
    "http://user@pki.example/root.crl": False,
    "http://PKI.example/root.crl": False,
    "http://pki.example:65536/root.crl": False,
    "http://pki.example:99999999/root.crl": False,
    "http:///root.crl": False,
    "https://pki.example/root.crl": False,
    "ldap://pki.example/root": False,
    "": False,
    " ": False,
}


@pytest.mark.parametrize("member", ["crl_urls", "issuer_urls"])
@pytest.mark.parametrize("url", list(POINTERS))
def test_pointers_are_plain_urls(url: str, member: str) -> None:
    """Refused where a profile is read, and by CER-143 should one get past that."""
    environments = dict(policy().environments)
    environments["test"] = environments["test"].model_copy(
        update={
            "url_prefixes": (
                "http://pki.example",
                "http://pki.example:8080",
                "http://pki.example:65536",
            )
        }
    )
    good = request()
    past = good.model_copy(update={"profile": profile().model_copy(update={member: (url,)})})
    case = Case(past, policy=policy(environments=environments))
    broken = {verdict.rule for verdict in case.verdicts() if verdict.outcome == "broken"}

    assert ("CER-143" not in broken) == POINTERS[url]
    if POINTERS[url]:
        made = material.changed_profile(profile(), {member: (url,)})
        assert getattr(made, member) == (url,)
        return
    with pytest.raises(ValidationError, match=member):
        material.changed_profile(profile(), {member: (url,)})


def test_pointers_are_few_and_short() -> None:
    """At most four of at most 200 characters."""
    longest = "http://pki.example/".ljust(200, "x")
    assert profile(crl_urls=(longest,) * 4).crl_urls == (longest,) * 4
    for wrong in ((longest,) * 5, (f"{longest}x",)):
        with pytest.raises(ValidationError, match="crl_urls"):
            profile(crl_urls=wrong)


def test_replay_names_the_response() -> None:
    """The refusal of a replay says which response answered."""
    case = _answered()

    with pytest.raises(CeremonyViolation) as refused:
        case.check()

    assert case.history.answers[0].file in refused.value.what
    assert "--reprint" in refused.value.hint


def test_unreadable_csr_leaves_rules_unjudged() -> None:
    """A CSR that cannot be read is reported once; what needs it says so."""
    verdicts = {each.rule: each for each in Case(request(csr="no CSR")).verdicts()}

    assert verdicts["CER-123"].outcome == "broken"
    assert verdicts["CER-124"].outcome == "not judged"
    assert verdicts["CER-124"].problem == "needs CER-123"
