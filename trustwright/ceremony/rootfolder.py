"""The root's folder: what is in it, who may look, and that one program at a time works in it.

::

    root.pem            certificate                     policy.toml   what it may sign
    root.key            encrypted key (0600)            transcript.jsonl, transcript.head
    requests/           every request that was signed   responses/    every response
    crls/               root CRLs without a request     aside/        torn lines, failed files
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from trustwright.ceremony import rootpolicy, transcript
from trustwright.ceremony.clock_rules import never_back, refuse_clock
from trustwright.ceremony.entries import Created, Event, PolicyAccepted
from trustwright.ceremony.history import History
from trustwright.ceremony.ledger import history_of
from trustwright.ceremony.mac import check_macs
from trustwright.ceremony.private import exposed
from trustwright.errors import (
    CeremonyViolation,
    ConfigurationError,
    ConflictError,
    VerificationError,
)
from trustwright.x509 import parse

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from trustwright.ceremony.rootkey import RootKey

CERTIFICATE = "root.pem"
KEY = "root.key"


class RootFolder:
    """An open folder; only `opened` makes one, and only while it holds the lock.

    Attributes:
        said: today's date, where a person had to say it (see `clock_rules`).
    """

    def __init__(self, path: Path, said: date | None = None) -> None:
        self.path = path
        self.said = said
        self.certificate: Certificate = certificate_in(path / CERTIFICATE)
        self.policy = rootpolicy.load(path / rootpolicy.FILE)
        self.transcript = transcript.read(path / transcript.FILE)
        _check_first_line(self.transcript, parse.fingerprint(self.certificate))
        self._is_known = True

    @property
    def key_path(self) -> Path:
        """Return where the encrypted key is.

        Raises:
            ConfigurationError: others than the owner can reach it (rule ``ROOT-MODE``).
        """
        path = self.path / KEY
        _check_private(path)
        return path

    @property
    def history(self) -> History:
        """Return what was answered so far."""
        return history_of(self.transcript, self.path)

    @property
    def accepted_policy(self) -> Created | PolicyAccepted:
        """Return the last line that fixed the policy."""
        said = [entry.says for entry in self.transcript.entries]
        return [each for each in said if isinstance(each, Created | PolicyAccepted)][-1]

    def require_accepted_policy(self) -> None:
        """Refuse to work under a policy that nobody accepted.

        Raises:
            CeremonyViolation: policy.toml is not what the transcript fixed (rule ``CER-312``).
        """
        if self.policy.digest() != self.accepted_policy.policy:
            raise CeremonyViolation(
                "it is not the one that the transcript fixed",
                rule="CER-312",
                hint="look at it: trustwright-root policy; then: trustwright-root policy --accept",
                where=str(self.path / rootpolicy.FILE),
            )

    def require_time(self, now: datetime) -> None:
        """Refuse to record anything under a time that cannot be.

        Raises:
            CeremonyViolation: rule ``CER-102``, ``CER-103`` or ``CER-317``.
        """
        refuse_clock(self.certificate, self.transcript.last_at, now, self.said)

    def record(self, says: Event, at: datetime, key: RootKey | None = None) -> str:
        """Add a transcript line; return its digest. Time never runs backwards in it.

        After one that failed nothing is added before `read_again`: what stands in the file is not
        what is known here.

        Args:
            says: what the line says.
            at: aware.
            key: authenticates the line, and every line before it first; for what only a holder of
                the key may write.

        Raises:
            VerificationError: another than a holder of this key wrote a line (rule ``CER-320``).
            CeremonyViolation: the time cannot be (see `require_time`).
            ConfigurationError: it cannot be written.
            ConflictError: the one before could not be (rule ``ROOT-UNMENDED``).
        """
        if not self._is_known:
            raise transcript.unmended(self.transcript.path)
        self.require_time(at)
        if key is not None:
            check_macs(self.transcript, key.mac)
        moment = never_back(self.transcript.last_at, at)
        self._is_known = False
        mac = key.mac if key else None
        self.transcript = transcript.append(self.transcript, says, moment, mac)
        self._is_known = True
        return self.transcript.head

    def read_again(self) -> None:
        """Take the transcript as it stands in the file.

        Raises:
            VerificationError: it does not hold.
        """
        self.transcript = transcript.read(self.path / transcript.FILE)
        self._is_known = True


@contextmanager
def opened(path: Path, *, exclusive: bool, said: date | None = None) -> Iterator[RootFolder]:
    """Hold the folder's lock, shared with other readers unless `exclusive`, and read it.

    Args:
        path: of the folder.
        exclusive: to write in it.
        said: today's date, where a person had to say it.

    Raises:
        ConfigurationError: no root folder, or others can reach it (``ROOT-FOLDER``,
            ``ROOT-MODE``).
        ConflictError: another program works in it (rule ``ROOT-LOCKED``).
        VerificationError: the transcript does not hold.
    """
    with locked(path, exclusive=exclusive):
        _check_is_root(path)
        _check_private(path)
        yield RootFolder(path, said)


@contextmanager
def locked(path: Path, *, exclusive: bool) -> Iterator[None]:
    """Hold a folder's lock, shared with other readers unless `exclusive`.

    Raises:
        ConfigurationError: there is no such folder (rule ``ROOT-FOLDER``).
        ConflictError: another program works in it (rule ``ROOT-LOCKED``).
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _no_root(path, error.strerror or "unreadable") from None
    try:
        _lock(descriptor, path, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path, kind: int) -> None:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConflictError(
            "another trustwright-root works in this folder",
            rule="ROOT-LOCKED",
            hint="wait for it, or end it",
            where=str(path),
        ) from None
    except OSError as error:
        raise _no_root(path, f"it cannot be locked: {error.strerror}") from None


def certificate_in(file: Path) -> Certificate:
    """Return the root's certificate.

    Raises:
        ConfigurationError: it cannot be read (rule ``ROOT-FOLDER``).
        VerificationError: it is none.
    """
    try:
        return parse.certificate(file.read_bytes())
    except OSError as error:
        raise ConfigurationError(
            f"cannot be read: {error.strerror}",
            rule="ROOT-FOLDER",
            hint=f"put {CERTIFICATE} back from a copy",
            where=str(file),
        ) from None
    except VerificationError as error:
        error.where, error.hint = str(file), f"put {CERTIFICATE} back from a copy"
        raise


def _check_first_line(record: transcript.Transcript, fingerprint: str) -> None:
    first = record.entries[0].says
    if not isinstance(first, Created) or first.root != fingerprint:
        raise VerificationError(
            "the first line does not create this root",
            rule="CER-311",
            hint="root.pem and transcript.jsonl are not of one folder",
            where=f"{record.path.name}:1",
        )


def _check_is_root(path: Path) -> None:
    """Refuse a folder that no root was made in, before anybody is told to change its mode."""
    names = (CERTIFICATE, KEY, rootpolicy.FILE, transcript.FILE)
    found = [name for name in names if (path / name).is_file()]
    if len(found) <= len(names) // 2:
        missing = ", ".join(name for name in names if name not in found)
        raise _no_root(path, f"there is no {missing}")


def _check_private(path: Path) -> None:
    try:
        problem = exposed(path, path.stat())
    except OSError as error:
        raise _no_root(path, error.strerror or "unreadable") from None
    if problem is not None:
        raise ConfigurationError(problem.what, rule="ROOT-MODE", hint=problem.hint, where=str(path))


def _no_root(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"no root here: {why}",
        rule="ROOT-FOLDER",
        hint="give --folder, or make a root: trustwright-root init",
        where=str(path),
    )
