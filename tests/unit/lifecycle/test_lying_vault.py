"""Whatever Vault returns is checked before it is recorded or delivered.

Each test lets one answer be wrong in one way, and names the rule that must catch it. What the lie
left behind is settled by the next honest run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.fakes.vault import FakeIssuer
from tests.fakes.world import World
from tests.unit.ceremony import forge
from tests.unit.ceremony.forge import Parts, parts_of
from tests.unit.lifecycle.scenes import (
    HOUR,
    bootstrap,
    consumer,
    dump,
    events_told,
    leave_request,
    losing,
    raising,
    rows_of,
    straighten,
    twist,
)
from trustwright.errors import OutcomeUnknown, Rejected, TrustwrightError, Unavailable
from trustwright.ids import new_serial, serial_text
from trustwright.lifecycle import environments
from trustwright.lifecycle.consumers import Served, serve_consumers
from trustwright.lifecycle.reconciliation import settle_all_left_behind
from trustwright.lifecycle.refusal import names_of
from trustwright.model.records import IssuerRecord
from trustwright.ports import SignOrder
from trustwright.x509 import parse
from trustwright.x509.crl import Revoked, build_crl
from trustwright.x509.keys import generate_key

pytestmark = pytest.mark.unit

DAY = timedelta(days=1)
SAN = x509.SubjectAlternativeName
BILLING = x509.DNSName("billing.prod.example.internal")
GATEWAY = x509.DNSName("gateway.prod.example.internal")
SERVER_URI = x509.UniformResourceIdentifier("spiffe://prod.example.internal/server/billing")
ADMIN_URI = x509.UniformResourceIdentifier("spiffe://prod.example.internal/admin/billing")
TEST_POLICY = "1.3.6.1.4.1.32473.1.1"
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH

Forgery = Callable[[Parts], Parts]


def for_another_key(parts: Parts) -> Parts:
    """Return the parts over a key that nobody asked about."""
    public = generate_key("ec-p256").public_key()
    skid = x509.SubjectKeyIdentifier.from_public_key(public)
    return replace(parts.with_value(skid), public_key=public)


def with_san(*names: x509.GeneralName) -> Forgery:
    """Return a forgery of the alternative names."""
    return lambda parts: parts.with_value(SAN(names))


def with_usage(*usages: x509.ObjectIdentifier) -> Forgery:
    """Return a forgery of the extended key usage."""
    return lambda parts: parts.with_value(x509.ExtendedKeyUsage(usages))


def for_gateway(parts: Parts) -> Parts:
    """Return the parts in another consumer's name altogether."""
    named = parts.with_value(SAN([GATEWAY, SERVER_URI]))
    return replace(named, subject=forge.common_name(parts.subject, GATEWAY.value))


