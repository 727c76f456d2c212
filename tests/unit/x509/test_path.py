"""Certification paths against hostile input.

Most attacks are refused twice: by the library that builds the path, and by our own walk. The
second is tested alone through `check_chain`, so that it holds when the first one would not.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from ipaddress import ip_address, ip_network
from operator import methodcaller
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.vectors import octets, pki
from tests.vectors.bad_certificates import ANY_USAGE, SERVER, UNKNOWN, usage
from tests.vectors.pki import Authority, Draft
from trustwright.errors import VerificationError
from trustwright.x509 import encoding, keys, parse
from trustwright.x509.constraints import end_entity_names
from trustwright.x509.path import (
    PATH_LIMIT,
    check_chain,
    path_holds,
    verify_issued,
    verify_path,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from trustwright.model.profile import Usage

ROOT = pki.root().certificate
PROD, TEST = pki.intermediate("prod"), pki.intermediate("test")
ANCHOR = pki.anchor("prod")
LEAF = pki.end_entity("prod")


def leaf(change: Callable[[Draft], Draft], by: Authority = PROD) -> x509.Certificate:
    """The good end entity with one change, signed by this CA."""
    return change(Draft.of(LEAF)).sign(by.key)


def authority(change: Callable[[Draft], Draft], by: Authority | None = None) -> Authority:
    """The intermediate with one change and its own key, signed by the root or this CA."""
    above = by or pki.root()
    return Authority(change(Draft.of(PROD.certificate)).sign(above.key), PROD.key)


def refused(
    subject: x509.Certificate,
    intermediates: Sequence[x509.Certificate] = (PROD.certificate,),
    anchors: Sequence[x509.Certificate] = (ANCHOR,),
    *,
    at: datetime = pki.NOW,
    usage: Usage = "server",
    name: str | None = None,
) -> str:
    """The rule under which this path is refused."""
    with pytest.raises(VerificationError) as caught:
        verify_path(subject, intermediates, anchors, at=at, usage=usage, name=name)
    return caught.value.rule


def walked(*chain: x509.Certificate, at: datetime = pki.NOW, usage: Usage = "server") -> str:
    """The rule under which our own walk refuses this path."""
    with pytest.raises(VerificationError) as caught:
        check_chain(chain, end_entity_names(chain[0]), at=at, usage=usage)
    return caught.value.rule


@pytest.mark.parametrize("anchor", [ANCHOR, ROOT, PROD.certificate], ids=["twin", "root", "ica"])
@pytest.mark.parametrize("name", [None, pki.NAME, pki.NAME.upper(), pki.URI])
@pytest.mark.parametrize("role", ["server", "client"])
def test_the_recommended_profile_holds(
    anchor: x509.Certificate, name: str | None, role: Usage
) -> None:
    """Under the anchor, the root and the bare intermediate, for each usage and name it bears."""
    certificate = pki.end_entity("prod", usage=("server", "client"))
    verify_path(certificate, [PROD.certificate], [anchor], at=pki.NOW, usage=role, name=name)
    assert path_holds(certificate, [PROD.certificate], [anchor], at=pki.NOW, usage=role, name=name)


def test_the_anchor_needs_no_intermediate() -> None:
    """The end entity alone is enough under the anchor; order and surplus do not matter."""
    verify_path(LEAF, [], [ANCHOR], at=pki.NOW, usage="server", name=pki.NAME)
    surplus = [ROOT, TEST.certificate, PROD.certificate]
    verify_path(LEAF, surplus, [pki.anchor("test"), ANCHOR], at=pki.NOW, usage="server", name=None)


def test_without_the_intermediate_the_root_does_not_help() -> None:
    """The chain must be there."""
    assert refused(LEAF, [], [ROOT]) == "X509-PATH"


@pytest.mark.parametrize("role", ["server", "client"])
def test_the_other_environment_is_refused(role: Usage) -> None:
    """An honest end entity of test holds under nothing of prod but the root: so never trust it."""
    foreign = pki.end_entity("test", usage=("server", "client"))
    chain = [TEST.certificate, PROD.certificate, ROOT]
    assert refused(foreign, chain, [ANCHOR], usage=role) == "X509-PATH"
    assert refused(foreign, chain, [PROD.certificate], usage=role) == "X509-PATH"
    assert path_holds(foreign, chain, [ROOT], at=pki.NOW, usage=role, name=None)


def test_forged_names_are_refused_under_the_root_too() -> None:
    """The test CA issues prod's names: its name constraints stop it even where the root counts."""
    forged = (
        replace(Draft.of(LEAF), issuer=TEST.certificate.subject)
        .having(x509.AuthorityKeyIdentifier(TEST.skid, None, None))
        .sign(TEST.key)
    )
    assert refused(forged, [TEST.certificate], [ROOT]) == "X509-PATH"
    assert walked(forged, TEST.certificate, ROOT) == "PATH-NC"


