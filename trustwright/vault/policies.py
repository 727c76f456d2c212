"""Policies as code: the HCL templates of ``infra/vault`` filled in for one environment."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from trustwright.errors import ConfigurationError
from trustwright.vault.identities import IDENTITIES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trustwright.model.estate import Consumer, Environment
    from trustwright.vault.identities import Identity

ANY_CHILD = "+"
"""Namespace pattern for a provisioner whose estate is not known yet: every direct child."""

_MARK = re.compile(r"# Trustwright: environment (\S+), mount (\S+)$", re.MULTILINE)


def render(identity: Identity, name: str, environment: Environment) -> str:
    """Return the policy of `identity` in the environment's namespace.

    Its first line says whose it is (`owner`).

    Args:
        identity: whose.
        name: of the environment; key and issuer names start with it.
        environment: mount and roles.
    """
    vault = environment.vault
    facts = {"mount": vault.mount, "delivery": vault.delivery, "environment": name}
    roles = "".join(
        _filled("role", {**facts, "role": role}) for role in signed_by(identity, environment)
    )
    return f"{_mark(name, environment.vault.mount)}\n{_filled(identity, facts)}{roles}"


def render_consumer(consumer: Consumer, name: str, environment: Environment) -> str:
    """Return the policy of a consumer that fetches its set from the delivery mount."""
    vault = environment.vault
    facts = {"delivery": vault.delivery, "environment": name, "consumer": consumer.name}
    request = _filled("consumer-request", facts) if consumer.key == "host" else ""
    return f"{_mark(name, vault.mount)}\n{_filled('consumer', facts)}{request}"


def signed_by(identity: Identity, environment: Environment) -> tuple[str, ...]:
    """Return the roles through which an identity may sign: admin is apart from all others."""
    if identity not in {"issuer", "admin"}:
        return ()
    return tuple(
        role for role in sorted(environment.roles) if (role == "admin") == (identity == "admin")
    )


def owner(policy: str) -> tuple[str, str] | None:
    """Return environment and mount that a policy was rendered for; None for anybody else's."""
    found = _MARK.match(policy)
    return (found[1], found[2]) if found else None


def _mark(name: str, mount: str) -> str:
    return f"# Trustwright: environment {name}, mount {mount}"


def provisioner(places: Iterable[tuple[str, str, str]]) -> str:
    """Return the provisioner's policy, written in the namespace where it logs in.

    Args:
        places: namespace (empty for that namespace itself, `ANY_CHILD` for every child), mount
            and delivery mount of each environment.
    """
    return "\n".join(_place(*each) for each in dict.fromkeys(places))


def own() -> str:
    """Return what lets the provisioner read its own policy, where it logs in."""
    return _filled("provisioner-own", {})


def _place(namespace: str, mount: str, delivery: str) -> str:
    prefix = f"{namespace}/" if namespace else ""
    text = "".join(
        _filled("provisioner-namespace", {"path": path}) for path in namespace_paths(namespace)
    )
    text += _filled("provisioner", {"prefix": prefix, "mount": mount})
    text += _filled("provisioner-delivery", {"prefix": prefix, "delivery": delivery})
    return text + "".join(
        _filled("provisioner-identity", {"prefix": prefix, "identity": identity})
        for identity in IDENTITIES
    )


def namespace_paths(namespace: str) -> tuple[str, ...]:
    """Return the API path of each namespace on the way, outermost first.

    ``a/b`` gives ``sys/namespaces/a`` and ``a/sys/namespaces/b``: a namespace is made in its
    parent.
    """
    parts = namespace.split("/") if namespace else []
    return tuple(
        "/".join([*parts[:depth], "sys/namespaces", part]) for depth, part in enumerate(parts)
    )


def within(environment: Environment, path: str) -> str:
    """Return an API path of the environment's namespace, as a caller in the root writes it."""
    namespace = environment.vault.namespace
    return f"{namespace}/{path}" if namespace else path


@cache
def _template(name: str) -> Template:
    """Return a template from the installed package, or from the checkout that holds this file."""
    packaged = files("trustwright") / "_infra" / "vault" / f"{name}.hcl"
    checkout = Path(__file__).parents[2] / "infra" / "vault" / f"{name}.hcl"
    for source in (packaged, checkout):
        if source.is_file():
            return Template(source.read_text(encoding="utf-8"))
    raise ConfigurationError(
        f"the policy template {name}.hcl is not there",
        rule="VAULT-POLICY",
        hint="install trustwright again",
        where=str(checkout),
    )


def _filled(name: str, facts: dict[str, str]) -> str:
    return _template(name).substitute(facts)