LEAVES: dict[str, tuple[Forgery, str]] = {
    "another key": (for_another_key, "ORDER-KEY"),
    "another consumer's name": (for_gateway, "ORDER-SUBJECT"),
    "another unit": (lambda p: replace(p, subject=forge.unit(p.subject, "test")), "ORDER-SUBJECT"),
    "one name more": (with_san(BILLING, GATEWAY, SERVER_URI), "ORDER-NAMES"),
    "an address more": (
        with_san(BILLING, SERVER_URI, x509.RFC822Name("a@prod.example.internal")),
        "HOUSE-NAMES",
    ),
    "a wildcard more": (
        with_san(BILLING, SERVER_URI, x509.DNSName("*.prod.example.internal")),
        "HOUSE-NAMES",
    ),
    "no workload identity": (with_san(BILLING), "ORDER-NAMES"),
    "an admin's identity": (with_san(BILLING, ADMIN_URI), "ORDER-NAMES"),
    "two identities": (with_san(BILLING, SERVER_URI, ADMIN_URI), "ORDER-NAMES"),
    "a longer life": (lambda p: replace(p, end=p.end + DAY), "ORDER-TTL"),
    "a shorter life": (lambda p: replace(p, end=p.end - DAY), "ORDER-TTL"),
    "an earlier start": (lambda p: replace(p, begin=p.begin - DAY), "ORDER-START"),
    "a start to come": (lambda p: replace(p, begin=p.begin + timedelta(hours=1)), "ORDER-START"),
    "CA:TRUE": (
        lambda p: p.with_more(x509.BasicConstraints(ca=True, path_length=0), critical=True),
        "RFC5280-4.2.1.9",
    ),
    "the right to sign": (
        lambda p: p.with_value(forge.usage("digital_signature", "key_cert_sign")),
        "RFC5280-4.2.1.3",
    ),
    "another usage": (with_usage(CLIENT), "ORDER-EKU"),
    "one usage more": (with_usage(SERVER, CLIENT), "ORDER-EKU"),
    "any usage": (with_usage(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE), "HOUSE-EKU"),
    "another policy": (lambda p: p.with_value(forge.policies(TEST_POLICY)), "ORDER-POLICY"),
    "no policy": (lambda p: p.without(x509.CertificatePolicies.oid), "HOUSE-POLICY"),
    "an unknown extension": (
        lambda p: p.with_more(
            x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.7"), b"\x05\x00")
        ),
        "HOUSE-EXTENSIONS",
    ),
    "a serial to be guessed": (lambda p: replace(p, serial=7), "HOUSE-SERIAL"),
    "another signature": (lambda p: replace(p, signer=generate_key("ec-p384")), "X509-PATH"),
}


@pytest.fixture
def ready(world: World) -> World:
    """Return a world whose prod is ready and whose billing needs a new certificate."""
    bootstrap(world, "test")
    bootstrap(world, "prod")
    world.ports.targets["prod/billing"].lose()
    return world


def key_of(world: World, name: str = "prod") -> Any:
    """Return the key of an environment's intermediate: this is what a lying server has."""
    (key,) = world.ports.vault.mounts[name].keys.values()
    return key.private


def issuer(world: World, name: str = "prod") -> IssuerRecord:
    """Return an environment's issuer."""
    found = world.ports.store.issuers.get(f"{name}-g1")
    assert found is not None
    return found


def serve(world: World, name: str = "billing") -> Served:
    """Serve one consumer."""
    (served,) = serve_consumers(world.ports, [consumer(world, name)])
    return served


def lie_about_leaves(world: World, forgery: Callable[[str], str]) -> list[str]:
    """Let Vault sign, store and return something else; return the list of what it made."""
    made: list[str] = []

    def sign(honest: Any, order: SignOrder) -> str:
        pem = honest(order)
        honest_serial = serial_text(parse.certificate(pem).serial_number)
        made.append(forgery(pem))
        stored = world.ports.vault.mounts["prod"].certificates
        del stored[honest_serial]
        if made[-1].startswith("-----BEGIN CERTIFICATE-----\nM") and made[-1].count("BEGIN") == 1:
            stored[serial_text(parse.certificate(made[-1]).serial_number)] = made[-1]
        return made[-1]

    twist(world.ports, {"signer.sign": sign})
    return made


def states(world: World, name: str = "billing") -> list[str]:
    """Return the states of what the inventory knows of a consumer of prod, sorted."""
    return sorted(row.state for row in rows_of(world, name, environment="prod"))


def check_caught(world: World, served: Served, rule: str) -> None:
    """Its rule caught it, nothing is valid or delivered, and its slot is free for the next one."""
    assert (served.state, f"[{rule}]" in served.problem) == ("failed", True), served.problem
    assert "valid" not in states(world)
    assert len(world.ports.targets["prod/billing"].attempts) == 1


def check_refused(world: World, forged: list[str], *, state: str = "revoked") -> None:
    """It is recorded as what it is, revoked where that can be, and people hear of it at once."""
    (pem,) = forged
    certificate = parse.certificate(pem)
    serial = serial_text(certificate.serial_number)
    (row,) = rows_of(world, "billing", serial=serial)
    assert (row.state, row.pem) == (state, pem)
    assert row.spki == parse.spki_sha256(certificate)
    assert row.names == names_of(certificate)
    assert (certificate.serial_number in listed(world)) == (state == "revoked")
    assert list(world.ports.store.intents.find(state="open")) == []
    alarms = [each for each in world.ports.chat.told if each.event.endswith("certificate.refused")]
    assert [(each.severity, serial in each.body) for each in alarms] == [("critical", True)]