def _with_names(*listed: x509.GeneralName) -> x509.Certificate:
    return leaf(lambda draft: draft.having(x509.SubjectAlternativeName(listed)))


PLAIN = x509.DNSName(pki.NAME)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        (x509.DNSName("billing.test.example.internal"), "PATH-NC"),
        (x509.DNSName("evilprod.example.internal"), "PATH-NC"),
        (x509.DNSName("prod.example.internal.evil.example"), "PATH-NC"),
        (x509.DNSName("example.internal"), "PATH-NC"),
        (x509.IPAddress(ip_address("127.0.0.1")), "PATH-NC"),
        (x509.IPAddress(ip_address("::1")), "PATH-NC"),
        (x509.IPAddress(ip_address("::ffff:127.0.0.1")), "PATH-NC"),
        (x509.UniformResourceIdentifier("spiffe://test.example.internal/server/x"), "PATH-NC"),
        (x509.UniformResourceIdentifier("spiffe://xprod.example.internal/server/x"), "PATH-NC"),
    ],
)
def test_name_constraints(name: x509.GeneralName, rule: str) -> None:
    """One name outside spoils the certificate, beside a good one; both under anchor and chain."""
    bad = _with_names(PLAIN, name)
    assert refused(bad) in {"X509-PATH", rule}
    assert refused(bad, anchors=[ROOT]) in {"X509-PATH", rule}
    assert walked(bad, ANCHOR) == rule
    assert walked(bad, PROD.certificate, ROOT) == rule


@pytest.mark.parametrize(
    "name",
    [
        x509.DNSName("*.prod.example.internal"),
        x509.DNSName("b*.prod.example.internal"),
        x509.DNSName(".prod.example.internal"),
        x509.DNSName("billing.prod.example.internal."),
        x509.DNSName("billing..prod.example.internal"),
        x509.DNSName(""),
        x509.DNSName("evil.example\x00.prod.example.internal"),
        x509.DNSName("evil.example\n.prod.example.internal"),
        x509.DNSName("10.0.0.1"),
        x509.DNSName(".".join(["a" * 60] * 5)),
        x509.DNSName("127.0.0.1/.prod.example.internal"),
        x509.RFC822Name("a@prod.example.internal"),
        x509.DirectoryName(ROOT.subject),
        x509.RegisteredID(UNKNOWN),
        x509.OtherName(UNKNOWN, b"\x05\x00"),
        *(
            x509.UniformResourceIdentifier(text)
            for text in (
                "spiffe://prod.example.internal@evil.example/x",
                "spiffe://evil.example\\@prod.example.internal/x",
                "spiffe://prod.example.internal:443/x",
                "spiffe://prod.example.internal#@evil.example/x",
                "spiffe://prod.example.internal?x",
                "spiffe://[::1]/x",
                "spiffe:///x",
                "prod.example.internal",
                "javascript:alert(1)",
            )
        ),
    ],
)
def test_names_that_we_do_not_judge(name: x509.GeneralName) -> None:
    """Wildcards, odd spellings and other kinds of names are refused, whatever the rest says."""
    assert refused(_with_names(PLAIN, name)) == "PATH-NAME-FORM"


def test_the_common_name_is_no_way_around() -> None:
    """No DNS name: refused. A common name that is none of the DNS names: refused."""
    bare = leaf(lambda draft: draft.without(x509.SubjectAlternativeName.oid))
    only_uri = _with_names(x509.UniformResourceIdentifier(pki.URI))
    for role in ("server", "client"):
        assert refused(bare, usage=role) == "PATH-SAN"
        assert refused(only_uri, usage=role) == "PATH-SAN"
    for text in ("billing.test.example.internal", "admin", "*.prod.example.internal"):
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
        assert refused(leaf(partial(replace, subject=name))) == "PATH-CN"
    both = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, pki.NAME),
            x509.NameAttribute(NameOID.COMMON_NAME, "admin.test.example.internal"),
        ]
    )
    assert refused(leaf(lambda draft: replace(draft, subject=both))) == "PATH-CN"


