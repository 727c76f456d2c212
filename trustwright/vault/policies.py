"""Policies as code: the HCL templates of ``infra/vault`` filled in for one environment."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from trustwright.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trustwright.model.estate import Environment
    from trustwright.vault.identities import Identity

ANY_CHILD = "+"
"""Namespace pattern for a provisioner whose estate is not known yet: every direct child."""


def render(identity: Identity, name: str, environment: Environment) -> str:
    """Return the policy of `identity` in the environment's namespace.

    Args:
        identity: whose.
        name: of the environment; key and issuer names start with it.
        environment: mount and roles.
    """
    facts = {"mount": environment.vault.mount, "environment": name}
    text = _filled(identity, facts)
    if identity == "issuer":
        text += "".join(
            _filled("issuer-role", {**facts, "role": role}) for role in sorted(environment.roles)
        )
    return text


def provisioner(places: Iterable[tuple[str, str]]) -> str:
    """Return the provisioner's policy, written in the namespace where it logs in.

    Args:
        places: namespace (empty for that namespace itself, `ANY_CHILD` for every child) and
            mount of each environment.
    """
    return "\n".join(_place(namespace, mount) for namespace, mount in dict.fromkeys(places))


def _place(namespace: str, mount: str) -> str:
    prefix = f"{namespace}/" if namespace else ""
    text = "".join(
        _filled("provisioner-namespace", {"path": path}) for path in namespace_paths(namespace)
    )
    return text + _filled("provisioner", {"prefix": prefix, "mount": mount})


def namespace_paths(namespace: str) -> tuple[str, ...]:
    """Return the API path of each namespace on the way, outermost first.

    ``a/b`` gives ``sys/namespaces/a`` and ``a/sys/namespaces/b``: a namespace is made in its
    parent.
    """
    parts = namespace.split("/") if namespace else []
    return tuple(
        "/".join([*parts[:depth], "sys/namespaces", part]) for depth, part in enumerate(parts)
    )


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
