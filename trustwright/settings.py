"""Where this machine keeps its things: from the environment, with defaults below one folder.

::

    TRUSTWRIGHT_HOME             $XDG_DATA_HOME/trustwright or ~/.local/share/trustwright
    TRUSTWRIGHT_ESTATE           what <home>/stack.json says, or <home>/estate.yaml
    TRUSTWRIGHT_STORE_URL        sqlite:///<home>/store.db
    TRUSTWRIGHT_STORE_URL_FILE   the same in a file of mode 0600: the URL may hold a password
    TRUSTWRIGHT_PROVISIONER_KEY  <home>/identities/provisioner.key
    TRUSTWRIGHT_VAULT_AUDIT_LOG  <home>/openbao/audit.log; several, with colons between them
    TRUSTWRIGHT_SWEEP_EVERY      1h: how often the flow sweep-expiry runs
    PREFECT_API_URL              what <home>/stack.json says
    PREFECT_API_AUTH_STRING      the file that <home>/stack.json names

A variable that is empty counts as not set.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from trustwright.errors import ConfigurationError

ESTATE = "TRUSTWRIGHT_ESTATE"
ESTATE_FILE = "estate.yaml"
"""Name of the estate file in the home, where nobody names another."""

SWEEP_EVERY = timedelta(hours=1)


@dataclass(frozen=True)
class Settings:
    """The settings of one machine.

    Attributes:
        home: folder of the stack, the store and the identities.
        estate: the estate file.
        store_url: SQLAlchemy URL of the store; a secret when it holds a password.
        provisioner_key: key of the identity that prepares environments.
        audit_logs: files of Vault's audit devices, which say who had something signed; they may
            not be there.
        sweep_every: how often everything is swept; read by the process that serves the flows.
        prefect_url: address of Prefect's API; None when nobody has said it.
        prefect_auth: ``user:password`` of Prefect's API; a secret.
    """

    home: Path
    estate: Path
    store_url: str = field(repr=False)
    provisioner_key: Path
    audit_logs: tuple[Path, ...] = ()
    sweep_every: timedelta = SWEEP_EVERY
    prefect_url: str | None = None
    prefect_auth: str | None = field(default=None, repr=False)

    @property
    def workspace(self) -> Path:
        """The folder for request files."""
        return self.home / "ceremonies"

    @property
    def prefect_api(self) -> str:
        """The address of Prefect's API.

        Raises:
            ConfigurationError: nobody has said it (rule ``SET-PREFECT``).
        """
        if self.prefect_url is None:
            raise ConfigurationError(
                "the address of Prefect's API is not known",
                rule="SET-PREFECT",
                hint="run: trustwright up; or set PREFECT_API_URL",
            )
        return self.prefect_url

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Return what the environment says, and the defaults for the rest.

        Raises:
            ConfigurationError: a variable contradicts another or the stack that runs (rules
                ``SET-ESTATE``, ``SET-STORE``), or a named file cannot be used.
        """
        home = default_home(environ)
        said = _stack(home / "stack.json")
        url, auth = _prefect(environ, said, home)
        store, asked = store_url(environ, home), asked_estate(environ)
        used = home / said["estate"] if said.get("estate") else None
        if said.get("processes"):
            refuse_other(used, said.get("store", ""), asked, store_digest(store, home))
        return cls(
            home=home,
            estate=asked or used or home / ESTATE_FILE,
            store_url=store,
            provisioner_key=_path(
                environ, "TRUSTWRIGHT_PROVISIONER_KEY", home / "identities" / "provisioner.key"
            ),
            audit_logs=_audit_logs(environ, home),
            sweep_every=_sweep_every(environ),
            prefect_url=url,
            prefect_auth=auth,
        )


def default_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of this machine's stack, as an absolute path.

    Raises:
        ConfigurationError: its name cannot stand in a URL (rule ``STACK-HOME``).
    """
    data = Path(environ.get("XDG_DATA_HOME", ""))
    if not data.is_absolute():  # the XDG base directory rules: a relative one is ignored
        data = Path("~/.local/share").expanduser()
    return usable_home(_path(environ, "TRUSTWRIGHT_HOME", data / "trustwright"))


def usable_home(path: Path) -> Path:
    """Return the path itself.

    Three servers read it out of URLs, each by rules of its own for ``%`` and ``?``: they would keep
    their data elsewhere, or nowhere.

    Raises:
        ConfigurationError: its name cannot stand in a URL (rule ``STACK-HOME``).
    """
    bad = next((sign for sign in str(path) if sign in "%?" or not sign.isprintable()), None)
    if bad is not None:
        raise ConfigurationError(
            f"the home's path holds {bad!r}, which databases read as something else",
            rule="STACK-HOME",
            hint="name a folder without it: trustwright --home DIR, or TRUSTWRIGHT_HOME",
            where=str(path),
        )
    return path


def _path(environ: Mapping[str, str], name: str, default: Path) -> Path:
    given = environ.get(name)
    return Path(given).expanduser().absolute() if given else default


def _audit_logs(environ: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    given = environ.get("TRUSTWRIGHT_VAULT_AUDIT_LOG") or str(home / "openbao" / "audit.log")
    return tuple(Path(each).expanduser().absolute() for each in given.split(os.pathsep) if each)


def _sweep_every(environ: Mapping[str, str]) -> timedelta:
    given = environ.get("TRUSTWRIGHT_SWEEP_EVERY")
    if not given:
        return SWEEP_EVERY
    # Most commands read no interval, and need not wait for what reads it.
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415

    from trustwright.model.values import Duration  # noqa: PLC0415

    try:
        return timedelta(seconds=TypeAdapter(Duration).validate_python(given))
    except ValidationError:
        raise ConfigurationError(
            f"{given!r} is no duration",
            rule="DURATION",
            hint="write 90s, 15m, 72h or 730d",
            where="TRUSTWRIGHT_SWEEP_EVERY",
        ) from None


def asked_estate(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the estate file that the environment names, absolute; None when it names none."""
    given = environ.get(ESTATE)
    return Path(given).expanduser().absolute() if given else None