def listed(world: World) -> set[int]:
    """Return the serials on prod's CRL."""
    found = parse.crl(world.ports.vault.signer("prod").crl(issuer(world).issuer_id or ""))
    return {entry.serial_number for entry in found}


def check_settled(world: World, forged: list[str]) -> None:
    """The next honest run serves, and in the end nothing is in doubt; no forged one is valid."""
    straighten(world.ports)
    world.clock.advance(seconds=60)
    assert serve(world).changed
    assert list(world.ports.store.intents.find(state="open")) == []
    (valid,) = rows_of(world, "billing", environment="prod", state="valid")
    observed = world.ports.targets["prod/billing"].observed()
    assert observed is not None
    assert observed.serial == valid.serial
    assert valid.pem not in forged
    world.clock.advance(seconds=HOUR)
    settle_all_left_behind(world.ports, "prod")
    assert {each.state for each in world.ports.store.intents.find()} == {"done", "abandoned"}
    assert [row.pem for row in rows_of(world, "billing", state="valid", environment="prod")] == [
        valid.pem
    ]


@pytest.mark.parametrize("name", LEAVES)
def test_a_wrong_certificate(ready: World, name: str) -> None:
    """It is caught by its own rule, and revoked by its serial, whatever key it carries."""
    change, rule = LEAVES[name]
    forged = lie_about_leaves(ready, lambda pem: change(parts_of(pem, key_of(ready))).pem())
    check_caught(ready, serve(ready), rule)
    check_refused(ready, forged)
    assert states(ready) == ["revoked", "superseded"]
    check_settled(ready, forged)


def test_a_certificate_over_another_key_leaves_a_doubt(ready: World) -> None:
    """Vault may have signed what was ordered as well: that one is revoked when it turns up."""
    honest: list[str] = []

    def both(sign: Any, order: SignOrder) -> str:
        honest.append(sign(order))
        parts = replace(parts_of(honest[-1], key_of(ready)), serial=new_serial())
        forged = for_another_key(parts).pem()
        ready.ports.vault.mounts["prod"].certificates[serial_text(parts.serial)] = forged
        return forged

    twist(ready.ports, {"signer.sign": both})
    served = serve(ready)
    straighten(ready.ports)
    assert "[ORDER-KEY]" in served.problem
    (doubt,) = ready.ports.store.intents.find(state="suspect")
    assert doubt.note.startswith("refused: ")
    settle_all_left_behind(ready.ports, "prod")
    assert parse.certificate(honest[0]).serial_number in listed(ready)
    assert list(ready.ports.store.intents.find(state="suspect")) == []


def test_a_wrong_certificate_that_vault_does_not_store(ready: World) -> None:
    """It cannot be revoked: it stays recorded as *refused*, and the alarm was sent."""
    forged = lie_about_leaves(
        ready, lambda pem: for_another_key(parts_of(pem, key_of(ready))).pem()
    )
    hide = {"signer.revoke": raising(Rejected("certificate with serial not found"))}
    ready.ports.through.answers = {**ready.ports.through.answers, **hide}  # type: ignore[attr-defined] # Twisted
    check_caught(ready, serve(ready), "ORDER-KEY")
    check_refused(ready, forged, state="refused")


def test_an_alarm_needs_no_vault(ready: World) -> None:
    """Who lies may also keep us from revoking: people are told before, and the watch goes on."""
    forged = lie_about_leaves(
        ready, lambda pem: for_another_key(parts_of(pem, key_of(ready))).pem()
    )
    away = {"signer.revoke": raising(Unavailable("sealed"))}
    ready.ports.through.answers = {**ready.ports.through.answers, **away}  # type: ignore[attr-defined] # Twisted
    check_caught(ready, serve(ready), "ORDER-KEY")
    assert "certificate.refused" in events_told(ready)
    (intent,) = ready.ports.store.intents.find(state="open", kind="sign")
    assert intent.pem == forged[0]
    straighten(ready.ports)
    ready.clock.advance(seconds=HOUR)
    settle_all_left_behind(ready.ports, "prod")
    check_refused(ready, forged)


