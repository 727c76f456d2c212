"""The certification request that a host with its own key left, as ``host.csr`` or in Vault's KV."""

from __future__ import annotations

import stat

from trustwright.delivery.folder import Folder
from trustwright.errors import Rejected

HOST_REQUEST = "host.csr"
LONGEST_REQUEST = 16 * 1024


def read_request(folder: Folder) -> str | None:
    """Return the request in a delivery path, or None when there is none.

    Raises:
        Rejected: a link, not a regular file, too large, or not a request (rule ``DLV-REQUEST``).
        OSError: it cannot be read.
    """
    kind = folder.kind(HOST_REQUEST)
    if kind is None:
        return None
    if kind != stat.S_IFREG:
        raise bad_request(str(folder.path / HOST_REQUEST), "is not a regular file")
    data = folder.read(HOST_REQUEST, LONGEST_REQUEST + 1)
    return judged_request(data, str(folder.path / HOST_REQUEST))


def judged_request(data: bytes, place: str) -> str:
    """Return what a host left at `place` as the text of a request; it is not parsed here.

    Raises:
        Rejected: too large, or not a request (rule ``DLV-REQUEST``).
    """
    if len(data) > LONGEST_REQUEST:
        raise bad_request(place, f"is larger than {LONGEST_REQUEST} bytes")
    if b"PRIVATE KEY" in data:
        raise bad_request(place, "holds a private key")
    if not data.isascii() or b"-----BEGIN CERTIFICATE REQUEST-----" not in data:
        raise bad_request(place, "is not a PEM certification request")
    return data.decode("ascii")


def bad_request(place: str, what: str) -> Rejected:
    """Return the error for something that is no request."""
    return Rejected(
        f"{place} {what}",
        rule="DLV-REQUEST",
        hint="leave a PKCS#10 request in PEM there",
    )