def test_the_name_that_was_asked_for() -> None:
    """The wrong name, a part of it and a parent are refused, for servers and for clients."""
    certificate = pki.end_entity("prod", usage=("server", "client"))
    for role in ("server", "client"):
        for name in ("payments.prod.example.internal", "prod.example.internal", "billing", ""):
            assert refused(certificate, usage=role, name=name) == "PATH-NAME"


@pytest.mark.parametrize(
    "value",
    [
        x509.NameConstraints([x509.DNSName(".prod.example.internal")], None),
        x509.NameConstraints([x509.DNSName("")], None),
        x509.NameConstraints([x509.DirectoryName(ROOT.subject)], None),
        x509.NameConstraints([x509.UniformResourceIdentifier("prod.example.internal")], None),
        x509.NameConstraints(None, [x509.RFC822Name("example.internal")]),
        x509.NameConstraints([x509.DNSName("10.0.0.1")], None),
    ],
)
def test_constraints_that_we_do_not_judge(value: x509.NameConstraints) -> None:
    """A CA with other subtrees is refused: not judging would be accepting."""
    odd = authority(lambda draft: draft.having(value, critical=True)).certificate
    assert walked(LEAF, odd, ROOT) == "PATH-NC-FORM"
    assert not path_holds(LEAF, [odd], [ROOT], at=pki.NOW, usage="server", name=None)


def test_constraints_bind_however_they_are_put() -> None:
    """Excluded subtrees, permitted networks, no constraint at all, and one that is not critical."""
    name, inside = x509.IPAddress(ip_address("10.1.2.3")), ip_network("10.0.0.0/8")
    numbered = _with_names(PLAIN, name)
    cases: list[tuple[x509.Certificate, x509.NameConstraints, str | None]] = [
        (LEAF, x509.NameConstraints(None, [x509.DNSName("example.internal")]), "PATH-NC"),
        (LEAF, x509.NameConstraints(None, [x509.DNSName("example.com")]), None),
        (numbered, x509.NameConstraints([x509.IPAddress(inside)], None), None),
        (
            numbered,
            x509.NameConstraints([x509.IPAddress(ip_network("192.168.0.0/16"))], None),
            "PATH-NC",
        ),
    ]
    for certificate, value, rule in cases:
        odd = authority(methodcaller("having", value, critical=True)).certificate
        if rule is None:
            check_chain(
                (certificate, odd, ROOT), end_entity_names(certificate), at=pki.NOW, usage="server"
            )
        else:
            assert walked(certificate, odd, ROOT) == rule
    soft = parse.extension(PROD.certificate, x509.NameConstraints)
    assert soft is not None
    loose = authority(lambda draft: draft.having(soft, critical=False)).certificate
    assert walked(LEAF, loose, ROOT) == "PATH-NC-FORM"


def test_a_ca_below_an_intermediate_is_refused() -> None:
    """Path length 0: not with the same name, not with the other environment's, not at all."""
    sub_key = keys.generate_key("ec-p384")
    for subject in (PROD.certificate.subject, TEST.certificate.subject, ROOT.subject):
        draft = replace(
            Draft.of(TEST.certificate),
            subject=subject,
            issuer=TEST.certificate.subject,
            public_key=sub_key.public_key(),
        )
        own = x509.SubjectKeyIdentifier.from_public_key(sub_key.public_key())
        draft = draft.having(own).having(x509.AuthorityKeyIdentifier(TEST.skid, None, None))
        sub = Authority(draft.sign(TEST.key), sub_key)
        below = replace(Draft.of(pki.end_entity("test")), issuer=subject)
        end = below.having(x509.AuthorityKeyIdentifier(own.digest, None, None)).sign(sub_key)
        for anchors in ([ROOT], [pki.anchor("test")], [ANCHOR]):
            given = [sub.certificate, TEST.certificate, PROD.certificate]
            assert refused(end, given, anchors) == "X509-PATH"
        assert walked(end, sub.certificate, TEST.certificate, ROOT) == "PATH-LENGTH"