@pytest.mark.parametrize("text", ["", "garbage", "-----BEGIN CERTIFICATE-----\n"])
def test_no_certificate_at_all(ready: World, text: str) -> None:
    """Something that cannot be read."""
    forged = lie_about_leaves(ready, lambda _: text)
    check_caught(ready, serve(ready), "X509-PEM")
    assert states(ready) == ["superseded"]
    check_settled(ready, forged)


def test_two_certificates_for_one(ready: World) -> None:
    """The right one, and another one behind it."""
    forged = lie_about_leaves(ready, lambda pem: pem + (issuer(ready).certificate or ""))
    check_caught(ready, serve(ready), "X509-PEM")
    check_settled(ready, forged)


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("intermediate", "RFC5280-4.2.1.3"),
        ("anchor", "RFC5280-4.2.1.3"),
        ("root", "RFC5280-4.2.1.1"),
    ],
)
def test_an_authority_for_a_certificate(ready: World, kind: str, rule: str) -> None:
    """An authority's certificate is no end entity's."""
    held = {
        "intermediate": issuer(ready).certificate or "",
        "anchor": issuer(ready).anchor or "",
        "root": ready.root.pem,
    }
    forged = lie_about_leaves(ready, lambda _: held[kind])
    check_caught(ready, serve(ready), rule)
    check_refused(ready, forged, state="refused")
    check_settled(ready, forged)


def test_a_certificate_of_another_issuer(ready: World) -> None:
    """The other environment's intermediate signed it: prod cannot revoke it, and says so."""
    other = parse.certificate(issuer(ready, "test").certificate or "")
    aki = x509.AuthorityKeyIdentifier(parse.skid(other), None, None)

    def from_other(pem: str) -> str:
        parts = parts_of(pem, key_of(ready, "test")).with_value(aki)
        return replace(parts, issuer=other.subject).pem()

    forged = lie_about_leaves(ready, from_other)
    check_caught(ready, serve(ready), "X509-PATH")
    check_refused(ready, forged, state="refused")
    assert "cannot be revoked here" in ready.ports.chat.told[-1].body
    check_settled(ready, forged)


def test_yesterdays_certificate(ready: World) -> None:
    """The one that was issued before, under the key that was lost: it is another intent's."""
    (before,) = rows_of(ready, "billing", environment="prod")
    forged = lie_about_leaves(ready, lambda _: before.pem)
    assert "[ORDER-REPEATED]" in serve(ready).problem
    assert "certificate.refused" in events_told(ready)
    assert parse.certificate(before.pem).serial_number not in listed(ready)
    check_settled(ready, forged[1:])


def test_anothers_certificate_is_not_revoked_for_it(ready: World) -> None:
    """A server that returns what somebody uses must not make us revoke it."""
    (gateway,) = rows_of(ready, "gateway", environment="prod")
    lie_about_leaves(ready, lambda _: gateway.pem)
    assert "[ORDER-REPEATED]" in serve(ready).problem
    assert rows_of(ready, "gateway", environment="prod") == [gateway]
    assert parse.certificate(gateway.pem).serial_number not in listed(ready)


def test_a_hosts_certificate_a_second_time(ready: World) -> None:
    """The same key, names and time, and yet not a new certificate: the inventory has it."""
    leave_request(ready)
    assert serve(ready, "ledger").changed
    (before,) = rows_of(ready, "ledger")
    ready.ports.targets["prod/ledger"].lose()
    twist(ready.ports, {"signer.sign": lambda _honest, _order: before.pem})
    assert "[ORDER-REPEATED]" in serve(ready, "ledger").problem
    straighten(ready.ports)
    assert serve(ready, "ledger").changed
    assert len(rows_of(ready, "ledger", state="valid")) == 1


