"""What the databases say, in the words of `trustwright.errors`; no statement, value or password."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import exc

from trustwright.errors import (
    ConfigurationError,
    ConflictError,
    OutcomeUnknown,
    Rejected,
    TrustwrightError,
    Unavailable,
)
from trustwright.store.tables import metadata

MIGRATE = "run: trustwright store migrate"
_AGAIN = "try again; if it stays so, look at the database server, its disk and its load"
_ACCOUNT = "check account, password and grants of the store's URL"


@dataclass(frozen=True)
class _Meaning:
    error: type[TrustwrightError]
    rule: str
    what: str
    hint: str


_DOWN = _Meaning(Unavailable, "STORE-DOWN", "the database does not answer", _AGAIN)
_BUSY = _Meaning(Unavailable, "STORE-BUSY", "the database is busy", _AGAIN)
_LOGIN = _Meaning(ConfigurationError, "STORE-LOGIN", "the database refuses our account", _ACCOUNT)
_SCHEMA = _Meaning(
    ConfigurationError, "STORE-SCHEMA", "the schema does not fit this program", MIGRATE
)
_ABSENT = _Meaning(
    ConfigurationError,
    "STORE-ABSENT",
    "there is no such database",
    "check the name in the store's URL, or create the database",
)
_VALUE = _Meaning(
    Rejected,
    "STORE-VALUE",
    "the database cannot hold a value of this row",
    "look for a NUL character or a number beyond 64 bits",
)
_REFERENCE = _Meaning(
    Rejected,
    "STORE-REFERENCE",
    "the row names an environment or issuer that has no row",
    "insert that row first",
)
_TAKEN = _Meaning(
    ConflictError,
    "STORE-TAKEN",
    "a row with this key is there already",
    "read it and decide again",
)
_FILE = _Meaning(
    ConfigurationError,
    "STORE-FILE",
    "the file cannot be opened or written",
    "check path, owner, mode and mount of the store file",
)
_DAMAGED = _Meaning(
    ConfigurationError,
    "STORE-DAMAGED",
    "the file is no database, or it is damaged",
    "restore the store from its last backup",
)
_FULL = _Meaning(
    Unavailable,
    "STORE-FULL",
    "the disk is full or failing; nothing was written",
    "make room on the store's disk",
)

# By the longest SQLSTATE prefix (PostgreSQL manual, appendix A).
_POSTGRES = {
    "08": _DOWN,
    "53": _BUSY,
    "53100": _FULL,
    "57": _DOWN,
    "57014": _BUSY,
    "55P03": _BUSY,
    "40": _BUSY,
    "28": _LOGIN,
    "42501": _LOGIN,
    "3D000": _ABSENT,
    "42P01": _SCHEMA,
    "42703": _SCHEMA,
    "22": _VALUE,
    "23": _VALUE,
    "23503": _REFERENCE,
    "23505": _TAKEN,
}

# A server that refuses a connection sends its SQLSTATE, but libpq hands on the text alone.
_POSTGRES_WORDS = {
    "password authentication failed": _LOGIN,
    "no pg_hba.conf entry": _LOGIN,
    "no password supplied": _LOGIN,
    'FATAL:  role "': _LOGIN,
    'FATAL:  database "': _ABSENT,
}

# By the longest prefix of SQLite's extended result code name.
_SQLITE = {
    "SQLITE_BUSY": _BUSY,
    "SQLITE_LOCKED": _BUSY,
    "SQLITE_FULL": _FULL,
    "SQLITE_IOERR": _FULL,
    "SQLITE_CANTOPEN": _FILE,
    "SQLITE_READONLY": _FILE,
    "SQLITE_PERM": _FILE,
    "SQLITE_AUTH": _FILE,
    "SQLITE_NOTADB": _DAMAGED,
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_CONSTRAINT": _VALUE,
    "SQLITE_CONSTRAINT_FOREIGNKEY": _REFERENCE,
    "SQLITE_CONSTRAINT_UNIQUE": _TAKEN,
    "SQLITE_CONSTRAINT_PRIMARYKEY": _TAKEN,
    "SQLITE_TOOBIG": _VALUE,
    "SQLITE_MISMATCH": _VALUE,
    "SQLITE_ERROR": _SCHEMA,  # a statement that does not fit: no such table, no such column
}

# What is raised before a statement reaches the database.
_KINDS: dict[type[Exception], _Meaning] = {
    exc.TimeoutError: _BUSY,
    exc.StatementError: _VALUE,
    OverflowError: _VALUE,
    UnicodeError: _VALUE,
    exc.SQLAlchemyError: _SCHEMA,
}


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn SQLAlchemy's errors within the block into ours.

    Args:
        what: table or act that the error names.

    Raises:
        Unavailable: nothing was written; try again.
        ConflictError: a unique value is taken.
        Rejected: the row cannot be stored as it is.
        ConfigurationError: URL, account, file or schema is wrong.
    """
    try:
        yield
    except (exc.SQLAlchemyError, sqlite3.Error, OverflowError, UnicodeError) as error:
        # The driver's text stays out of our tracebacks: it quotes statements and values.
        raise _translate(error, what) from None


@contextmanager
def committing(what: str) -> Iterator[None]:
    """Tell a lost connection at COMMIT apart: the transaction may have taken effect.

    Raises:
        OutcomeUnknown: the connection died before the answer came.
    """
    try:
        yield
    except exc.DBAPIError as error:
        if not error.connection_invalidated:
            raise
        raise OutcomeUnknown(
            f"{what}: the connection was lost at commit",
            rule="STORE-OUTCOME",
            hint="reread the row: it may have been written",
        ) from None


def _translate(error: Exception, what: str) -> TrustwrightError:
    driver = error.orig if isinstance(error, exc.DBAPIError) else error
    meaning = _VALUE if isinstance(error, exc.DataError) else _meaning(driver)
    said, hint = _taken(driver) if meaning is _TAKEN else (meaning.what, meaning.hint)
    return meaning.error(f"{what}: {said}", rule=meaning.rule, hint=hint)


def _meaning(driver: BaseException | None) -> _Meaning:
    state = getattr(driver, "sqlstate", None)
    if state:
        return _longest(_POSTGRES, state)
    name = getattr(driver, "sqlite_errorname", None)
    if name:
        return _longest(_SQLITE, name)
    for kind, meaning in _KINDS.items():
        if isinstance(driver, kind):
            return meaning
    said = str(driver)
    return next((each for words, each in _POSTGRES_WORDS.items() if words in said), _DOWN)


def _longest(meanings: dict[str, _Meaning], code: str) -> _Meaning:
    fitting = [prefix for prefix in meanings if code.startswith(prefix)]
    return meanings[max(fitting, key=len)] if fitting else _DOWN


def _taken(driver: BaseException | None) -> tuple[str, str]:
    """Return what is taken and what to do, from the unique index that the database named."""
    name = getattr(getattr(driver, "diag", None), "constraint_name", None)
    columns = str(driver).partition("UNIQUE constraint failed: ")[2]
    for table in metadata.tables.values():
        for index in table.indexes:
            own = ", ".join(f"{table.name}.{column.name}" for column in index.columns)
            if index.unique and (name == index.name or columns == own):
                return index.info["taken"], index.info["hint"]
    return _TAKEN.what, _TAKEN.hint
