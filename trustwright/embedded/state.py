"""``stack.json``: what runs and where, for this command and for whoever needs the addresses."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pydantic import Field, ValidationError

from trustwright.embedded.folder import write_private
from trustwright.embedded.process import Process
from trustwright.errors import ConfigurationError
from trustwright.model.base import Setting, first_problem

OPENBAO_PORT = 18_200
PREFECT_PORT = 14_200
LOWEST_PORT = 1024
"""Below it only root may listen, and nothing here runs as root."""


class Ports(Setting):
    """Ports on 127.0.0.1, chosen once and remembered."""

    openbao: int = Field(default=OPENBAO_PORT, ge=LOWEST_PORT, le=65_535)
    prefect: int = Field(default=PREFECT_PORT, ge=LOWEST_PORT, le=65_535)


class StackState(Setting):
    """The content of ``stack.json``; relative paths count from its folder, which may be moved.

    Attributes:
        openbao: address of OpenBao.
        ca: bundle that verifies it.
        prefect_api: address of Prefect's REST API.
        prefect_ui: address of its pages.
        prefect_auth: file with ``user:password`` for both.
        processes: by part: ``openbao``, ``prefect``, ``runner``.
        answered: those of them that have answered since they were started.
        estate: path of the estate file that the flows read; empty when not known.
        store: digest of the address of the store that they write; empty when not known.
    """

    version: int = 1
    openbao: str
    ca: str = "openbao/ca.pem"
    prefect_api: str
    prefect_ui: str
    prefect_auth: str = "prefect/auth"
    ports: Ports
    processes: dict[str, Process] = Field(default_factory=dict)
    answered: tuple[str, ...] = ()
    estate: str = ""
    store: str = ""

    @classmethod
    def fresh(cls, ports: Ports) -> StackState:
        """Return the state of a stack with these ports in which nothing runs."""
        return cls(
            openbao=f"https://127.0.0.1:{ports.openbao}",
            prefect_api=f"http://127.0.0.1:{ports.prefect}/api",
            prefect_ui=f"http://127.0.0.1:{ports.prefect}",
            ports=ports,
        )

    def using(self, estate: str, store: str) -> StackState:
        """Return the same stack, whose flows use this estate and store."""
        return StackState.model_validate({**self.model_dump(), "estate": estate, "store": store})

    def running(self, processes: dict[str, Process], answered: Collection[str] = ()) -> StackState:
        """Return the same stack with these processes, of which some have `answered`."""
        known = tuple(name for name in processes if name in answered)
        return StackState.model_validate(
            {**self.model_dump(), "processes": processes, "answered": known}
        )


def read_state(path: Path) -> StackState | None:
    """Return what ``stack.json`` says, None when there is none.

    Raises:
        ConfigurationError: somebody has changed it beyond recognition (rule ``STACK-STATE``).
    """
    try:
        return StackState.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unreadable(path, error.strerror) from None
    except ValidationError as error:
        raise _unreadable(path, first_problem(error)) from None


def _unreadable(path: Path, reason: str | None) -> ConfigurationError:
    return ConfigurationError(
        f"not readable: {reason}",
        rule="STACK-STATE",
        hint="remove it and run 'trustwright up': what runs is found again; when nothing runs, "
        "name the ports again that are not the usual ones (--openbao-port, --prefect-port)",
        where=str(path),
    )


def estate_of(home: Path) -> Path | None:
    """Return the estate that the flows of the stack in `home` use; None when it is not known.

    Raises:
        ConfigurationError: somebody has changed ``stack.json`` beyond recognition.
    """
    state = read_state(home / "stack.json")
    return home / state.estate if state is not None and state.estate else None


def as_seen_from(home: Path, path: Path) -> str:
    """Return how a path stands in ``stack.json``: relative when it lies in the home.

    Two spellings of the home (a link to it) make no difference; a link in it leads where it leads.
    """
    for spelled, base in ((path, home), (path.parent.resolve() / path.name, home.resolve())):
        if spelled.is_relative_to(base):
            return str(spelled.relative_to(base))
    return str(path)


def write_state(path: Path, state: StackState) -> None:
    """Write ``stack.json`` in one step."""
    write_private(path, state.model_dump_json(indent=2).encode() + b"\n")
