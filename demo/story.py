"""The online side of the story, told by running ``trustwright``."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from demo.estate import HOST, consumer_folder
from demo.operator import ENVIRONMENTS, OfflineOperator
from demo.programs import BIN, Demo, DemoFailure

PATIENCE = 180
"""Seconds until the demo gives a bootstrap up."""


OPENBAO_PORT, PREFECT_PORT = 18210, 14210
"""Beside the defaults, so that the demo does not meet a stack that is in use."""


def start(demo: Demo, openbao_port: int, prefect_port: int) -> None:
    """Start OpenBao, the Prefect server and the runner.

    Raises:
        DemoFailure: they do not come up.
    """
    ports = ("--openbao-port", str(openbao_port), "--prefect-port", str(prefect_port))
    try:
        demo.trustwright("up", *ports)
    except DemoFailure as failure:
        if "[STACK-PORT]" not in str(failure):
            raise
        message = f"{failure}; the demo takes it, too: make demo ARGS='{' '.join(ports)}'"
        raise DemoFailure(message) from None
    demo.say(f"OpenBao, Prefect and the runner are up, on loopback only: {demo.ui()}")


def host_key(demo: Demo) -> None:
    """Play the host that keeps its key: three lines of openssl."""
    folder = consumer_folder(demo, "prod", HOST)
    folder.mkdir(parents=True, mode=0o755)
    name = f"{HOST}.prod.example.internal"
    subprocess.run(
        [
            "openssl",
            "req",
            "-new",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            folder / "host.key",
            "-out",
            folder / "host.csr",
            "-subj",
            f"/CN={name}",
            "-addext",
            f"subjectAltName=DNS:{name}",
        ],
        check=True,
        capture_output=True,
    )
    (folder / "host.key").chmod(0o600)


def bootstrap(demo: Demo, operator: OfflineOperator, *, manual: bool) -> None:
    """Bootstrap both environments through the gate, at the same time."""
    for name in ENVIRONMENTS:
        demo.trustwright("bootstrap", name, "--no-wait")
    for name in ENVIRONMENTS:
        ceremony = _pending(demo, name)
        demo.say(f"{name}: key made in OpenBao, request sealed, the run is suspended at the gate")
        if manual:
            _leave_to_person(demo, operator, name, ceremony)
            continue
        request = Path(demo.trustwright("ceremony", "export", ceremony["id"][:12]).strip())
        response = operator.sign(demo.folder / request)
        demo.trustwright("ceremony", "submit", str(response))
    for name in ENVIRONMENTS:
        _wait_until_ready(demo, name, patience=3600 if manual else PATIENCE)
        demo.say(f"{name}: imported, anchor made, proven, consumers served, separation proven")
    for name in ENVIRONMENTS:
        demo.trustwright("admin", "issue", "alice", "--environment", name)


def _pending(demo: Demo, environment: str) -> dict[str, str]:
    """Return the environment's ceremony once its run waits at the gate."""
    demo.trustwright("bootstrap", environment, "--patience", str(PATIENCE))
    rows = json.loads(demo.trustwright("ceremony", "list", "--json"))
    return next(dict(row) for row in rows if row["environment"] == environment)


def _leave_to_person(
    demo: Demo, operator: OfflineOperator, environment: str, ceremony: dict[str, str]
) -> None:
    """Say what to type; the person finds the passphrase in a file beside the root."""
    request = f"{environment}-g1-{ceremony['id'][:12]}.request.json"
    print(f"""
   The gate is yours. In another terminal:
     export PATH={BIN}:$PATH TRUSTWRIGHT_HOME={demo.home} TRUSTWRIGHT_ESTATE={demo.estate}
     cd {operator.folder}
     trustwright ceremony show {ceremony["id"][:12]}
     trustwright ceremony export {ceremony["id"][:12]}
     trustwright-root sign {request} --passphrase-file {operator.leave_passphrase()}
     trustwright ceremony submit {request.replace(".request.", ".response.")}
   The form is at {demo.ui()}; its login is the text in {demo.password}
""")


def _wait_until_ready(demo: Demo, environment: str, *, patience: int) -> None:
    demo.trustwright("bootstrap", environment, "--until-ready", "--patience", str(patience))


def first_look(demo: Demo) -> None:
    """Print the tables of environments and certificates."""
    print()
    print(demo.trustwright("environments", "list").rstrip())
    print()
    print(demo.trustwright("certificates", "list").rstrip())
    print()
