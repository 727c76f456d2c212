"""Start, stop and look at the three processes.

::

    stack = Stack(home)
    stack.up()      # starts what does not run; a second call changes nothing
    stack.status()  # what each part says of itself
    stack.down()    # ends them, last started first
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NoReturn

from pydantic import ValidationError

from trustwright.clock import SystemClock
from trustwright.embedded.folder import Folder
from trustwright.embedded.foreground import become
from trustwright.embedded.openbao import openbao, renew_policy
from trustwright.embedded.prefect_server import prefect_server
from trustwright.embedded.process import find
from trustwright.embedded.runner import SERVED_MODULE, runner
from trustwright.embedded.starting import Starting
from trustwright.embedded.state import Ports, StackState, as_seen_from, read_state, write_state
from trustwright.embedded.uses import Uses, settle_uses
from trustwright.errors import ConfigurationError
from trustwright.model.base import first_problem
from trustwright.settings import usable_home

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from trustwright.clock import Clock
    from trustwright.embedded.part import Part
    from trustwright.embedded.process import Process

NOTHING_ASKED = Uses()
NAMES = ("openbao", "prefect", "runner")
Condition = Literal["running", "not answering", "stopped"]


@dataclass(frozen=True)
class PartStatus:
    """What is known of one part.

    Attributes:
        link: page to open, or empty.
        uptime: seconds, None when it is stopped.
    """

    name: str
    title: str
    condition: Condition
    address: str
    link: str
    log: Path
    pid: int | None = None
    uptime: float | None = None


class Stack:
    """OpenBao, Prefect and the flows' runner below one home.

    Args:
        home: folder for everything; made if it is not there.
        openbao_port, prefect_port: None takes the ones used before, or the defaults.
        module: what the runner runs (``python -m``).
        uses: estate and store of the flows; what it leaves open is as before.

    Raises:
        ConfigurationError: the home's name cannot stand in a URL (rule ``STACK-HOME``).
    """

    def __init__(
        self,
        home: Path,
        *,
        openbao_port: int | None = None,
        prefect_port: int | None = None,
        module: str = SERVED_MODULE,
        clock: Clock | None = None,
        uses: Uses = NOTHING_ASKED,
    ) -> None:
        self._uses = uses
        self.folder = Folder(usable_home(home.expanduser().absolute()))
        self._asked = {"openbao": openbao_port, "prefect": prefect_port}
        self._module = module
        self._clock = clock or SystemClock()

    def up(self) -> tuple[str, ...]:
        """Start what does not run and return its titles; empty when everything ran.

        Raises:
            ConfigurationError: see `check`; or a file is missing or unusable.
            ConflictError: another ``up`` or ``down`` is at work.
            Unavailable: a part did not come up, or is up and gives no answer; what this call
                started is stopped again.
        """
        self.check()
        self.folder.create()
        with self.folder.locked():
            remembered = read_state(self.folder.state)
            running = self._running(remembered)
            uses = settle_uses(self._uses, self.folder, remembered, running)
            estate = as_seen_from(self.folder.home, uses.estate) if uses.estate else ""
            state = self._with_ports(remembered, running).using(estate, uses.store)
            answered = remembered.answered if remembered else ()
            started = self._start(state, running, answered)
            if read_state(self.folder.state) != state.running(running, NAMES):
                write_state(self.folder.state, state.running(running, NAMES))
            return started

    def renew_policy(self) -> bool:
        """Bring the provisioner's policy to this release; return whether it was another.

        Raises:
            ConfigurationError, UpstreamError: see `openbao.renew_policy`.
        """
        state = self._known()
        return state is not None and renew_policy(self.folder, state)

    def check(self) -> None:
        """Look whether ``up`` can begin; nothing is made or changed.

        Raises:
            ConfigurationError: the folder holds other things, a port is taken, or what runs uses
                another estate or store than is asked for.
        """
        self.folder.refuse_foreign()
        remembered = read_state(self.folder.state)
        running = self._running(remembered)
        settle_uses(self._uses, self.folder, remembered, running)
        self._refuse_taken_ports(self._with_ports(remembered, running), running)

    def run(self, name: str) -> NoReturn:
        """Turn this process into one part, for a service manager (see `foreground.become`).

        Raises:
            ConfigurationError: ``up`` was never run here, or see `foreground.become`.
            ConflictError, Unavailable: see `foreground.become`.
        """
        state = read_state(self.folder.state)
        if state is None:
            raise ConfigurationError(
                "no stack was ever started here",
                rule="STACK-STATE",
                hint="run once: trustwright up; then: trustwright down",
                where=str(self.folder.home),
            )
        parts = {part.name: part for part in self._parts(state)}
        become(parts[name], [parts[each] for each in parts[name].needs])

    def down(self) -> tuple[str, ...]:
        """Stop everything, last started first, and return the titles of what was running.

        Raises:
            ConflictError: another ``up`` or ``down`` is at work.
        """
        state = self._known()
        if state is None:
            return ()
        with self.folder.locked():
            running = self._running(state)
            parts = reversed(self._parts(state))
            stopped = [part.title for part in parts if part.stop(running.get(part.name))]
            write_state(self.folder.state, state.running({}))
            return tuple(stopped)

    def status(self) -> tuple[PartStatus, ...]:
        """Return what each part says of itself; empty when there never was a stack here."""
        state = self._known()
        if state is None:
            return ()
        running = self._running(state)
        return tuple(_status(part, running.get(part.name)) for part in self._parts(state))

    def _known(self) -> StackState | None:
        """Return the state, also when ``stack.json`` is lost and something runs."""
        if not self.folder.home.is_dir():
            return None
        state = read_state(self.folder.state)
        if state is None and (running := self._running(None)):
            state = StackState.fresh(_ports_of(running))
        return state

    def _parts(self, state: StackState) -> tuple[Part, ...]:
        return (
            openbao(self.folder, state, self._clock),
            prefect_server(self.folder, state),
            runner(self.folder, state, self._module),
        )

    def _running(self, state: StackState | None) -> dict[str, Process]:
        known = state.processes if state else {}
        found = {name: find(f"{self.folder.mark}:{name}", known.get(name)) for name in NAMES}
        return {name: process for name, process in found.items() if process is not None}

    def _with_ports(self, state: StackState | None, running: dict[str, Process]) -> StackState:
        """Return the state with the ports that were asked for."""
        known = state.ports if state else _ports_of(running)
        asked = {name: port for name, port in self._asked.items() if port is not None}
        for name, port in asked.items():
            if name in running and port != getattr(known, name):
                raise ConfigurationError(
                    f"{name} runs on port {getattr(known, name)}, not on {port}",
                    rule="STACK-PORT",
                    hint="first 'trustwright down'",
                )
        return StackState.fresh(_ports(known, asked)).running(running)

    def _refuse_taken_ports(self, state: StackState, running: dict[str, Process]) -> None:
        for part in self._parts(state):
            if part.name not in running:
                part.refuse_taken_port()

    def _start(
        self, state: StackState, running: dict[str, Process], answered: Collection[str]
    ) -> tuple[str, ...]:
        self._refuse_taken_ports(state, running)
        parts = self._parts(state)
        missing = [part for part in parts if part.name not in running]
        starting = Starting(parts, running)
        kept = [part for part in parts if part.name in running and part.name in answered]
        answered = [part.name for part in kept]
        starting.refuse_silent([part.name for part in kept if running.keys() >= set(part.needs)])
        try:
            for part in missing:
                starting.await_ready(part.needs)
                part.prepare()
                running[part.name] = part.start()
                write_state(self.folder.state, state.running(running, answered))
            starting.await_ready(NAMES)
        except BaseException:
            for part in reversed(missing):
                part.stop(running.pop(part.name, None))
            write_state(self.folder.state, state.running(running, answered))
            raise
        return tuple(part.title for part in missing)


def _ports_of(running: dict[str, Process]) -> Ports:
    """Return the ports on which the parts listen, the defaults for those that do not run."""
    named = ((name, running[name].port()) for name in Ports.model_fields if name in running)
    return Ports.model_validate({name: port for name, port in named if port is not None})


def _ports(known: Ports, asked: dict[str, int]) -> Ports:
    try:
        found = Ports.model_validate({**known.model_dump(), **asked})
    except ValidationError as error:
        raise ConfigurationError(
            f"not a port: {first_problem(error)}",
            rule="STACK-PORT",
            hint="choose one between 1024 and 65535",
        ) from None
    if found.openbao == found.prefect:
        raise ConfigurationError(
            f"OpenBao and Prefect cannot both listen on port {found.openbao}",
            rule="STACK-PORT",
            hint="choose two: trustwright up --openbao-port NUMBER --prefect-port NUMBER",
        )
    return found


def _status(part: Part, process: Process | None) -> PartStatus:
    condition: Condition = "stopped"
    if process is not None:
        condition = "running" if part.ready(process) else "not answering"
    return PartStatus(
        name=part.name,
        title=part.title,
        condition=condition,
        address=part.address,
        link=part.link,
        log=part.log,
        pid=process.pid if process else None,
        uptime=process.age() if process else None,
    )