def test_a_self_issued_ca_counts_for_the_path_length() -> None:
    """RFC 5280 lets a CA of the same name pass below path length 0; we do not."""
    sub_key = keys.generate_key("ec-p384")
    own = x509.SubjectKeyIdentifier.from_public_key(sub_key.public_key())
    authority_id = x509.AuthorityKeyIdentifier(PROD.skid, None, None)
    draft = replace(
        Draft.of(PROD.certificate),
        issuer=PROD.certificate.subject,
        public_key=sub_key.public_key(),
    )
    sub = draft.having(own).having(authority_id).sign(PROD.key)
    end = Draft.of(LEAF).having(x509.AuthorityKeyIdentifier(own.digest, None, None)).sign(sub_key)
    assert walked(end, sub, PROD.certificate, ROOT) == "PATH-LENGTH"
    assert not path_holds(
        end, [sub, PROD.certificate], [ROOT], at=pki.NOW, usage="server", name=None
    )


def test_an_end_entity_signs_nothing() -> None:
    """An end entity's key signs another end entity: no CA, no path."""
    parent = leaf(lambda draft: draft)
    child_id = x509.AuthorityKeyIdentifier(parse.skid(parent), None, None)
    child = replace(Draft.of(LEAF), issuer=parent.subject).having(child_id).sign(pki.key("leaf"))
    assert refused(child, [parent, PROD.certificate]) == "X509-PATH"
    assert walked(child, parent, ANCHOR) == "PATH-CA"


@pytest.mark.parametrize(
    "change",
    [
        lambda draft: draft.without(x509.BasicConstraints.oid),
        lambda draft: draft.having(
            x509.BasicConstraints(ca=False, path_length=None), critical=True
        ),
        lambda draft: draft.without(x509.KeyUsage.oid),
        lambda draft: draft.having(encoding.key_usage(("crl_sign",)), critical=True),
    ],
)
def test_an_issuer_that_may_not_sign(change: Callable[[Draft], Draft]) -> None:
    """Without CA or keyCertSign an issuer's signature means nothing."""
    weak = authority(change).certificate
    assert walked(LEAF, weak, ROOT) == "PATH-CA"
    assert not path_holds(LEAF, [weak], [ROOT], at=pki.NOW, usage="server", name=None)


def test_forged_issuers_of_the_same_name() -> None:
    """Another key with the intermediate's name, with and without its key identifier."""
    forger = Authority(PROD.certificate, keys.generate_key("ec-p384"))
    by_forger = Draft.of(LEAF).sign(forger.key)
    assert refused(by_forger) == "X509-PATH"
    assert walked(by_forger, ANCHOR) == "PATH-SIGNATURE"
    draft = replace(Draft.of(PROD.certificate), public_key=forger.key.public_key())
    same_id = draft.sign(pki.root("forger").key)
    assert refused(by_forger, [same_id]) == "X509-PATH"
    assert refused(by_forger, [same_id], [ROOT]) == "X509-PATH"
    assert walked(by_forger, same_id, ROOT) == "PATH-SIGNATURE"
    assert refused(by_forger, [same_id, pki.root("forger").certificate], [ROOT]) == "X509-PATH"
    self_made = replace(draft, issuer=draft.subject).sign(forger.key)
    assert refused(by_forger, [self_made]) == "X509-PATH"


def test_another_root_of_the_same_name_is_refused() -> None:
    """A whole estate forged under the same names holds nowhere but under itself."""
    other = pki.intermediate("prod", root_label="impostor")
    certificate = (
        Draft.of(LEAF).having(x509.AuthorityKeyIdentifier(other.skid, None, None)).sign(other.key)
    )
    chain = [other.certificate, pki.root("impostor").certificate]
    for anchors in ([ANCHOR], [ROOT], [PROD.certificate]):
        assert refused(certificate, chain, anchors) == "X509-PATH"
    verify_path(certificate, chain, chain[1:], at=pki.NOW, usage="server", name=None)


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (None, "PATH-EKU"),
        ([ExtendedKeyUsageOID.CLIENT_AUTH], "PATH-EKU"),
        ([ANY_USAGE], "PATH-EKU"),
        ([SERVER, ANY_USAGE], "PATH-EKU"),
    ],
)
def test_extended_key_usage(value: list[x509.ObjectIdentifier] | None, rule: str) -> None:
    """Missing, other and *any* usages do not serve."""

    def change(draft: Draft) -> Draft:
        if value is None:
            return draft.without(x509.ExtendedKeyUsage.oid)
        return draft.having(x509.ExtendedKeyUsage(value))

    assert refused(leaf(change)) == rule


