"""``host.csr``: the certification request that a host with its own key left."""

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
        raise _bad(folder, "is not a regular file")
    data = folder.read(HOST_REQUEST, LONGEST_REQUEST + 1)
    if len(data) > LONGEST_REQUEST:
        raise _bad(folder, f"is larger than {LONGEST_REQUEST} bytes")
    if b"PRIVATE KEY" in data:
        raise _bad(folder, "holds a private key")
    if not data.isascii() or b"-----BEGIN CERTIFICATE REQUEST-----" not in data:
        raise _bad(folder, "is not a PEM certification request")
    return data.decode("ascii")


def _bad(folder: Folder, what: str) -> Rejected:
    return Rejected(
        f"{folder.path / HOST_REQUEST} {what}",
        rule="DLV-REQUEST",
        hint="leave a PKCS#10 request in PEM there",
    )