def test_a_wrong_probe_proves_nothing(world: World) -> None:
    """The canary is a certificate that passed its checks, also after a second run."""
    more = x509.DNSName("more.prod.example.internal")

    def one_name_more(parts: Parts) -> Parts:
        san = next(value for value, _ in parts.extensions if isinstance(value, SAN))
        return parts.with_value(SAN([*san, more]))

    forged = lie_about_leaves(world, lambda pem: one_name_more(parts_of(pem, key_of(world))).pem())
    with pytest.raises(TrustwrightError) as caught:
        bootstrap(world)
    assert caught.value.rule == "ORDER-NAMES"
    assert issuer(world).canary is None
    straighten(world.ports)
    bootstrap(world)
    serial = serial_text(parse.certificate(forged[0]).serial_number)
    assert issuer(world).canary not in {None, serial}
    assert {row.state for row in rows_of(world, "trustwright-canary")} == {"revoked"}


def test_a_stored_certificate_that_cannot_be_read(ready: World) -> None:
    """Settling needs what Vault stores: unreadable, the intent stays open and nothing is signed."""
    twist(ready.ports, {"signer.sign": losing(OutcomeUnknown("the connection died"))})
    with pytest.raises(OutcomeUnknown):
        serve(ready)
    twist(ready.ports, {"signer.certificate": lambda _honest, _serial: "garbage"})
    check_caught(ready, serve(ready), "X509-PEM")
    assert len(list(ready.ports.store.intents.find(state="open"))) == 1
    check_settled(ready, [])


# --- anchors ----------------------------------------------------------------------------------


def by_a_stranger(parts: Parts) -> Parts:
    """Return an anchor over, and signed by, somebody else's key."""
    key = generate_key("ec-p384")
    skid = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    aki = x509.AuthorityKeyIdentifier(skid.digest, None, None)
    changed = parts.with_value(skid).with_value(aki)
    return replace(changed, public_key=key.public_key(), signer=key)


ANCHORS: dict[str, tuple[Forgery, str]] = {
    "another key": (by_a_stranger, "ANCHOR-KEY"),
    "another serial": (lambda p: replace(p, serial=new_serial()), "ANCHOR-SERIAL"),
    "another subject": (
        lambda p: replace(p, subject=forge.unit(p.subject, "test")),
        "ANCHOR-SUBJECT",
    ),
    "no name constraints": (lambda p: p.without(x509.NameConstraints.oid), "ANCHOR-EXTENSIONS"),
    "wider names": (
        lambda p: p.with_value(forge.constraints("example.internal")),
        "ANCHOR-EXTENSIONS",
    ),
    "no path length": (
        lambda p: p.with_value(x509.BasicConstraints(ca=True, path_length=None)),
        "ANCHOR-EXTENSIONS",
    ),
    "another policy": (lambda p: p.with_value(forge.policies("2.5.29.32.0")), "ANCHOR-EXTENSIONS"),
    "a longer life": (lambda p: replace(p, end=p.end + DAY), "ANCHOR-VALIDITY"),
    "an earlier start": (lambda p: replace(p, begin=p.begin - DAY), "ANCHOR-VALIDITY"),
    "another signature": (lambda p: replace(p, signer=generate_key("ec-p384")), "PATH-SIGNATURE"),
}


def check_anchor_caught(world: World, rule: str) -> None:
    """No anchor is recorded, nothing is issued, and the next honest run makes the one chosen."""
    with pytest.raises(TrustwrightError) as caught:
        bootstrap(world)
    assert caught.value.rule == rule
    assert environments.record_of(world.ports, "prod").phase == "signed"
    chosen = issuer(world).anchor_serial
    assert (issuer(world).anchor, chosen is None) == (None, False)
    assert list(world.ports.store.certificates.find(environment="prod")) == []
    assert [name for name in world.ports.targets if name.startswith("prod/")] == []
    straighten(world.ports)
    bootstrap(world)
    made = parse.certificate(issuer(world).anchor or "")
    assert serial_text(made.serial_number) == chosen