def store_digest(url: str, home: Path) -> str:
    """Return by what the store's address is known again where the address must not stand."""
    said = _spelled_out(url)
    if said == _spelled_out(_default_store(home)):
        return "default"
    return "sha256:" + hashlib.sha256(said.encode()).hexdigest()


def _spelled_out(url: str) -> str:
    """Return a store's address without the links and dots in an SQLite file's path."""
    _, slashes, file = url.partition("sqlite:///")
    return f"{slashes}{Path(file).resolve()}" if file and url.startswith(slashes) else url


def refuse_other(used: Path | None, used_store: str, estate: Path | None, store: str) -> None:
    """Refuse another estate or store than the flows of a running stack use.

    Args:
        used: the flows' estate; None when it is not known.
        used_store: digest of the flows' store; empty when it is not known.
        estate: the one that is asked for; None takes the flows'.
        store: digest of the store that is asked for; empty takes the flows'.

    Raises:
        ConfigurationError: rule ``SET-ESTATE`` or ``SET-STORE``.
    """
    if used is not None and estate is not None and estate.resolve() != used.resolve():
        raise ConfigurationError(
            f"the flows of this stack use {used}",
            rule="SET-ESTATE",
            hint=f"run `trustwright down`, then `up` with this estate; or leave {ESTATE} out",
            where=str(estate),
        )
    if used_store and store and store != used_store:
        raise ConfigurationError(
            "the flows of this stack use another store",
            rule="SET-STORE",
            hint="set TRUSTWRIGHT_STORE_URL as it was for `trustwright up`; or run "
            "`trustwright down`, then `up` with this store",
        )


def _default_store(home: Path) -> str:
    return f"sqlite:///{home / 'store.db'}"


def store_url(environ: Mapping[str, str], home: Path) -> str:
    """Return the address of the store; a secret when it holds a password.

    Raises:
        ConfigurationError: it is said twice, or the file that holds it cannot be used.
    """
    url = environ.get("TRUSTWRIGHT_STORE_URL")
    file = environ.get("TRUSTWRIGHT_STORE_URL_FILE")
    if url and file:
        raise ConfigurationError(
            "TRUSTWRIGHT_STORE_URL and TRUSTWRIGHT_STORE_URL_FILE are both set",
            rule="SET-STORE",
            hint="unset one of them",
        )
    if file:
        return _secret_line("TRUSTWRIGHT_STORE_URL_FILE", Path(file).expanduser())
    return url or _default_store(home)


def _secret_line(name: str, path: Path) -> str:
    """Return the one line of a file that only this account may read."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ConfigurationError(
            f"the file that {name} names cannot be read: {reason}", rule="SET-FILE", where=str(path)
        ) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError(
            f"mode {mode:04o}: others may read a secret",
            rule="SET-MODE",
            hint=f"chmod 600 {path}",
            where=str(path),
        )
    if not text or "\n" in text:
        raise ConfigurationError("the file is not one line", rule="SET-FILE", where=str(path))
    return text


def _prefect(
    environ: Mapping[str, str], said: Mapping[str, Any], home: Path
) -> tuple[str | None, str | None]:
    """Return address and login of Prefect's API: both from the environment, or from the stack."""
    url, auth = environ.get("PREFECT_API_URL"), environ.get("PREFECT_API_AUTH_STRING")
    if url:
        return url, auth or None
    file = said.get("prefect_auth")
    if not auth and file:
        auth = _secret_line("prefect_auth", home / file)
    return said.get("prefect_api"), auth or None


def _stack(path: Path) -> dict[str, Any]:
    """Return what ``stack.json`` says; nothing when there is none."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError):
        said = None
    texts = ("prefect_api", "prefect_auth", "estate", "store")
    if not isinstance(said, dict) or not all(isinstance(said.get(name, ""), str) for name in texts):
        raise ConfigurationError(
            "the stack's state cannot be read",
            rule="SET-STACK",
            hint="remove it, then run: trustwright up; it finds again what runs",
            where=str(path),
        )
    return said
