"""``trustwright-root init``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import get_args

import click
from pydantic import TypeAdapter, ValidationError

from trustwright.ceremony import rootpolicy
from trustwright.ceremony.founding import Founding, found, refuse_existing
from trustwright.ceremony.openssl import OpenSsl
from trustwright.ceremony.review import word_lines
from trustwright.ceremony.rootpolicy import RootPolicy
from trustwright.cli.root_options import folder_option, passphrase, passphrase_options
from trustwright.cli.terminal import say
from trustwright.clock import SystemClock
from trustwright.errors import ConfigurationError
from trustwright.model.profile import KeyKind
from trustwright.model.values import Duration
from trustwright.x509 import parse

_DURATION: TypeAdapter[int] = TypeAdapter(Duration)


@click.command()
@folder_option
@click.option("--organization", help="Organization in every certificate.")
@click.option(
    "--environment",
    "environments",
    multiple=True,
    metavar="NAME=DOMAIN",
    help="An environment and the DNS subtree that it may name; once for each.",
)
@click.option(
    "--policy-oid",
    "oids",
    multiple=True,
    metavar="NAME=OID",
    help="Certificate policy of an environment; without it, the first one signed is held to.",
)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path),
    help="A finished policy.toml, instead of --organization and --environment.",
)
@click.option("--common-name", help="Name of the root. [default: <organization> Root CA]")
@click.option("--validity", default="7300d", show_default=True, help="Life of the root.")
@click.option(
    "--key",
    "key_kind",
    type=click.Choice(get_args(KeyKind)),
    default="ec-p384",
    show_default=True,
    help="Kind of the root key.",
)
@passphrase_options
def init(  # noqa: PLR0917 - click calls it with keywords
    folder: Path,
    organization: str | None,
    environments: tuple[str, ...],
    oids: tuple[str, ...],
    policy_file: Path | None,
    common_name: str | None,
    validity: str,
    key_kind: KeyKind,
    passphrase_fd: int | None,
    passphrase_file: Path | None,
) -> None:
    """Make a new root in an empty place.

    Writes root.pem, root.key (encrypted), policy.toml and the first line of the transcript.
    Asks for the passphrase twice; it never stands in an argument or in the environment.
    """
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would follow a link
    refuse_existing(folder)
    openssl = OpenSsl.found()
    policy = _policy(organization, environments, oids, policy_file)
    founding = Founding(
        policy=policy,
        common_name=f"{policy.organization} Root CA" if common_name is None else common_name,
        validity=_seconds(validity),
        key_kind=key_kind,
        passphrase=passphrase(passphrase_fd, passphrase_file, twice=True),
    )
    certificate = found(folder, founding, now=SystemClock().now(), openssl=openssl)
    _report(folder, parse.fingerprint(certificate))


def _policy(
    organization: str | None,
    environments: tuple[str, ...],
    oids: tuple[str, ...],
    file: Path | None,
) -> RootPolicy:
    if file is not None:
        if organization or environments or oids:
            raise ConfigurationError(
                "--policy stands alone: it names organization and environments",
                rule="ROOT-POLICY",
                hint="leave the other options out",
            )
        return rootpolicy.load(file)
    if not organization or not environments:
        raise ConfigurationError(
            "an organization and an environment are missing",
            rule="ROOT-POLICY",
            hint="--organization NAME --environment test=test.example.internal, or --policy FILE",
        )
    domains = _pairs("--environment", environments)
    return rootpolicy.new_policy(organization, domains, _pairs("--policy-oid", oids))


def _pairs(option: str, values: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for value in values:
        name, equals, right = value.partition("=")
        if not equals or name in pairs:
            raise ConfigurationError(
                f"{option} {value}: not NAME=VALUE, or the name stands twice",
                rule="ROOT-POLICY",
                hint="mend the option, and start again; nothing was made",
            )
        pairs[name] = right
    return pairs


def _seconds(text: str) -> int:
    try:
        return _DURATION.validate_python(text)
    except ValidationError:
        raise ConfigurationError(
            f"--validity {text}: a duration reads like 7300d",
            rule="ROOT-VALIDITY",
            hint="7300d are twenty years",
        ) from None


def _report(folder: Path, fingerprint: str) -> None:
    say(f"root made in {folder}")
    say("")
    say(f"  {fingerprint}")
    for line in word_lines(fingerprint.removeprefix("sha256:")):
        say(f"  {line}")
    say("")
    say("The online side needs the certificate and the fingerprint, never the folder:")
    say(f"  trustwright-root --folder {folder} show --certificate > root.pem")
    say(f'  root: {{certificate: root.pem, fingerprint: "{fingerprint}"}}')
    say("")
    say("Copy the whole folder to a second medium after every ceremony.")
