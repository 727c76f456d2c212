"""What differs between the estate file and the world: looked at, never touched.

Each part is looked at with the least identity that shows it. A part whose identity is not on this
machine is named as not looked at: nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from trustwright.errors import ConfigurationError, Denied
from trustwright.lifecycle.environments import settings_of
from trustwright.lifecycle.preparation import NO_KEY, refuse_unfit
from trustwright.lifecycle.shortfalls import shortfalls
from trustwright.model.plan import Change, EnvironmentPlan, Found, Member, Remark
from trustwright.model.records import EnvironmentRecord, IssuerRecord
from trustwright.policy.naming import fetched_from_vault, issuer_name, workload_uris
from trustwright.policy.phases import reached
from trustwright.ports import IssuerFacts, Ports

NO_LOGIN = "KEY-FILE"
"""Rule of the error for an identity whose login is not on this machine."""


def plan_environment(ports: Ports, name: str) -> EnvironmentPlan:
    """Return how the world differs from what the estate file says of an environment.

    Nothing is written, neither to the server nor to the record nor to a consumer's folder.

    Raises:
        ConfigurationError: the estate file names no such environment, or what is there cannot be
            brought to what it asks (as `preparation.prepare_environment`).
        UpstreamError: the server or the store does not answer, or says no.
    """
    settings_of(ports, name)
    record = ports.records.environments.get(name)
    phase = record.phase if record else "planned"
    return EnvironmentPlan.of(name, phase, _found(ports, name, record))


def forgotten_environments(ports: Ports) -> list[Remark]:
    """Return a remark for each environment of the record that the estate file does not have."""
    known = ports.estate.environments
    text = "it is in the record and not in the estate file: nothing is looked at or done there"
    rows = ports.records.environments.find()
    return [Remark("foreign", row.name, text) for row in rows if row.name not in known]


def _found(ports: Ports, name: str, record: EnvironmentRecord | None) -> Iterator[Found]:
    yield from _in_vault(ports, name)
    if record is None or not reached(record.phase, "ready"):
        phase = record.phase if record else "planned"
        why = f"the environment is {phase}: its bootstrap goes through the signing gate"
        yield Change(f"{name}/intermediate", "create", why=(why,))
    if record is not None and reached(record.phase, "proven"):
        yield from _issuers(ports, name, record)
    yield from shortfalls(ports, name)


def _in_vault(ports: Ports, name: str) -> Iterator[Found]:
    """Yield what differs in namespace, mount, settings, policies, logins and roles."""
    environment, provisioner = settings_of(ports, name), ports.provisioner(name)
    refuse_unfit(name, environment, provisioner.probe())
    uris = workload_uris(ports.estate, name)
    try:
        fetching = tuple(fetched_from_vault(ports.estate, name))
        yield from provisioner.plan(name, environment, ports.estate.organization, uris, fetching)
    except ConfigurationError as error:
        if error.rule != NO_KEY:
            raise
        what = "namespace, mount, settings, policies, logins, roles"
        yield Remark("unseen", f"{name}/vault", f"{what}: {error}")


def _issuers(ports: Ports, name: str, record: EnvironmentRecord) -> Iterator[Found]:
    """Yield what differs in the mount's issuers and keys, which the rotator may list."""
    rotator = ports.rotator(name)
    try:
        issuers, keys = rotator.issuers(), rotator.keys()
    except (ConfigurationError, Denied) as error:
        if isinstance(error, ConfigurationError) and error.rule != NO_LOGIN:
            raise
        yield Remark("unseen", f"{name}/vault/issuers", f"issuers, keys, default issuer: {error}")
        return
    known = list(ports.records.issuers.find(environment=name))
    yield from _default(name, issuer_name(name, record.generation), known, issuers)
    yield from _strange_issuers(name, known, {each.issuer_id: each for each in issuers})
    yield from _strange_keys(name, known, keys)


def wanted_default(ports: Ports, name: str) -> str | None:
    """Return the issuer at which the mount's default has to point, if it points elsewhere.

    Raises:
        UpstreamError: the server does not answer, or says no.
        ConfigurationError: the rotator's login is not on this machine.
    """
    record = ports.records.environments.get(name)
    current = issuer_name(name, record.generation if record else 1)
    issuer = ports.records.issuers.get(current)
    issuers = ports.rotator(name).issuers()
    known = [issuer] if issuer else []
    moved = list(_default(name, current, known, issuers))
    return issuer.issuer_id if issuer and moved else None


def _default(
    name: str, current: str, known: Sequence[IssuerRecord], issuers: Sequence[IssuerFacts]
) -> Iterator[Change]:
    wanted = next((each.issuer_id for each in known if each.id == current), None)
    if wanted not in {each.issuer_id for each in issuers}:
        return  # it is gone from the server: said as a trouble
    now = next((each for each in issuers if each.default), None)
    if now is None or now.issuer_id != wanted:
        shown = (now.name or now.issuer_id) if now else None
        yield Change(f"{name}/vault/config/issuers", "update", (Member("default", shown, current),))


def _strange_issuers(
    name: str, known: Sequence[IssuerRecord], found: Mapping[str, IssuerFacts]
) -> Iterator[Remark]:
    ours = {each.issuer_id: each for each in known if each.issuer_id}
    for key, facts in sorted(found.items()):
        address = f"{name}/vault/issuer/{facts.name or key}"
        record = ours.get(key)
        if record is None:
            text = f"an issuer that the record does not know, serial {facts.serial}"
            yield Remark("trouble", address, f"{text}: an operator removes it, or says whose it is")
        elif facts.name != record.id or facts.key_id != record.key_id:
            text = f"it is the record's {record.id}, with another name or key"
            yield Remark("trouble", address, f"{text}: an operator puts it right")
    for missing in sorted(key for key in ours if key and key not in found):
        if ours[missing].state not in {"abandoned", "retired"}:
            text = "it is in the record and not in the server: restore the server from its backup"
            yield Remark("trouble", f"{name}/vault/issuer/{ours[missing].id}", text)


def _strange_keys(
    name: str, known: Sequence[IssuerRecord], found: Mapping[str, str]
) -> Iterator[Remark]:
    ours = {each.key_id for each in known}
    for key, called in sorted(found.items()):
        if key not in ours:
            text = (
                "a key that the record does not know: an operator removes it, or says whose it is"
            )
            yield Remark("trouble", f"{name}/vault/key/{called or key}", text)