def test_a_server_is_no_client() -> None:
    """Usage is judged by role."""
    assert refused(LEAF, usage="client") == "PATH-EKU"
    assert refused(pki.end_entity(usage=("client",)), usage="server") == "PATH-EKU"


def test_extended_key_usage_chains() -> None:
    """A CA for clients issues no server; *any* in a CA is no usage either."""
    for oid in (ExtendedKeyUsageOID.CLIENT_AUTH, ANY_USAGE):
        weak = authority(methodcaller("having", x509.ExtendedKeyUsage([oid])))
        assert walked(LEAF, weak.certificate, ROOT) == "PATH-EKU"
        assert not path_holds(
            LEAF, [weak.certificate], [ROOT], at=pki.NOW, usage="server", name=None
        )


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda draft: draft.without(x509.KeyUsage.oid), "PATH-KU"),
        (
            lambda draft: draft.having(
                usage(digital_signature=False, key_agreement=True), critical=True
            ),
            "PATH-KU",
        ),
        (lambda draft: draft.having(usage(key_cert_sign=True), critical=True), "PATH-KU"),
        (
            lambda draft: draft.having(
                x509.BasicConstraints(ca=True, path_length=None), critical=True
            ),
            "PATH-CA",
        ),
    ],
)
def test_an_end_entity_of_the_wrong_kind(change: Callable[[Draft], Draft], rule: str) -> None:
    """A CA is no end entity, and a key that does not sign cannot authenticate."""
    assert refused(leaf(change)) == rule


def test_a_ca_presented_as_end_entity() -> None:
    """The intermediate and the anchor themselves authenticate nobody."""
    for certificate in (PROD.certificate, ANCHOR, ROOT):
        assert refused(certificate, [PROD.certificate], [ANCHOR, ROOT]) == "PATH-SAN"


def test_time() -> None:
    """Expired and not yet valid, at each level, to the second."""
    begin, end = LEAF.not_valid_before_utc, LEAF.not_valid_after_utc
    for moment in (begin, end):
        verify_path(LEAF, [PROD.certificate], [ROOT], at=moment, usage="server", name=None)
    second = timedelta(seconds=1)
    for moment in (begin - second, end + second):
        assert refused(LEAF, at=moment) == "X509-PATH"
        assert walked(LEAF, ANCHOR, at=moment) == "PATH-TIME"
    expired = authority(lambda draft: replace(draft, end=pki.NOW - second)).certificate
    assert refused(LEAF, [expired], [ROOT]) == "X509-PATH"
    assert walked(LEAF, expired, ROOT) == "PATH-TIME"
    old_anchor = replace(Draft.of(ANCHOR), start=begin, end=pki.NOW - second).sign(PROD.key)
    assert refused(LEAF, anchors=[old_anchor]) == "X509-PATH"


def test_critical_extensions_that_nobody_knows() -> None:
    """They are refused in the end entity and in a CA."""
    odd = x509.UnrecognizedExtension(UNKNOWN, b"\x05\x00")
    bad = leaf(lambda draft: draft.having(odd, critical=True))
    assert refused(bad) == "X509-PATH"
    assert walked(bad, ANCHOR) == "PATH-CRITICAL"
    above = authority(lambda draft: draft.having(odd, critical=True)).certificate
    assert refused(LEAF, [above], [ROOT]) == "X509-PATH"
    assert walked(LEAF, above, ROOT) == "PATH-CRITICAL"
    verify_path(
        leaf(lambda draft: draft.having(odd)), [], [ANCHOR], at=pki.NOW, usage="server", name=None
    )


def test_no_anchor_and_too_many_certificates() -> None:
    """Nothing to trust is refused, and so is a flood."""
    assert refused(LEAF, anchors=[]) == "PATH-ANCHOR"
    assert refused(LEAF, [PROD.certificate] * (PATH_LIMIT + 1)) == "PATH-LIMIT"
    assert refused(LEAF, anchors=[ANCHOR] * (PATH_LIMIT + 1)) == "PATH-LIMIT"


