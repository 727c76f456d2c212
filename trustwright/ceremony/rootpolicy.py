"""``policy.toml``: what this root may sign. Written at ``init``, kept by a person, versioned.

A changed policy counts only after ``trustwright-root policy --accept`` has put it into the
transcript, with a higher version.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from trustwright import canonical
from trustwright.ceremony.request import CRL_SUBJECT
from trustwright.errors import ConfigurationError
from trustwright.model.base import DnsName, Name, Oid, Setting, Url, first_problem
from trustwright.model.profile import LONGEST_NAME, KeyKind
from trustwright.model.values import Duration

FILE = "policy.toml"
_LIMIT = 65_536
_DAY = 86_400
_FORMS = {
    "domain": "a DNS name of two labels or more in lower case, like test.example.internal",
    "policy_oid": "a dotted object identifier, like 1.3.6.1.4.1.32473.1.1",
    "name": "a name of lower-case letters, digits and inner hyphens, like test",
}
_DURATIONS = ("maximum_validity", "maximum_request_age", "crl_validity")


def _printable(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        msg = "has characters that cannot be shown, or space around it"
        raise ValueError(msg)
    return text


class EnvironmentPolicy(Setting):
    """What may be signed for one environment.

    Attributes:
        domain: the permitted DNS subtree of its intermediates.
        policy_oid: their certificate policy; None accepts any one OID that no other environment
            has used, and holds to the one that was signed first.
        url_prefixes: CRL and issuer URLs in an intermediate must begin with one of them.
    """

    domain: DnsName
    policy_oid: Oid | None = None
    url_prefixes: tuple[Url, ...] = ()


class RootPolicy(Setting):
    """The whole file.

    Attributes:
        version: one more at each change.
        maximum_validity: of an intermediate, from signing to notAfter.
        maximum_request_age: from a request's creation to its expiry.
        crl_validity: from a root CRL's thisUpdate to its nextUpdate, 1 to 400 days.
    """

    format: Literal["trustwright.root-policy/1"] = "trustwright.root-policy/1"
    version: int = Field(default=1, ge=1)
    organization: Annotated[str, AfterValidator(_printable)] = Field(min_length=1, max_length=48)
    keys: tuple[KeyKind, ...] = Field(default=("ec-p384", "ec-p256"), min_length=1)
    maximum_validity: Duration = 1830 * 86_400
    maximum_path_length: Literal[0] = 0
    maximum_request_age: Duration = 30 * 86_400
    crl_validity: Annotated[Duration, Field(ge=_DAY, le=400 * _DAY)] = 180 * _DAY
    environments: dict[Name, EnvironmentPolicy] = Field(min_length=1)

    @model_validator(mode="after")
    def _environments_fit_and_lie_apart(self) -> Self:
        named = list(self.environments.items())
        if CRL_SUBJECT in self.environments:
            msg = f"{CRL_SUBJECT} is what a request for a root CRL is called, no environment"
            raise ValueError(msg)
        for name in self.environments:
            if len(f"{self.organization} {name} Issuing CA G9999".encode()) > LONGEST_NAME:
                msg = f"organization and {name} are too long for a common name together"
                raise ValueError(msg)
        for place, (name, one) in enumerate(named):
            for other_name, other in named[place + 1 :]:
                if overlap(one.domain, other.domain):
                    msg = f"the domains of {name} and {other_name} overlap"
                    raise ValueError(msg)
                if one.policy_oid is not None and one.policy_oid == other.policy_oid:
                    msg = f"{name} and {other_name} have the same policy OID"
                    raise ValueError(msg)
        return self

    @property
    def domains(self) -> dict[str, str]:
        """Return environment → DNS subtree."""
        return {name: environment.domain for name, environment in self.environments.items()}

    def digest(self) -> str:
        """Return the SHA-256 of the policy's canonical form, comments and layout left out."""
        return canonical.digest(self.text().encode())

    def text(self) -> str:
        """Return the canonical form: what the transcript keeps."""
        members = self.model_dump(mode="json")
        written = {name: duration_text(members[name]) for name in _DURATIONS}
        return canonical.encode(members | written).decode()


def overlap(one: str, other: str) -> bool:
    """Return whether two DNS subtrees share a name."""
    return f".{one}".endswith(f".{other}") or f".{other}".endswith(f".{one}")


