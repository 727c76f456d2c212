"""``trustwright consumer``: hosts that fetch their sets from Vault."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trustwright.cli.terminal import say
from trustwright.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trustwright.delivery.agent import Flavour
    from trustwright.model.estate import Environment

HOME = "/etc/trustwright/consumers"
ROLE_ID, WRAPPED, CA = "role_id", "secret_id.wrapped", "ca.pem"


@click.group()
def consumer() -> None:
    """Hosts that fetch their sets from Vault (`deliver: vault_kv`)."""


@consumer.command(short_help="Make a login for a host.")
@click.argument("name", metavar="ENVIRONMENT/NAME")
@click.option(
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="New folder for the login; take it to the host.",
)
@click.option("--replace", is_flag=True, help="Withdraw the logins that its hosts have had.")
def enrol(name: str, output: Path, *, replace: bool) -> None:
    """Make a login for a host of the consumer ENVIRONMENT/NAME.

    The secret is wrapped: who unwraps it first has it, within fifteen minutes, and nobody after.
    The provisioner's key is needed.
    """
    from trustwright.assembly import assembled
    from trustwright.lifecycle.enrolment import enrol_host
    from trustwright.lifecycle.environments import settings_of

    environment, wanted = _split(name)
    with assembled(orchestrated=False) as ports:
        settings = settings_of(ports, environment)
        texts = _bundle(settings)
        with _new_folder(output):
            login = enrol_host(ports, environment, wanted, replace=replace)
            _write(output, {ROLE_ID: login.role_id, WRAPPED: login.wrapped, **texts})
    say(f"wrote {output}; take it to {HOME}/{environment}-{wanted} on the host, and there,")
    say(f"within {login.seconds // 60} minutes, as the account that runs the agent:")
    for line in unwrapping(settings):
        say(f"  {line}")


@consumer.command("agent-config", short_help="Print a configuration for its agent.")
@click.argument("name", metavar="ENVIRONMENT/NAME")
@click.option("--flavour", type=click.Choice(["bao", "vault"]), default="bao", show_default=True)
@click.option("--login", help=f"The login's folder on the host. [default: {HOME}/…]")
@click.option("--ca", help="PEM file on the host that verifies the server. [default: LOGIN/ca.pem]")
@click.option(
    "--interval",
    type=click.IntRange(1, 86_400),
    default=60,
    show_default=True,
    help="Seconds between two looks at the secret.",
)
def agent_config(
    name: str, flavour: Flavour, login: str | None, ca: str | None, interval: int
) -> None:
    """Print the agent's configuration for a host of ENVIRONMENT/NAME.

    It renders key, chain, anchors and CRLs with owner and mode of the estate file, swaps them as
    one, and reloads. Nobody logs in: no key is needed.
    """
    from trustwright.delivery import agent
    from trustwright.estatefile import load_estate
    from trustwright.settings import Settings

    environment, wanted = _split(name)
    settings = Settings.from_environment()
    estate = load_estate(settings.estate)
    for each in estate.consumers:
        if (each.environment, each.name) == (environment, wanted):
            found = estate.environments[environment]
            folder = _plain(login or f"{HOME}/{environment}-{wanted}", "--login")
            bundle = _plain(ca, "--ca") if ca else f"{folder}/{CA}" if found.vault.ca else ""
            place = agent.HostPlace(folder, bundle, interval)
            say(agent.agent_config(each, found, flavour, place).rstrip("\n"))
            return
    raise ConfigurationError(
        f"no consumer {wanted!r} in environment {environment!r}",
        rule="EST-CONSUMER",
        where=str(settings.estate),
    )


def unwrapping(environment: Environment) -> list[str]:
    """Return what is typed on the host; the token is in no argument list."""
    vault = environment.vault
    facts = [f"BAO_ADDR={vault.address}"]
    facts += [f"BAO_NAMESPACE={vault.namespace}"] if vault.namespace else []
    facts += [f"BAO_CACERT=$PWD/{CA}"] if vault.ca else []
    return [
        f"umask 077; export {' '.join(facts)}",
        f"BAO_TOKEN=$(cat {WRAPPED}) bao unwrap -field=secret_id > secret_id && rm {WRAPPED}",
    ]


def _split(name: str) -> tuple[str, str]:
    environment, slash, wanted = name.partition("/")
    if not slash or not environment or not wanted:
        raise ConfigurationError(
            f"{name!r} names no environment",
            rule="CLI-CONSUMER",
            hint="write ENVIRONMENT/NAME, like prod/billing: two environments may have the name",
        )
    return environment, wanted


def _plain(path: str, where: str) -> str:
    """Return a path that can stand in the configuration."""
    if path.startswith("/") and path.isprintable() and not set(path) & set('"\\$'):
        return path
    raise ConfigurationError(
        "a path on the host begins with / and has no quotes, backslashes or dollars",
        rule="CLI-HOST-PATH",
        hint="name it as it is on the host",
        where=where,
    )


@contextmanager
def _new_folder(folder: Path) -> Iterator[None]:
    """Make a folder, and take it away again when nothing came to lie in it."""
    try:
        folder.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise ConfigurationError(
            f"cannot be made: {error.strerror}",
            rule="CLI-OUTPUT",
            hint="name a folder that is not there yet",
            where=str(folder),
        ) from None
    try:
        yield
    finally:
        with suppress(OSError):
            folder.rmdir()  # refused by one that has a file


def _bundle(environment: Environment) -> dict[str, str]:
    """Return the server's CA bundle, if the estate names one."""
    if environment.vault.ca is None:
        return {}
    try:
        return {CA: environment.vault.ca.read_text()}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"the server's CA bundle cannot be read: {error}",
            rule="VAULT-CA",
            hint="name a PEM file as vault.ca",
            where=str(environment.vault.ca),
        ) from None


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(folder / name, flags, 0o600), "w") as opened:
            opened.write(text)