def test_an_end_entity_as_its_own_anchor() -> None:
    """Pinning an end entity is not what an anchor is; the library would let it pass unchecked."""
    assert refused(LEAF, [], [LEAF]) == "PATH-ANCHOR"
    assert refused(LEAF, [], [LEAF, ANCHOR]) == "PATH-ANCHOR"


def test_unreadable_certificates_are_refused() -> None:
    """Parts that the library parses lazily cannot hide: an error of ours, at once."""

    def twice(fields: octets.Parts) -> octets.Parts:
        listed = octets.parts(octets.parts(fields[7])[0])
        return octets.put(7, octets.tlv(0xA3, octets.tlv(0x30, *listed, listed[0])))(fields)

    whole = octets.rebuild(parse.der(LEAF), PROD.key, twice)
    assert refused(x509.load_der_x509_certificate(whole)) == "X509-PARSE"
    above = octets.rebuild(parse.der(PROD.certificate), pki.root().key, twice)
    assert refused(LEAF, [x509.load_der_x509_certificate(above)]) == "X509-PARSE"


def _issued_rule(certificate: x509.Certificate, issuer: x509.Certificate) -> str:
    with pytest.raises(VerificationError) as caught:
        verify_issued(certificate, issuer)
    return caught.value.rule


def test_verify_issued() -> None:
    """Root by itself, intermediate by root, end entity by intermediate and by anchor."""
    for certificate, issuer in (
        (ROOT, ROOT),
        (PROD.certificate, ROOT),
        (LEAF, PROD.certificate),
        (LEAF, ANCHOR),
        (ANCHOR, ANCHOR),
    ):
        verify_issued(certificate, issuer)


def test_verify_issued_refuses() -> None:
    """Another name, key identifier, algorithm, key or signature."""
    assert _issued_rule(LEAF, ROOT) == "PATH-ISSUER"
    assert _issued_rule(PROD.certificate, pki.root("another").certificate) == "PATH-AKI"
    missing = leaf(lambda draft: draft.without(x509.AuthorityKeyIdentifier.oid))
    assert _issued_rule(missing, PROD.certificate) == "PATH-AKI"
    directory = [x509.DirectoryName(ROOT.subject)]
    tied = x509.AuthorityKeyIdentifier(PROD.skid, directory, PROD.certificate.serial_number)
    assert _issued_rule(leaf(lambda draft: draft.having(tied)), PROD.certificate) == "PATH-AKI"
    sha512 = Draft.of(LEAF).sign(PROD.key, hashes.SHA512())
    assert _issued_rule(sha512, PROD.certificate) == "PATH-SIGNATURE"
    flipped = bytearray(parse.der(LEAF))
    flipped[-1] ^= 1
    changed = x509.load_der_x509_certificate(bytes(flipped))
    assert _issued_rule(changed, PROD.certificate) == "PATH-SIGNATURE"
    other = ec.generate_private_key(ec.SECP521R1()).public_key()
    odd_key = leaf(lambda draft: replace(draft, public_key=other))
    assert _issued_rule(odd_key, PROD.certificate) == "PATH-KEY"
    no_skid = authority(lambda draft: draft.without(x509.SubjectKeyIdentifier.oid)).certificate
    assert _issued_rule(LEAF, no_skid) == "RFC5280-4.2.1.2"


def test_the_outer_signature_algorithm_is_not_free() -> None:
    """It is not signed; if it could differ, one signature would fit several files."""
    outer = octets.parts(parse.der(Draft.of(LEAF).sign(pki.key("other"))))[1]
    tbs, _algorithm, signature = octets.parts(parse.der(LEAF))
    whole = octets.tlv(0x30, tbs, outer, signature)
    changed = parse.certificate_der(whole)
    assert _issued_rule(changed, PROD.certificate) == "PATH-SIGNATURE"
    assert refused(changed) == "X509-PATH"


def test_a_name_spelled_in_another_way_is_another_issuer() -> None:
    """Equal text in another string type is not the same octets."""
    printable = x509.Name(
        [
            x509.NameAttribute(part.oid, part.value, x509.name._ASN1Type.PrintableString)
            for part in PROD.certificate.subject
        ]
    )
    spelled = leaf(lambda draft: replace(draft, issuer=printable))
    assert _issued_rule(spelled, PROD.certificate) == "PATH-ISSUER"
