"""Responses: made offline, opened online."""

from __future__ import annotations

from trustwright.canonical import encode
from trustwright.ceremony.request import short_name
from trustwright.ids import sha256_hex
from trustwright.model.ceremony import Request, Response
from trustwright.x509 import parse

SIZE_LIMIT = 131_072
"""Octets of a response that are read."""


def open_response(data: bytes) -> Response:
    """Return the response in `data`; nothing in it is believed yet (see `checks`).

    Layout and white space do not matter: its digest is that of the canonical form, so a response
    that a web form or a mail client wrapped anew is the same response.

    Raises:
        CeremonyViolation: rule ``CER-SIZE``, ``CER-JSON`` or ``CER-SHAPE``.
    """
    return Response.parse(data, limit=SIZE_LIMIT)


def binding(response: Response) -> str:
    """Return the SHA-256 of what the root key signed for a request: the link of the chain.

    Over the canonical form of the request's digest and of the SHA-256 of the to-be-signed octets
    of the certificate, when there is one, and of the root CRL. The members of a response that
    nothing signs (its number, its predecessor, the transcript line) are left out, and so are the
    signatures: from one ECDSA signature anybody can make a second one over the same octets. Two
    responses with one binding say the same, and nobody without the root key can make a third.

    Raises:
        TrustwrightError: certificate or CRL cannot be read.
    """
    certificate = response.certificate
    signed = {
        "request": response.request,
        "certificate": certificate
        and sha256_hex(parse.certificate(certificate).tbs_certificate_bytes),
        "root_crl": sha256_hex(parse.crl(response.root_crl).tbs_certlist_bytes),
    }
    return sha256_hex(encode(signed))


def response_name(request: Request, number: int) -> str:
    """Return ``<number>-<environment>-g<generation>-<12 hex digits>.response.json``."""
    return f"{number:04d}-{short_name(request)}.response.json"


def output_name(request_file: str) -> str:
    """Return ``NAME.response.json`` for ``NAME.request.json``."""
    return f"{request_file.removesuffix('.json').removesuffix('.request')}.response.json"