@pytest.mark.parametrize("name", ANCHORS)
def test_a_wrong_anchor(world: World, name: str) -> None:
    """It is caught by its own rule before any bundle holds it."""
    change, rule = ANCHORS[name]
    twist(
        world.ports,
        {
            "anchor.sign_self_issued": lambda honest, *given: change(
                parts_of(honest(*given), key_of(world))
            ).pem(),
        },
    )
    check_anchor_caught(world, rule)


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("root", "ANCHOR-SUBJECT"),
        ("intermediate", "ANCHOR-SUBJECT"),
        ("test", "ANCHOR-SUBJECT"),
        ("template", "PATH-SIGNATURE"),
        ("garbage", "X509-PEM"),
    ],
)
def test_something_else_for_an_anchor(world: World, kind: str, rule: str) -> None:
    """The root above all: whoever trusts it accepts every environment."""
    bootstrap(world, "test")

    def answer(_honest: Any, _issuer: str, template: str) -> str:
        held = {
            "root": world.root.pem,
            "template": template,
            "garbage": "garbage",
            "test": issuer(world, "test").anchor,
            "intermediate": issuer(world).certificate,
        }
        return held[kind] or ""

    twist(world.ports, {"anchor.sign_self_issued": answer})
    check_anchor_caught(world, rule)


# --- revocation lists -------------------------------------------------------------------------


def crl(world: World, *, name: str = "prod", **changes: Any) -> bytes:
    """Return a CRL of an environment that lists what is revoked, with changes."""
    mount, now = world.ports.vault.mounts[name], world.clock.now()
    revoked = [
        Revoked(int(serial.replace(":", ""), 16), at) for serial, at in mount.revoked.items()
    ]
    members: dict[str, Any] = {
        "issuer_key": key_of(world, name),
        "issuer": parse.certificate(issuer(world, name).certificate or ""),
        "number": 99,
        "this_update": now,
        "next_update": now + DAY,
        "revoked": revoked,
    }
    return parse.der(build_crl(**members | changes))


def shifted(days: int) -> Callable[[World], bytes]:
    """Return a CRL of another time."""

    def made(world: World) -> bytes:
        begin = world.clock.now() + days * DAY
        return crl(world, this_update=begin, next_update=begin + DAY)

    return made


