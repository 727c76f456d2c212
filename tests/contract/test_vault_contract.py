"""One suite for the fake Vault and a real OpenBao: what the lifecycle may rely on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.contract.vaults import DAY, FreshEnvironment, Place, csr
from trustwright import ids
from trustwright.errors import (
    Denied,
    PolicyViolation,
    Rejected,
    TrustwrightError,
    VerificationError,
)
from trustwright.model import plan
from trustwright.model.profile import KeyKind
from trustwright.ports import SignOrder
from trustwright.x509 import build, keys, parse, path
from trustwright.x509 import crl as crls

pytestmark = pytest.mark.contract


def test_probe_names_product_and_version(place: Place) -> None:
    """The supported server has everything."""
    found = place.provisioner.probe()
    assert (found.product, found.absent) == ("OpenBao", ())
    assert (found.namespaces, found.pagination) == (True, True)
    assert tuple(int(part) for part in found.version.split(".")) >= (2, 6, 2)


def test_the_first_preparation_says_what_it_did(make_place: FreshEnvironment) -> None:
    """One phrase for each thing that changed."""
    phrases = make_place("test", prepare=False).prepare()
    assert {"mount pki made", "role admin written", "role server written"} <= set(phrases)


def test_a_second_preparation_changes_nothing(place: Place) -> None:
    """Preparing twice is preparing once."""
    assert place.prepare() == ()


def test_a_plan_is_what_preparing_would_do(make_place: FreshEnvironment) -> None:
    """Before it, after it, and when a role is another; planning alone changes nothing."""
    place = make_place("test", prepare=False)
    whole = place.plan()
    made = {f"test/vault/roles/{role}" for role in ("server", "admin", "proxy")}
    assert made | {"test/vault/sys/mounts/pki"} <= {each.address for each in whole}
    assert place.plan() == whole
    place.prepare()
    assert place.plan() == ()
    role = place.environment.roles["admin"].model_copy(update={"ttl": 6 * 3600})
    place.environment = place.environment.model_copy(
        update={"roles": place.environment.roles | {"admin": role}}
    )
    (change,) = place.plan()
    assert isinstance(change, plan.Change)
    assert (change.address, change.action) == ("test/vault/roles/admin", "update")
    place.prepare()
    assert place.plan() == ()


def test_a_changed_role_is_the_only_thing_written(place: Place) -> None:
    """Only differences are written."""
    role = place.environment.roles["admin"].model_copy(update={"ttl": 6 * 3600})
    place.environment = place.environment.model_copy(
        update={"roles": place.environment.roles | {"admin": role}}
    )
    (phrase,) = place.prepare()
    assert phrase.startswith("role admin written")
    assert place.prepare() == ()


def test_an_environment_that_is_not_prepared_denies_every_identity(
    make_place: FreshEnvironment,
) -> None:
    """Before the preparation there is no login."""
    place = make_place("test", prepare=False)
    for call in (place.rotator.keys, place.signer.rotate_crl, lambda: list(place.signer.serials())):
        with pytest.raises(Denied):
            call()


@pytest.mark.parametrize("kind", ["ec-p256", "ec-p384"])
def test_a_key_is_made_once(place: Place, kind: KeyKind) -> None:
    """The name is the fence: asking again returns the same key and a request over it."""
    subject = place.profile().subject
    first = place.rotator.ensure_key("test-g1", subject, kind)
    again = place.rotator.ensure_key("test-g1", subject, kind)
    assert (first.created, again.created) == (True, False)
    assert (first.key_id, first.spki) == (again.key_id, again.spki)
    assert place.rotator.keys() == {first.key_id: "test-g1"}
    request = parse.request(again.csr)
    assert request.is_signature_valid
    assert parse.spki_sha256(request) == first.spki
    assert keys.key_kind(request.public_key()) == kind
    assert [str(part.value) for part in request.subject] == [
        "Example",
        "test",
        "Example test Issuing CA G1",
    ]


def test_a_key_of_another_kind_under_the_name_is_refused(place: Place) -> None:
    """A name is never reused for another kind of key."""
    place.rotator.ensure_key("test-g1", place.profile().subject, "ec-p384")
    with pytest.raises(VerificationError) as error:
        place.rotator.ensure_key("test-g1", place.profile().subject, "ec-p256")
    assert error.value.rule == "VAULT-KEY-KIND"


def test_a_key_name_of_another_environment_is_denied(place: Place) -> None:
    """The rotator makes keys of its own environment only."""
    with pytest.raises(Denied):
        place.rotator.ensure_key("prod-g1", place.profile().subject, "ec-p384")
    assert place.rotator.keys() == {}


def test_an_empty_mount_lists_nothing(place: Place) -> None:
    """Empty lists are empty, not errors."""
    assert place.rotator.issuers() == ()
    assert place.rotator.keys() == {}
    assert list(place.signer.serials()) == []
    assert place.signer.certificate("0a:ff") is None


def test_importing_twice_is_importing_once(place: Place) -> None:
    """A lost reply is answered by importing again."""
    handle = place.key()
    certificate = place.signed(handle)
    first = place.rotator.import_intermediate(certificate, handle.key_id, "test-g1")
    again = place.rotator.import_intermediate(certificate, handle.key_id, "test-g1")
    assert first == again
    (issuer,) = place.rotator.issuers()
    assert (issuer.issuer_id, issuer.name, issuer.key_id) == (first, "test-g1", handle.key_id)
    assert issuer.serial == ids.serial_text(parse.certificate(certificate).serial_number)


def test_a_second_generation_waits_until_it_is_made_default(place: Place) -> None:
    """Importing does not switch issuance, and switching twice is switching once."""
    first, second = place.introduce(1), place.introduce(2)
    assert (place.issuer(first).default, place.issuer(second).default) == (True, False)
    place.rotator.make_default(second)
    place.rotator.make_default(second)
    assert (place.issuer(first).default, place.issuer(second).default) == (False, True)


def test_a_certificate_over_a_foreign_key_is_refused(place: Place) -> None:
    """Neither named, nor default, nor there at all."""
    handle = place.key()
    foreign = keys.generate_key("ec-p384").public_key()
    certificate = place.root.intermediate(place.profile(), foreign)
    with pytest.raises(VerificationError) as error:
        place.rotator.import_intermediate(certificate, handle.key_id, "test-g1")
    assert error.value.rule == "VAULT-IMPORT"
    assert handle.key_id in error.value.what
    assert place.rotator.issuers() == ()


def test_a_certificate_of_another_environment_is_refused(place: Place) -> None:
    """The right key under the wrong name would become the default: it is not imported."""
    handle = place.key()
    request = parse.request(handle.csr)
    wrong = place.root.intermediate(place.profile(unit="prod"), request.public_key())
    with pytest.raises(VerificationError) as error:
        place.rotator.import_intermediate(wrong, handle.key_id, "test-g1")
    assert error.value.what == "its OU is ['prod'], not test"
    assert place.rotator.issuers() == ()


def test_a_name_that_is_taken_is_refused(place: Place) -> None:
    """One name, one certificate."""
    handle = place.key()
    place.rotator.import_intermediate(place.signed(handle), handle.key_id, "test-g1")
    with pytest.raises(VerificationError) as error:
        place.rotator.import_intermediate(place.signed(handle), handle.key_id, "test-g1")
    assert "the name belongs to issuer" in error.value.what
    assert len(place.rotator.issuers()) == 1


def test_something_that_is_no_certificate_is_refused(place: Place) -> None:
    """Garbage is named before anything is asked."""
    with pytest.raises(VerificationError):
        place.rotator.import_intermediate("no certificate", place.key().key_id, "test-g1")


def test_an_unknown_issuer_cannot_become_the_default(place: Place) -> None:
    """The identifier comes from an import."""
    place.introduce()
    with pytest.raises(Rejected):
        place.rotator.make_default("11111111-2222-3333-4444-555555555555")


def test_the_anchor_is_the_intermediates_twin(place: Place) -> None:
    """Serial and dates of the template, the key of the issuer; asking again gives a twin again."""
    issuer_id = place.introduce()
    intermediate = parse.certificate(place.signed(place.key()))
    serial, now = ids.new_serial(), place.clock.now()
    template = build.anchor_template(intermediate, serial=serial, not_before=now)
    for _ in range(2):
        anchor = parse.certificate(place.anchors.sign_self_issued(issuer_id, template))
        path.verify_anchor(anchor, intermediate)
        assert anchor.serial_number == serial
        assert anchor.not_valid_before_utc == now
    assert len(place.rotator.issuers()) == 1
    assert list(place.signer.serials()) == []


def test_an_anchor_for_another_subject_is_refused(place: Place) -> None:
    """The server would sign it: we do not ask."""
    issuer_id = place.introduce()
    request = parse.request(place.key().csr)
    other = place.root.intermediate(place.profile(7), request.public_key())
    template = build.anchor_template(
        parse.certificate(other), serial=ids.new_serial(), not_before=place.clock.now()
    )
    with pytest.raises(VerificationError) as error:
        place.anchors.sign_self_issued(issuer_id, template)
    assert error.value.rule == "VAULT-ANCHOR"


def test_an_anchor_for_another_key_is_refused(place: Place) -> None:
    """An anchor carries the key that signs it."""
    issuer_id = place.introduce()
    foreign = place.root.intermediate(place.profile(), keys.generate_key("ec-p384").public_key())
    template = build.anchor_template(
        parse.certificate(foreign), serial=ids.new_serial(), not_before=place.clock.now()
    )
    with pytest.raises(VerificationError) as error:
        place.anchors.sign_self_issued(issuer_id, template)
    assert error.value.rule == "VAULT-ANCHOR"


def _value(certificate: x509.Certificate, kind: type[x509.ExtensionType]) -> x509.ExtensionType:
    return certificate.extensions.get_extension_for_class(kind).value


def test_a_certificate_says_what_was_ordered(place: Place) -> None:
    """Names come from the order and the role, never from the request."""
    issuer_id = place.introduce()
    key = keys.generate_key("ec-p256")
    now = place.clock.now()
    order = place.order(issuer_id, csr=csr(key))
    leaf = parse.certificate(place.signer.sign(order))
    assert [(part.oid, part.value) for part in leaf.subject] == [
        (NameOID.ORGANIZATION_NAME, "Example"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "test"),
        (NameOID.COMMON_NAME, "billing.test.example.internal"),
    ]
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sorted(names.get_values_for_type(x509.DNSName)) == sorted(order.names)
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == list(order.uris)
    assert len(names) == 3
    assert _value(leaf, x509.ExtendedKeyUsage) == x509.ExtendedKeyUsage(
        [ExtendedKeyUsageOID.SERVER_AUTH]
    )
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.public_bytes() == bytes.fromhex("03020780")
    assert parse.spki_sha256(leaf) == keys.spki_sha256(key.public_key())
    policies = leaf.extensions.get_extension_for_class(x509.CertificatePolicies).value
    assert [policy.policy_identifier.dotted_string for policy in policies] == [
        place.environment.policy
    ]
    assert 0 <= (leaf.not_valid_after_utc - now).total_seconds() - 3600 <= 60
    assert {extension.oid for extension in leaf.extensions} == {
        x509.KeyUsage.oid,
        x509.ExtendedKeyUsage.oid,
        x509.SubjectKeyIdentifier.oid,
        x509.AuthorityKeyIdentifier.oid,
        x509.AuthorityInformationAccess.oid,
        x509.SubjectAlternativeName.oid,
        x509.CertificatePolicies.oid,
        x509.CRLDistributionPoints.oid,
    }
    intermediate = parse.certificate(place.signed(place.key()))
    path.verify_path(
        leaf,
        [],
        [_anchor(place, issuer_id, intermediate)],
        at=place.clock.now(),
        usage="server",
        name=order.names[0],
    )


def _anchor(place: Place, issuer_id: str, intermediate: x509.Certificate) -> x509.Certificate:
    template = build.anchor_template(
        intermediate, serial=ids.new_serial(), not_before=place.clock.now()
    )
    return parse.certificate(place.anchors.sign_self_issued(issuer_id, template))


def test_a_certificate_points_at_the_crl_of_its_issuer(place: Place) -> None:
    """Each generation has a CRL of its own."""
    issuer_id = place.introduce()
    leaf = parse.certificate(place.signer.sign(place.order(issuer_id)))
    points = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    names = points[0].full_name
    assert names is not None
    (name,) = names
    vault = place.environment.vault
    namespace = f"{vault.namespace}/" if vault.namespace else ""
    assert name.value == f"{vault.address}/v1/{namespace}pki/issuer/{issuer_id}/crl/der"


def test_every_call_makes_another_certificate(place: Place) -> None:
    """There is no idempotence: the intent is the fence."""
    order = place.order(place.introduce())
    first, second = (parse.certificate(place.signer.sign(order)) for _ in range(2))
    assert first.serial_number != second.serial_number
    assert len(list(place.signer.serials())) == 2


Change = Callable[[Place, SignOrder], SignOrder]


def _names(*names: str) -> Change:
    return lambda _place, order: replace(order, names=names)


def _uri(uri: str) -> Change:
    return lambda _place, order: replace(order, uris=(uri,))


def _rsa_request() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        pytest.param(_names("billing.prod.example.internal"), Rejected, id="other environment"),
        pytest.param(_names("test.example.internal"), Rejected, id="bare domain"),
        pytest.param(_names("*.test.example.internal"), Rejected, id="wildcard"),
        pytest.param(_names("localhost"), Rejected, id="localhost"),
        pytest.param(_names("127.0.0.1"), Rejected, id="address"),
        pytest.param(
            _names("a.test.example.internal", "evil.example.com"), Rejected, id="second name"
        ),
        pytest.param(
            _names("a.test.example.internal,b.test.example.internal"),
            PolicyViolation,
            id="two names in one",
        ),
        pytest.param(_names(), PolicyViolation, id="no name"),
        pytest.param(_uri("spiffe://test.example.internal/admin/eve"), Rejected, id="other role"),
        pytest.param(_uri("spiffe://prod.example.internal/server/x"), Rejected, id="other domain"),
        pytest.param(_uri("https://test.example.internal/server/x"), Rejected, id="other scheme"),
        pytest.param(
            _uri("spiffe://test.example.internal/server/../admin/alice"), Rejected, id="path trick"
        ),
        pytest.param(
            _uri("spiffe://test.example.internal/server/billing/"), Rejected, id="path below"
        ),
        pytest.param(
            _uri("spiffe://test.example.internal/server/nobody"), Rejected, id="no consumer"
        ),
        pytest.param(
            _uri("spiffe://test.example.internal/proxy/gateway"), Rejected, id="other role's"
        ),
        pytest.param(
            _names("a.test.example.internal", "root@mail.test.example.internal"),
            PolicyViolation,
            id="e-mail address",
        ),
        pytest.param(
            lambda place, _: place.admin_order(place.issuer_of("test-g1")), Denied, id="admin"
        ),
        pytest.param(lambda _, order: replace(order, role="agent"), Denied, id="role not there"),
        pytest.param(
            lambda _, order: replace(order, issuer_id="11111111-2222-3333-4444-555555555555"),
            Rejected,
            id="issuer not there",
        ),
        pytest.param(lambda _, order: replace(order, csr="nonsense"), Rejected, id="no request"),
        pytest.param(lambda _, order: replace(order, csr=_rsa_request()), Rejected, id="RSA"),
    ],
)
def test_an_order_outside_the_role_is_refused(
    place: Place, change: Change, error: type[TrustwrightError]
) -> None:
    """Nothing is signed and nothing is stored."""
    order = change(place, place.order(place.introduce()))
    with pytest.raises(error) as raised:
        place.signer.sign(order)
    assert type(raised.value) is error
    assert list(place.signer.serials()) == []


def test_the_admin_identity_signs_for_admins_and_for_nobody_else(place: Place) -> None:
    """One role, and the rules of that role."""
    issuer_id = place.introduce()
    order = place.admin_order(issuer_id)
    leaf = parse.certificate(place.admins.sign(order))
    assert _value(leaf, x509.ExtendedKeyUsage) == x509.ExtendedKeyUsage(
        [ExtendedKeyUsageOID.CLIENT_AUTH]
    )
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == list(order.uris)
    with pytest.raises(Denied):
        place.admins.sign(place.order(issuer_id))
    with pytest.raises(Rejected):
        place.admins.sign(replace(order, uris=("spiffe://test.example.internal/admin/eve",)))
    assert len(list(place.signer.serials())) == 1


def test_a_new_consumer_is_signed_for_once_the_environment_is_prepared_again(place: Place) -> None:
    """The role follows the estate; until then it refuses, and a consumer that left is refused."""
    issuer_id = place.introduce()
    uri = "spiffe://test.example.internal/server/ledger"
    new = place.order(issuer_id, uris=(uri,))
    with pytest.raises(Rejected) as error:
        place.signer.sign(new)
    assert error.value.rule == "VAULT-ROLE"
    assert "where the provisioner's key is" in error.value.hint
    place.uris["server"] = (uri,)
    (phrase,) = place.prepare()
    assert phrase.startswith("role server written")
    assert place.signer.sign(new)
    with pytest.raises(Rejected):
        place.signer.sign(place.order(issuer_id))
    assert place.prepare() == ()


def test_a_role_without_consumers_signs_no_uri(place: Place) -> None:
    """None is not any."""
    issuer_id = place.introduce()
    place.uris["server"] = ()
    place.prepare()
    assert place.prepare() == ()
    with pytest.raises(Rejected):
        place.signer.sign(place.order(issuer_id))


def test_thousands_of_consumers_fit_into_a_role(place: Place) -> None:
    """OpenBao takes no more than a thousand texts in one request; the list is written as one."""
    issuer_id = place.introduce()
    many = tuple(f"spiffe://test.example.internal/server/c{number}" for number in range(5000))
    place.uris["server"] = many
    assert len(place.prepare()) == 1
    assert place.prepare() == ()
    for uri in (many[0], many[-1]):
        assert place.signer.sign(place.order(issuer_id, uris=(uri,)))


def test_a_life_longer_than_the_role_allows_is_an_error(place: Place) -> None:
    """The server clamps with a warning; the certificate exists and reconciliation finds it."""
    order = place.order(place.introduce(), ttl=4 * DAY)
    with pytest.raises(VerificationError) as error:
        place.signer.sign(order)
    assert error.value.rule == "VAULT-WARNING"
    assert len(list(place.signer.serials())) == 1


def test_many_orders_keep_their_places(place: Place) -> None:
    """Each order has its own result, a certificate or its error, where the order stood."""
    issuer_id = place.introduce()
    domain = place.environment.domain
    orders = [place.order(issuer_id, names=(f"h{number}.{domain}",)) for number in range(40)]
    orders[7] = replace(orders[7], names=("evil.example.com",))
    orders[23] = replace(orders[23], names=("two,names",))
    results = place.signer.sign_many(orders)
    assert [type(result) for result in results].count(str) == 38
    assert isinstance(results[7], Rejected)
    assert isinstance(results[23], PolicyViolation)
    for order, result in zip(orders, results, strict=True):
        if isinstance(result, str):
            leaf = parse.certificate(result)
            (name,) = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
            assert name.value == order.names[0]
            assert parse.spki_sha256(leaf) == parse.spki_sha256(parse.request(order.csr))
    assert len(list(place.signer.serials())) == 38


def test_no_orders_give_no_results(place: Place) -> None:
    """An empty batch asks nobody."""
    assert list(place.signer.sign_many([])) == []


def test_a_stored_certificate_is_read_by_its_serial(place: Place) -> None:
    """What was signed is what is stored, listed in the form that certificates show."""
    pem = place.signer.sign(place.order(place.introduce()))
    (serial,) = place.signer.serials()
    assert serial == ids.serial_text(parse.certificate(pem).serial_number)
    stored = place.signer.certificate(serial)
    assert stored is not None
    assert parse.certificate(stored) == parse.certificate(pem)


def _number(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def test_a_crl_is_there_from_the_import_on(place: Place) -> None:
    """Relying parties that refuse without a CRL have one before the first certificate."""
    issuer_id = place.introduce()
    crl = parse.crl(place.signer.crl(issuer_id))
    intermediate = parse.certificate(place.signed(place.key()))
    crls.verify_crl(crl, intermediate, at=place.clock.now())
    assert len(crl) == 0


def test_revocation_shows_after_the_crl_was_rotated(place: Place) -> None:
    """Revoking twice is revoking once; the list of the other generation stays clean."""
    first, second = place.introduce(1), place.introduce(2)
    revoked = parse.certificate(place.signer.sign(place.order(first)))
    good = parse.certificate(place.signer.sign(place.order(first)))
    serial = ids.serial_text(revoked.serial_number)
    before = _number(parse.crl(place.signer.crl(first)))
    place.signer.revoke(serial)
    place.signer.revoke(serial)
    place.signer.rotate_crl()
    crl = parse.crl(place.signer.crl(first))
    crls.verify_crl(crl, parse.certificate(place.signed(place.key(1), 1)), at=place.clock.now())
    assert crls.is_revoked(crl, revoked.serial_number)
    assert not crls.is_revoked(crl, good.serial_number)
    assert _number(crl) > before
    assert not crls.is_revoked(parse.crl(place.signer.crl(second)), revoked.serial_number)


def test_a_serial_that_was_never_signed_cannot_be_revoked(place: Place) -> None:
    """A typing mistake is an error, not a silent success."""
    place.introduce()
    with pytest.raises(Rejected):
        place.signer.revoke("0a:ff:00:01")


def test_the_crl_of_an_unknown_issuer_is_refused(place: Place) -> None:
    """No empty list is made up."""
    with pytest.raises(Rejected):
        place.signer.crl("11111111-2222-3333-4444-555555555555")


def test_two_environments_share_nothing(make_place: FreshEnvironment) -> None:
    """Keys, issuers and certificates of one are not seen by the other."""
    test, prod = make_place("test"), make_place("prod")
    test.signer.sign(test.order(test.introduce()))
    assert prod.rotator.keys() == {}
    assert prod.rotator.issuers() == ()
    assert list(prod.signer.serials()) == []