def load(path: Path) -> RootPolicy:
    """Return the policy in a TOML file.

    Raises:
        ConfigurationError: unreadable, not TOML, or a member is wrong (rule ``ROOT-POLICY``).
    """
    try:
        data = path.read_bytes()
        if len(data) > _LIMIT:
            raise _wrong(path, f"longer than {_LIMIT} octets")
        return RootPolicy.model_validate(tomllib.loads(data.decode()))
    except OSError as error:
        raise _wrong(path, f"cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _wrong(path, f"not TOML: {error}") from None
    except RecursionError:
        raise _wrong(path, "not TOML that anybody wrote: endless nesting") from None
    except ValidationError as error:
        raise _wrong(path, _first_problem(error)) from None


def from_text(text: str) -> RootPolicy:
    """Return the policy that `RootPolicy.text` wrote.

    Raises:
        ConfigurationError: it is none (rule ``ROOT-POLICY``).
    """
    try:
        return RootPolicy.model_validate_json(text)
    except ValidationError as error:
        raise _wrong(None, first_problem(error)) from None


def new_policy(
    organization: str, domains: Mapping[str, str], oids: Mapping[str, str]
) -> RootPolicy:
    """Return the policy that ``init`` writes.

    Raises:
        ConfigurationError: a value is wrong, or an OID has no environment (rule ``ROOT-POLICY``).
    """
    stray = sorted(set(oids) - set(domains))
    if stray:
        raise _misfit(f"--policy-oid {stray[0]}: there is no --environment {stray[0]}")
    environments = {
        name: {"domain": domain, "policy_oid": oids.get(name)} for name, domain in domains.items()
    }
    try:
        return RootPolicy.model_validate(
            {"organization": organization, "environments": environments}
        )
    except ValidationError as error:
        raise _misfit(_first_problem(error)) from None


def as_toml(policy: RootPolicy) -> str:
    """Return the policy as a person finds it, each member explained."""
    lines = [
        "# What this root may sign. After a change: raise version, then",
        "#   trustwright-root policy --accept",
        f'format = "{policy.format}"',
        f"version = {policy.version}",
        f"organization = {_quoted(policy.organization)}",
        f"keys = [{', '.join(_quoted(kind) for kind in policy.keys)}]",
        f'maximum_validity = "{duration_text(policy.maximum_validity)}"     # of an intermediate',
        "maximum_path_length = 0            # no authority below an intermediate",
        f'maximum_request_age = "{duration_text(policy.maximum_request_age)}"',
        f'crl_validity = "{duration_text(policy.crl_validity)}"          # of a root CRL',
    ]
    for name, environment in policy.environments.items():
        lines += ["", f"[environments.{name}]", f"domain = {_quoted(environment.domain)}"]
        if environment.policy_oid is not None:
            lines.append(f"policy_oid = {_quoted(environment.policy_oid)}")
        urls = ", ".join(_quoted(url) for url in environment.url_prefixes)
        lines.append(f"url_prefixes = [{urls}]  # CRL and issuer URLs must begin with one")
    return "\n".join([*lines, ""])


def duration_text(seconds: int) -> str:
    """Return seconds as a person writes them: in days where they are whole."""
    days, rest = divmod(seconds, 86_400)
    return f"{days}d" if not rest else f"{seconds}s"


def _quoted(text: str) -> str:
    # A JSON string of printable text is a TOML basic string.
    return canonical.encode(text).decode()


def _first_problem(error: ValidationError) -> str:
    """Return member and problem; where a form is wanted, the form as an example."""
    problem = error.errors(include_input=False, include_url=False)[0]
    place = [str(part) for part in problem["loc"]]
    member = "name" if place[-1:] == ["[key]"] else next(iter(place[-1:]), "")
    if problem["type"] == "string_pattern_mismatch" and member in _FORMS:
        return f"{'.'.join(place).removesuffix('.[key]')}: must be {_FORMS[member]}"
    return first_problem(error)


def _misfit(what: str) -> ConfigurationError:
    return ConfigurationError(
        what, rule="ROOT-POLICY", hint="mend the option, and start again; nothing was made"
    )


def _wrong(path: Path | None, what: str) -> ConfigurationError:
    return ConfigurationError(
        what,
        rule="ROOT-POLICY",
        hint="nothing was signed; mend the policy",
        where=str(path) if path else "",
    )
