"""Every extension of a certificate, in words that need no RFC beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_USAGES = {
    ExtendedKeyUsageOID.SERVER_AUTH: "TLS servers",
    ExtendedKeyUsageOID.CLIENT_AUTH: "TLS clients",
}
_KEY_USES = {
    "digital_signature": "sign data",
    "key_cert_sign": "sign certificates",
    "crl_sign": "sign CRLs",
}
_FORMS: dict[type[x509.GeneralName], str] = {
    x509.UniformResourceIdentifier: "URI",
    x509.RFC822Name: "e-mail",
    x509.DirectoryName: "directory",
}
_TOLD: set[type[x509.GeneralName]] = {x509.DNSName, x509.IPAddress}
_OTHER_KEY_USES = (
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
)


@dataclass(frozen=True)
class Explained:
    """One extension.

    Attributes:
        meaning: what it makes a certificate able or unable to do.
    """

    name: str
    critical: bool
    meaning: str


def explain(certificate: Certificate) -> tuple[Explained, ...]:
    """Return every extension in the order of the certificate; an unknown one as hex."""
    return tuple(_explained(extension) for extension in certificate.extensions)


def explain_leaf(certificate: Certificate) -> tuple[Explained, ...]:
    """Return every extension of an end entity's certificate, which issues nothing itself."""
    return tuple(
        replace(_explained(extension), meaning=f"accepted from {_roles(extension.value)} only")
        if isinstance(extension.value, x509.ExtendedKeyUsage)
        else _explained(extension)
        for extension in certificate.extensions
    )


def validity_words(certificate: Certificate) -> str:
    """Return begin, end and length of a certificate's validity."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return f"{begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC ({_length(end - begin)})"


def _length(span: timedelta) -> str:
    hours = span.seconds // 3600
    return f"{span.days} days" + (f" {hours} h" if hours else "")


def _explained(extension: x509.Extension[Any]) -> Explained:
    name, meaning = _WORDS.get(type(extension.value), (extension.oid.dotted_string, _unknown))
    return Explained(name, extension.critical, meaning(extension.value))


def _basic_constraints(value: x509.BasicConstraints) -> str:
    if not value.ca:
        return "no authority: signs nothing"
    if value.path_length is None:
        return "an authority, with any number of authorities below it"
    if value.path_length == 0:
        return "an authority for end entities; no authority may stand below it (path length 0)"
    return f"an authority with {value.path_length} levels of authorities below it"


def _key_usage(value: x509.KeyUsage) -> str:
    uses = [words for name, words in _KEY_USES.items() if getattr(value, name)]
    uses += [name.replace("_", " ") for name in _OTHER_KEY_USES if getattr(value, name)]
    return f"its key may {' and '.join(uses) or 'do nothing'}, nothing else"


def _extended_key_usage(value: x509.ExtendedKeyUsage) -> str:
    # The clause speaks of end entities; whoever skips it in an authority accepts anything.
    return f"relying parties that look accept what it issues for {_roles(value)} only"


def _roles(value: x509.ExtendedKeyUsage) -> str:
    return " and ".join(_USAGES.get(oid, oid.dotted_string) for oid in value)


def _name_constraints(value: x509.NameConstraints) -> str:
    # RFC 5280 §4.2.1.10: a subtree limits names of its own form, and leaves all others open.
    permitted, excluded = value.permitted_subtrees or [], value.excluded_subtrees or []
    forms = {type(name) for name in (*permitted, *excluded)}
    said = [_dns_names(permitted, excluded), _addresses(permitted, excluded)]
    said += [
        f"{words} limited, see the certificate" for form, words in _FORMS.items() if form in forms
    ]
    said += sorted(f"UNKNOWN form {form.__name__}" for form in forms - _FORMS.keys() - _TOLD)
    open_forms = [words for form, words in _FORMS.items() if form not in forms]
    if open_forms:
        said.append(f"NOT limited: {_listed(open_forms)} names")
    return "; ".join(said)


def _dns_names(permitted: list[x509.GeneralName], excluded: list[x509.GeneralName]) -> str:
    inside, outside = _values(permitted, x509.DNSName), _values(excluded, x509.DNSName)
    allowed = " or ".join(f"{name} and below" for name in inside)
    said = f"DNS names only in {allowed}" if allowed else "EVERY DNS name"
    never = " or ".join(f"{name} and below" for name in outside)
    return f"{said}, never in {never}" if never else said


def _addresses(permitted: list[x509.GeneralName], excluded: list[x509.GeneralName]) -> str:
    inside, outside = _values(permitted, x509.IPAddress), _values(excluded, x509.IPAddress)
    if {"0.0.0.0/0", "::/0"} <= set(outside):
        return "no IP address"
    said = f"IP addresses only in {' or '.join(inside)}" if inside else "EVERY IP address"
    return f"{said}, never in {' or '.join(outside)}" if outside else said


def _values(names: list[x509.GeneralName], form: type[x509.GeneralName]) -> list[str]:
    return [str(name.value) for name in names if isinstance(name, form)]


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)


def _policies(value: x509.CertificatePolicies) -> str:
    oids = [policy.policy_identifier.dotted_string for policy in value]
    return f"issued under the policy {' and '.join(oids)}"


def _key_identifier(value: x509.SubjectKeyIdentifier) -> str:
    return f"its key is called {value.digest.hex()}"


def _authority(value: x509.AuthorityKeyIdentifier) -> str:
    return f"signed by the key called {(value.key_identifier or b'').hex()}"


def _distribution(value: x509.CRLDistributionPoints) -> str:
    urls = [_url(name) for point in value for name in point.full_name or ()]
    return f"its issuer's CRL is at {' and '.join(urls)}"


def _information(value: x509.AuthorityInformationAccess) -> str:
    return f"its issuer is at {' and '.join(_url(each.access_location) for each in value)}"


def _alternative_names(value: x509.SubjectAlternativeName) -> str:
    return f"it is named {', '.join(_url(name) for name in value)}"


def _url(name: x509.GeneralName) -> str:
    return str(name.value)


def _unknown(value: x509.ExtensionType) -> str:
    return f"UNKNOWN to this program: {value.public_bytes().hex()}"


_WORDS: dict[type, tuple[str, Callable[[Any], str]]] = {
    x509.BasicConstraints: ("basic constraints", _basic_constraints),
    x509.KeyUsage: ("key usage", _key_usage),
    x509.ExtendedKeyUsage: ("extended key usage", _extended_key_usage),
    x509.NameConstraints: ("name constraints", _name_constraints),
    x509.CertificatePolicies: ("certificate policies", _policies),
    x509.SubjectKeyIdentifier: ("subject key identifier", _key_identifier),
    x509.AuthorityKeyIdentifier: ("authority key identifier", _authority),
    x509.CRLDistributionPoints: ("CRL distribution points", _distribution),
    x509.AuthorityInformationAccess: ("authority information access", _information),
    x509.SubjectAlternativeName: ("subject alternative name", _alternative_names),
}
