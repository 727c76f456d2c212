"""Real root folders, cheap to open: what the tests of folder, signing and recovery start from."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.unit.ceremony.material import DAY, NOW, policy, profile
from trustwright.ceremony.founding import Founding, found
from trustwright.ceremony.history import Answer
from trustwright.ceremony.openssl import OpenSsl
from trustwright.ceremony.request import seal_intermediate_request, seal_revocation_request
from trustwright.ceremony.rootfolder import RootFolder, opened
from trustwright.ceremony.rootkey import EncryptedFileKey, ScryptCost
from trustwright.ceremony.sign import Signing, sign_crl, sign_request
from trustwright.ids import serial_text
from trustwright.model.ceremony import Request
from trustwright.x509 import parse
from trustwright.x509.build import build_request
from trustwright.x509.keys import generate_key

PASSPHRASE = "zebra moon lamp tide"
CHEAP = ScryptCost(n=2, r=1, p=1)


def new_root(path: Path, *, now: datetime = NOW - DAY, **changes: Any) -> Path:
    """Make a root whose key opens at once; return its folder."""
    founding = Founding(
        policy=policy(),
        common_name="Example Root CA",
        validity=7300 * 86_400,
        key_kind="ec-p384",
        passphrase=PASSPHRASE,
        cost=CHEAP,
    )
    found(path, founding, now=now, openssl=OpenSsl.found())
    return path


def request_for(
    path: Path,
    environment: str = "test",
    generation: int = 1,
    *,
    previous: str | None = None,
    now: datetime = NOW,
    **changes: Any,
) -> Request:
    """Return a good request to the root in `path`, over a new key."""
    wanted = profile(environment, generation)
    members: dict[str, Any] = {
        "environment": environment,
        "generation": generation,
        "csr": build_request(generate_key("ec-p384"), wanted.subject),
        "profile": wanted,
        "root_fingerprint": fingerprint(path),
        "previous": previous,
        "created": now - timedelta(hours=1),
        "expires": now + 7 * DAY,
        "reason": "first intermediate",
        "requested_by": "bootstrap",
    }
    return seal_intermediate_request(**members | changes)


def revocation_of(path: Path, answer: Answer, *, now: datetime = NOW) -> Request:
    """Return a request to revoke what an answer certified."""
    return seal_revocation_request(
        environment=answer.request.environment or "",
        generation=answer.request.generation or 0,
        serial=serial_text(answer.serial),
        revocation_reason="key_compromise",
        root_fingerprint=fingerprint(path),
        previous=answer.binding,
        created=now - timedelta(hours=1),
        expires=now + 7 * DAY,
        reason="the key leaked",
        requested_by="operator",
    )


def fingerprint(path: Path) -> str:
    """Return the fingerprint of the root in `path`."""
    return parse.fingerprint(parse.certificate((path / "root.pem").read_bytes()))


def signing(root: RootFolder, now: datetime = NOW, *witnesses: str) -> Signing:
    """Return the means of a ceremony in an open folder."""
    key = EncryptedFileKey(root.certificate, root.key_path, PASSPHRASE)
    return Signing(root, key, OpenSsl.found(), now, witnesses)


def sign(path: Path, request: Request, now: datetime = NOW) -> Answer:
    """Answer a request."""
    with opened(path, exclusive=True) as root:
        return sign_request(signing(root, now), request)


def fresh_crl(path: Path, now: datetime = NOW) -> Path:
    """Sign a root CRL without a request."""
    with opened(path, exclusive=True) as root:
        return sign_crl(signing(root, now))
