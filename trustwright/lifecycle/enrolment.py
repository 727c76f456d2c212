"""Giving a consumer's host its login, so that it can fetch the set."""

from __future__ import annotations

from trustwright.errors import ConfigurationError
from trustwright.lifecycle.consumers import consumer_named
from trustwright.lifecycle.environments import settings_of
from trustwright.lifecycle.journal import note
from trustwright.policy.naming import consumer_key
from trustwright.ports import HostLogin, Ports


def enrol_host(ports: Ports, environment: str, name: str, *, replace: bool) -> HostLogin:
    """Return a new login for a host of this consumer; each call makes another.

    The audit trail says so first: a login that was made and reached nobody is in it, too.

    Args:
        ports: the provisioner's key is needed.
        environment: of the consumer.
        name: of the consumer.
        replace: withdraw every login that its hosts have had.

    Raises:
        ConfigurationError: the estate has no such consumer, or its set goes to a directory (rule
            ``CONSUMER-DIRECTORY``).
        UpstreamError: Vault was not prepared for it, or does not answer.
    """
    consumer = consumer_named(ports, environment, name)
    if consumer.deliver.vault_kv is None:
        raise ConfigurationError(
            f"the set of {name} goes to a directory: its host needs no login",
            rule="CONSUMER-DIRECTORY",
            hint="say deliver.vault_kv in the estate file, or leave it",
        )
    detail = "a new login; the former ones are withdrawn" if replace else "a new login"
    note(ports, "trustwright.consumer.enrolled", environment, consumer_key(consumer), detail)
    settings = settings_of(ports, environment)
    return ports.provisioner(environment).enrol(settings, consumer, replace=replace)
