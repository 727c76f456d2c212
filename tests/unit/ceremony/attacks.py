"""Responses that must be refused, each with the rule that refuses it.

`attacks` takes a request, the good response to it and the root that signed it, and returns forged
and damaged responses: files, members, certificates and CRLs. Most are signed by the true root, so
that each gets as far as the rule that it breaks. The import gate's tests use the same list.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.unit.ceremony import forge
from tests.unit.ceremony.forge import Parts, forged_crl, parts_of
from tests.unit.ceremony.material import RootMaterial, key, root
from trustwright.ids import new_serial
from trustwright.model.ceremony import Request, Response
from trustwright.x509 import parse

EXTENSIONS = {
    "basic-constraints": x509.BasicConstraints.oid,
    "key-usage": x509.KeyUsage.oid,
    "name-constraints": x509.NameConstraints.oid,
    "extended-key-usage": x509.ExtendedKeyUsage.oid,
    "policies": x509.CertificatePolicies.oid,
    "key-identifier": x509.SubjectKeyIdentifier.oid,
}
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Attack:
    """A response that must be refused.

    Attributes:
        data: what is submitted.
        rule: what refuses it.
    """

    name: str
    data: bytes
    rule: str


@dataclass(frozen=True)
class Target:
    """What an attacker starts from.

    Attributes:
        known_serial: a serial that the submitter knows to be used.
        foreign_domain: the domain of another environment.
    """

    request: Request
    good: Response
    root: RootMaterial
    known_serial: int
    foreign_domain: str

    @property
    def parts(self) -> Parts:
        """Return the parts of the good certificate."""
        return parts_of(self.good.certificate or "", self.root.key)

    def members(self, **changes: Any) -> bytes:
        """Return the good response with members changed."""
        return json.dumps(self.good.model_dump(mode="json") | changes).encode()

    def certified(self, parts: Parts) -> bytes:
        """Return the good response with another certificate."""
        return self.members(certificate=parts.pem())

    def listed(self, **changes: Any) -> bytes:
        """Return the good response with a forged CRL."""
        begin = changes.pop("this_update", self.good.signed_at - HOUR)
        changes.setdefault("number", self.root.crl_number + 1)
        return self.members(root_crl=forged_crl(self.root, begin, **changes))


def attacks(
    request: Request,
    good: Response,
    material: RootMaterial,
    *,
    known_serial: int,
    foreign_domain: str,
) -> list[Attack]:
    """Return every attack on one ceremony of the kind ``sign-intermediate``."""
    target = Target(request, good, material, known_serial, foreign_domain)
    found: list[Attack] = []
    for source in (
        _files,
        _shapes,
        _members,
        _certificates,
        _signatures,
        _subjects,
        _extensions,
        _values,
        _times,
        _serials,
        _lists,
    ):
        found.extend(Attack(name, data, rule) for name, data, rule in source(target))
    return found


Made = Iterator[tuple[str, bytes, str]]


def _files(target: Target) -> Made:
    good = target.good.canonical()
    yield "empty file", b"", "CER-JSON"
    yield "no JSON", b"not a response", "CER-JSON"
    yield "bare certificate", (target.good.certificate or "").encode(), "CER-JSON"
    yield "cut file", good[:-20], "CER-JSON"
    yield "two responses in one file", good + good, "CER-JSON"
    yield "not UTF-8", good.replace(b"test", b"t\xffst"), "CER-JSON"
    yield "member twice", b'{"kind":"root-crl",' + good[1:], "CER-JSON"
    yield "float for a number", good.replace(b'"number":', b'"number":1.0,"x":'), "CER-JSON"
    yield "NaN for a number", good.replace(b'"number":', b'"x":NaN,"number":'), "CER-JSON"
    yield "deep nesting", b"[" * 50_000, "CER-JSON"
    yield "huge file", good + b" " * 200_000, "CER-SIZE"
    yield "file of ten megabytes", good + b"\n" * 10_000_000, "CER-SIZE"
    yield "ten megabytes of nesting", b"[" * 10_000_000, "CER-SIZE"
    yield "ten megabytes in a member", target.members(root_crl="A" * 10_000_000), "CER-SIZE"


def _shapes(target: Target) -> Made:
    whole = target.good.model_dump(mode="json")
    yield "array", json.dumps([whole]).encode(), "CER-SHAPE"
    yield "the request itself", target.request.canonical(), "CER-SHAPE"
    yield "unknown kind", target.members(kind="cross-sign"), "CER-SHAPE"
    yield "other format", target.members(format="trustwright.response/2"), "CER-SHAPE"
    yield "added member", target.members(approved=True), "CER-SHAPE"
    yield "certificate left out", target.members(certificate=None), "CER-SHAPE"
    yield "number as text", target.members(number="1"), "CER-SHAPE"
    yield "time without zone", target.members(signed_at="2026-11-23T12:00:00"), "CER-SHAPE"
    yield "time with fraction", target.members(signed_at="2026-11-23T12:00:00.5Z"), "CER-SHAPE"
    yield "digest in capitals", target.members(request="A" * 64), "CER-SHAPE"
    without = {name: value for name, value in whole.items() if name != "root_crl"}
    yield "CRL left out", json.dumps(without).encode(), "CER-SHAPE"


def _members(target: Target) -> Made:
    good, asked = target.good, target.request
    yield "response to another request", target.members(request="0" * 64), "CER-201"
    yield "names another root", target.members(root="sha256:" + "0" * 64), "CER-202"
    yield "other kind", target.members(kind="root-crl", certificate=None), "CER-203"
    yield "other environment", target.members(environment="staging"), "CER-204"
    yield "no environment", target.members(environment=None), "CER-204"
    early, late = asked.created - HOUR, asked.expires + timedelta(seconds=1)
    yield "signed before it was asked", target.members(signed_at=_text(early)), "CER-205"
    yield "signed after expiry", target.members(signed_at=_text(late)), "CER-205"
    ahead = good.signed_at + HOUR
    yield "signed in the future", target.members(signed_at=_text(ahead)), "CER-206"
    first = target.members(number=1, previous="0" * 64)
    yield "first response with a predecessor", first, "CER-207"
    yield "later response without a predecessor", target.members(number=2, previous=None), "CER-207"


def _certificates(target: Target) -> Made:
    pem = target.good.certificate or ""
    body = pem.splitlines()
    broken = "\n".join([body[0], "AAAA" + body[1][4:], *body[2:], ""])
    yield "unreadable certificate", target.members(certificate=broken), "CER-208"
    yield "no PEM", target.members(certificate="MIIB"), "CER-208"
    yield "two certificates", target.members(certificate=pem + pem), "CER-208"
    yield "text around the certificate", target.members(certificate=f"ok:\n{pem}"), "CER-208"
    yield "other line ends", target.members(certificate=pem.replace("\n", "\r\n")), "CER-208"
    csr = target.request.csr or ""
    yield "the CSR for a certificate", target.members(certificate=csr), "CER-208"
    self_made = replace(target.parts, issuer=target.parts.subject, signer=key("intruder"))
    yield "self-signed authority", target.certified(self_made), "CER-209"
    own = parse.pem(target.root.certificate)
    yield "the root's own certificate", target.members(certificate=own), "CER-209"


def _signatures(target: Target) -> Made:
    parts = target.parts
    yield (
        "signed by another key",
        target.certified(replace(parts, signer=key("intruder"))),
        "CER-210",
    )
    other = root("other root", "Intruder")
    foreign = replace(parts, issuer=other.certificate.subject, signer=other.key)
    yield "signed by another root", target.certified(foreign), "CER-210"
    twin = root("twin root").key
    yield (
        "signed by a root of the same name",
        target.certified(replace(parts, signer=twin)),
        "CER-210",
    )
    skid = x509.AuthorityKeyIdentifier(b"\0" * 20, None, None)
    yield "other authority key identifier", target.certified(parts.with_value(skid)), "CER-210"
    unnamed = parts.without(x509.AuthorityKeyIdentifier.oid)
    yield "no authority key identifier", target.certified(unnamed), "CER-210"
    renamed = replace(parts, issuer=forge.common_name(parts.issuer, "Example Root CA 2"))
    yield "names another issuer", target.certified(renamed), "CER-210"
    respelled = replace(parts, issuer=forge.respelled(parts.issuer))
    yield "issuer spelled otherwise", target.certified(respelled), "CER-210"
    yield (
        "signed with SHA-512",
        target.certified(replace(parts, algorithm=hashes.SHA512())),
        "CER-210",
    )
    yield "signature bit turned", target.members(certificate=_turned(target.good)), "CER-210"
    stranger = replace(parts, public_key=key("intruder").public_key())
    yield "other public key", target.certified(stranger), "CER-211"
    smaller = replace(parts, public_key=key("small", "ec-p256").public_key())
    yield "other curve", target.certified(smaller), "CER-211"


def _subjects(target: Target) -> Made:
    parts = target.parts
    name = parts.subject
    yield (
        "subject of another environment",
        target.certified(replace(parts, subject=forge.unit(name, "prod"))),
        "CER-212",
    )
    yield (
        "subject of another generation",
        target.certified(
            replace(parts, subject=forge.common_name(name, "Example test Issuing CA G9"))
        ),
        "CER-212",
    )
    yield (
        "subject spelled otherwise",
        target.certified(replace(parts, subject=forge.respelled(name))),
        "CER-212",
    )
    more = x509.Name([*name, x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "XX")])
    yield "subject with a country", target.certified(replace(parts, subject=more)), "CER-212"
    turned = x509.Name(list(reversed(list(name))))
    yield "subject in another order", target.certified(replace(parts, subject=turned)), "CER-212"


def _extensions(target: Target) -> Made:
    parts = target.parts
    for name, oid in EXTENSIONS.items():
        yield f"{name} missing", target.certified(parts.without(oid)), "CER-213"
        yield f"{name} of other criticality", target.certified(parts.turned(oid)), "CER-215"
    san = x509.SubjectAlternativeName([x509.DNSName(target.foreign_domain)])
    yield "subject alternative name added", target.certified(parts.with_more(san)), "CER-214"
    inhibit = x509.InhibitAnyPolicy(0)
    more = target.certified(parts.with_more(inhibit, critical=True))
    yield "critical inhibitAnyPolicy added", more, "CER-214"
    oid = x509.ObjectIdentifier("1.3.6.1.4.1.99999.77")
    unknown = x509.UnrecognizedExtension(oid, b"\x05\x00")
    yield "unknown extension added", target.certified(parts.with_more(unknown)), "CER-214"
    url = x509.UniformResourceIdentifier("http://intruder.example/crl")
    pointer = x509.CRLDistributionPoints([x509.DistributionPoint([url], None, None, None)])
    yield "CRL pointer added", target.certified(parts.with_more(pointer)), "CER-214"


def _values(target: Target) -> Made:
    mine = (target.request.profile and target.request.profile.name_constraints) or None
    domain = mine.permitted_dns[0] if mine else ""
    changed: dict[str, x509.ExtensionType] = {
        "path length 1": x509.BasicConstraints(ca=True, path_length=1),
        "no path length": x509.BasicConstraints(ca=True, path_length=None),
        "key usage wider": forge.usage("key_cert_sign", "crl_sign", "digital_signature"),
        "key usage narrower": forge.usage("key_cert_sign"),
        "any extended key usage": forge.ANY_USAGE,
        "names of another environment": forge.constraints(target.foreign_domain),
        "names of both environments": forge.constraints(domain, target.foreign_domain),
        "names of the parent domain": forge.constraints(domain.partition(".")[2]),
        "names with a leading dot": forge.constraints(f".{domain}"),
        "addresses left open": forge.constraints(domain, addresses=("0.0.0.0/0",)),
        "other policy": forge.policies("1.3.6.1.4.1.99999.66"),
        "any policy": forge.policies("2.5.29.32.0"),
        "other key identifier": x509.SubjectKeyIdentifier(b"\0" * 20),
    }
    for name, value in changed.items():
        yield name, target.certified(target.parts.with_value(value)), "CER-216"
    server = x509.ExtendedKeyUsage(list(reversed(list(_usages(target)))))
    yield "usages in another order", target.certified(target.parts.with_value(server)), "CER-216"


def _times(target: Target) -> Made:
    parts = target.parts
    longer = replace(parts, end=parts.end + DAY)
    yield "valid for a day more", target.certified(longer), "CER-217"
    yield "valid for a day less", target.certified(replace(parts, end=parts.end - DAY)), "CER-217"
    early = replace(parts, begin=parts.begin - DAY)
    yield "begins a day before", target.certified(early), "CER-217"
    for name, shift in (("before", -DAY), ("after", DAY), ("a second after", timedelta(seconds=1))):
        moved = replace(parts, begin=parts.begin + shift, end=parts.end + shift)
        yield f"whole life moved {name}", target.certified(moved), "CER-218"


def _serials(target: Target) -> Made:
    parts = target.parts
    used = replace(parts, serial=target.known_serial)
    yield "serial used before", target.certified(used), "CER-219"
    roots = replace(parts, serial=target.root.certificate.serial_number)
    yield "the root's serial", target.certified(roots), "CER-219"
    yield "serial 1", target.certified(replace(parts, serial=1)), "CER-220"
    short = replace(parts, serial=new_serial() >> 96)
    yield "serial of 63 bits", target.certified(short), "CER-220"
    shorter = replace(parts, serial=new_serial() >> 32)
    yield "serial of 16 octets", target.certified(shorter), "CER-220"
    lowest = replace(parts, serial=new_serial() >> 1)
    yield "serial without its highest bit", target.certified(lowest), "CER-220"
    turned = replace(parts, extensions=tuple(reversed(parts.extensions)))
    yield "extensions in another order", target.certified(turned), "CER-221"


def _lists(target: Target) -> Made:
    good = target.good
    body = good.root_crl.splitlines()
    broken = "\n".join([body[0], "AAAA" + body[1][4:], *body[2:], ""])
    yield "unreadable CRL", target.members(root_crl=broken), "CER-231"
    yield "two CRLs", target.members(root_crl=good.root_crl * 2), "CER-231"
    yield "CRL left empty", target.members(root_crl=""), "CER-231"
    yield "CRL signed by another key", target.listed(signer=key("intruder")), "CER-232"
    other = forge.common_name(target.root.certificate.subject, "Example Root CA 2")
    yield "CRL of another issuer", target.listed(issuer=other), "CER-232"
    delta = (x509.DeltaCRLIndicator(1), True)
    yield "delta CRL", target.listed(more=[delta]), "CER-232"
    partial = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)
    yield "partial CRL", target.listed(more=[(partial, True)]), "CER-232"
    oid = x509.ObjectIdentifier("1.3.6.1.4.1.99999.78")
    unknown = (x509.UnrecognizedExtension(oid, b"\x05\x00"), True)
    yield "critical unknown in the CRL", target.listed(more=[unknown]), "CER-232"
    yield "CRL without a number", target.listed(number=None), "CER-233"
    yield "stale CRL", target.listed(lasts=timedelta(minutes=30)), "CER-234"
    ahead = target.listed(this_update=good.signed_at + DAY)
    yield "CRL from the future", ahead, "CER-234"
    yield "yesterday's CRL", target.listed(this_update=good.signed_at - DAY), "CER-235"
    serial = parse.certificate(good.certificate or "").serial_number
    yield "CRL that lists the new serial", target.listed(listed=[serial]), "CER-236"
    said = x509.ReasonFlags.remove_from_crl
    odd = target.listed(listed=[new_serial()], reason=said)
    yield "CRL with a reason that has no place in it", odd, "CER-238"


def _turned(good: Response) -> str:
    der = bytearray(parse.der(parse.certificate(good.certificate or "")))
    der[-1] ^= 1
    return parse.pem(parse.certificate_der(bytes(der)))


def _usages(target: Target) -> x509.ExtendedKeyUsage:
    made = parse.certificate(target.good.certificate or "")
    return made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value


def _text(moment: Any) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