LISTS: dict[str, tuple[Callable[[World], bytes], str]] = {
    "of another issuer": (lambda w: crl(w, name="test"), "CRL-ISSUER"),
    "by another key": (lambda w: crl(w, issuer_key=generate_key("ec-p384")), "CRL-SIGNATURE"),
    "that has just ended": (shifted(-1), "CRL-STALE"),
    "that ended yesterday": (shifted(-2), "CRL-STALE"),
    "of tomorrow": (shifted(1), "CRL-FUTURE"),
    "without the canary": (lambda w: crl(w, revoked=[]), "CRL-UNLISTED"),
    "that cannot be read": (lambda _: b"\x30\x03abc", "X509-PARSE"),
    "that is none": (lambda _: b"garbage", "X509-PEM"),
    "that is empty": (lambda _: b"", "X509-PEM"),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_wrong_crl_proves_nothing(world: World, name: str) -> None:
    """The environment stays *introduced*, no canary is recorded, and the next run proves it."""
    make, rule = LISTS[name]
    bootstrap(world, "test")
    twist(world.ports, {"signer.crl": lambda _honest, _issuer: make(world)})
    with pytest.raises(TrustwrightError) as caught:
        bootstrap(world)
    assert caught.value.rule == rule
    assert environments.record_of(world.ports, "prod").phase == "introduced"
    assert (issuer(world).state, issuer(world).canary) == ("introduced", None)
    straighten(world.ports)
    bootstrap(world)
    (probe,) = rows_of(world, "trustwright-canary", environment="prod")
    assert (issuer(world).canary, probe.state) == (probe.serial, "revoked")


@pytest.mark.parametrize("name", [name for name in LISTS if name != "without the canary"])
def test_a_wrong_crl_is_not_delivered(ready: World, name: str) -> None:
    """The consumer keeps what it has; what was signed for it meanwhile is revoked."""
    make, rule = LISTS[name]
    twist(ready.ports, {"signer.crl": lambda _honest, _issuer: make(ready)})
    served = serve(ready)
    assert (served.state, f"[{rule}]" in served.problem) == ("failed", True)
    assert len(ready.ports.targets["prod/billing"].attempts) == 1
    straighten(ready.ports)
    assert serve(ready).changed
    states = sorted(row.state for row in rows_of(ready, "billing", environment="prod"))
    assert states == ["revoked", "superseded", "valid"]


@pytest.mark.parametrize("call", ["signer.revoke", "signer.rotate_crl"])
def test_a_revocation_that_was_only_said(world: World, call: str) -> None:
    """The CRL does not name the canary: not recorded as revoked. The next run revokes it again."""
    twist(world.ports, {call: lambda *_: None})
    with pytest.raises(TrustwrightError) as caught:
        bootstrap(world)
    assert caught.value.rule == "CRL-UNLISTED"
    assert issuer(world).canary is None
    assert [row.state for row in rows_of(world, "trustwright-canary")] == ["valid"]
    assert [each.kind for each in world.ports.store.intents.find(state="open")] == ["revoke"]
    straighten(world.ports)
    bootstrap(world)
    assert len(rows_of(world, "trustwright-canary")) == 1


# --- import -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "rule"), [("strange", "VAULT-ANCHOR"), ("none", "VAULT-REFUSED")])
def test_a_wrong_import(world: World, kind: str, rule: str) -> None:
    """Vault names an issuer over another key, or none that there is: no anchor is made of it."""

    def wrong(honest: Any, *given: Any) -> str:
        honest(*given)
        mount = world.ports.vault.mounts["prod"]
        if kind == "strange":
            bootstrap_key = world.ports.vault.mounts["test"].keys
            mount.keys.update(bootstrap_key)
            found = parse.certificate(issuer(world, "test").certificate or "")
            (key_id,) = bootstrap_key
            mount.issuers["strange"] = FakeIssuer("strange", found, key_id)
        return "strange"

    bootstrap(world, "test")
    twist(world.ports, {"rotator.import_intermediate": wrong})
    with pytest.raises(TrustwrightError) as caught:
        bootstrap(world)
    assert caught.value.rule == rule
    assert issuer(world).anchor is None
    straighten(world.ports)
    bootstrap(world)
    assert issuer(world).issuer_id not in {None, "strange"}


@pytest.mark.parametrize("kind", ["garbage", "proof"])
def test_a_wrong_certification_request(world: World, kind: str) -> None:
    """A request that cannot be read, or that its key did not sign, never reaches the root."""

    def wrong(honest: Any, *given: Any) -> Any:
        handle = honest(*given)
        octets = bytearray(parse.der(parse.request(handle.csr)))
        octets[-1] ^= 1
        broken = parse.pem(x509.load_der_x509_csr(bytes(octets)))
        return replace(handle, csr="garbage" if kind == "garbage" else broken)

    twist(world.ports, {"rotator.ensure_key": wrong})
    with pytest.raises(TrustwrightError) as caught:
        bootstrap(world)
    assert caught.value.rule == ("X509-PEM" if kind == "garbage" else "CSR-PROOF")
    assert list(world.ports.store.ceremonies.find()) == []
    straighten(world.ports)
    bootstrap(world)


def test_the_table_of_lies_is_told_apart(ready: World) -> None:
    """An honest answer that passed through the same forgery is accepted: each lie fails alone."""
    made = lie_about_leaves(ready, lambda pem: parts_of(pem, key_of(ready)).pem())
    assert serve(ready).changed
    assert [row.pem for row in rows_of(ready, "billing", environment="prod", state="valid")] == made
    assert "PRIVATE KEY" not in str(dump(ready.ports.store))
    ready.clock.advance(seconds=HOUR)
    assert not serve(ready).changed
