"""Making a root: key, certificate, policy and the first transcript line, all or nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from trustwright.ceremony import durable, rootpolicy, transcript
from trustwright.ceremony.entries import Created
from trustwright.ceremony.ledger import ASIDE, CRLS, REQUESTS, RESPONSES
from trustwright.ceremony.mac import mac_under
from trustwright.ceremony.passphrase import judge
from trustwright.ceremony.rootfolder import CERTIFICATE, KEY
from trustwright.ceremony.rootkey import STRONG, ScryptCost, encrypted_pem
from trustwright.errors import ConfigurationError, ConflictError
from trustwright.ids import new_serial
from trustwright.x509 import encoding, keys, lint, parse, profiles
from trustwright.x509.build import sign_certificate

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509 import Certificate

    from trustwright.ceremony.openssl import OpenSsl
    from trustwright.ceremony.rootpolicy import RootPolicy
    from trustwright.model.profile import KeyKind

LONGEST_NAME = 64
"""Characters of a common name (RFC 5280 appendix A.1)."""

SHORTEST_LIFE = 365 * 86_400
"""Seconds that a root lives at least: whoever types 1m for a month gets no root of a minute."""

LONGEST_LIFE = 40 * 366 * 86_400
"""Seconds that a root lives at most, as in every profile."""

_DAY = 86_400
_PRIVATE_FOLDER = 0o700


@dataclass(frozen=True)
class Founding:
    """What a new root is to be.

    Attributes:
        validity: seconds.
        cost: of opening root.key.
    """

    policy: RootPolicy
    common_name: str
    validity: int
    key_kind: KeyKind
    passphrase: str = field(repr=False)
    cost: ScryptCost = STRONG


def found(path: Path, founding: Founding, *, now: datetime, openssl: OpenSsl) -> Certificate:
    """Make the folder of a new root; return its certificate.

    It is built under another name that nobody has and renamed at the end: a power cut leaves no
    half root, only a ``.NAME.*.part`` that nothing ever used.

    Raises:
        ConflictError: something has this name (rule ``ROOT-EXISTS``).
        ConfigurationError: name, validity or passphrase do not fit (rules ``ROOT-NAME``,
            ``ROOT-VALIDITY``, ``PASS-…``), or the folder cannot be made (rule ``ROOT-FOLDER``).
        LintViolation: the certificate would break a clause.
        VerificationError: openssl does not agree with the certificate.
    """
    refuse_existing(path)
    _refuse_misfit(founding)
    judge(founding.passphrase, founding.policy.organization)
    key = keys.generate_key(founding.key_kind)
    certificate = _certificate(key, founding, now)
    lint.refuse(lint.lint_certificate(certificate, "root"))
    openssl.verify_root(certificate, at=now)
    try:
        part = Path(tempfile.mkdtemp(".part", f".{path.name}.", path.parent))
    except OSError as error:
        raise _unmakable(path, error) from None
    try:
        _write(part, certificate, encrypted_pem(key, founding.passphrase, founding.cost), founding)
        _first_line(part, certificate, key, founding, now)
        os.rename(part, path)  # noqa: PTH104 - named calls of os, see trustwright.ceremony.durable
        durable.sync_folder(path.parent)
    except OSError as error:
        raise _unmakable(path, error) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)  # gone under its own name when all went well
    return certificate


def refuse_existing(path: Path) -> None:
    """Refuse a name that is taken.

    Raises:
        ConflictError: rule ``ROOT-EXISTS``.
    """
    if os.path.lexists(path):
        raise ConflictError(
            "is there already; a root is never made over another",
            rule="ROOT-EXISTS",
            hint="name another --folder",
            where=str(path),
        )


def _refuse_misfit(founding: Founding) -> None:
    name, validity = founding.common_name, founding.validity
    if not name.isprintable() or name != name.strip() or not 1 <= len(name) <= LONGEST_NAME:
        raise ConfigurationError(
            f"a common name has 1 to {LONGEST_NAME} characters that can be shown, and no blank "
            "around them",
            rule="ROOT-NAME",
            hint="--common-name 'Example Root CA'",
        )
    if not SHORTEST_LIFE <= validity <= LONGEST_LIFE:
        raise ConfigurationError(
            f"a root lives {SHORTEST_LIFE // _DAY} days to {LONGEST_LIFE // _DAY} days",
            rule="ROOT-VALIDITY",
            hint="--validity 7300d",
        )


def _unmakable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"cannot be made: {error.strerror}", rule="ROOT-FOLDER", where=str(path)
    )


def _certificate(key: ec.EllipticCurvePrivateKey, founding: Founding, now: datetime) -> Certificate:
    profile = profiles.root_profile(
        founding.policy.organization, founding.common_name, founding.validity
    )
    return sign_certificate(
        profile,
        public_key=key.public_key(),
        serial=new_serial(),
        signed_at=now,
        issuer_key=key,
        issuer_name=encoding.subject_name(profile.subject),
        issuer_skid=None,
    )


def _write(part: Path, certificate: Certificate, key: bytes, founding: Founding) -> None:
    for name in (REQUESTS, RESPONSES, CRLS, ASIDE):
        (part / name).mkdir(mode=_PRIVATE_FOLDER)
    durable.write_new(part / KEY, key, mode=durable.PRIVATE)
    durable.write_new(part / CERTIFICATE, parse.pem(certificate).encode())
    durable.write_new(part / rootpolicy.FILE, rootpolicy.as_toml(founding.policy).encode())


def _first_line(
    part: Path,
    certificate: Certificate,
    key: ec.EllipticCurvePrivateKey,
    founding: Founding,
    now: datetime,
) -> None:
    path = part / transcript.FILE
    durable.write_new(path, b"", mode=durable.PRIVATE)
    first = Created(
        root=parse.fingerprint(certificate),
        policy=founding.policy.digest(),
        policy_text=founding.policy.text(),
    )
    transcript.append(transcript.Transcript(path, (), ()), first, now, mac_under(key))
