"""The offline machine, as the tests of ``trustwright-root`` use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.e2e.pty_session import Session
from trustwright.ceremony.ledger import file_form
from trustwright.ceremony.request import (
    request_file_name,
    seal_intermediate_request,
    seal_revocation_request,
)
from trustwright.ceremony.response import open_response
from trustwright.ceremony.words import words_of
from trustwright.clock import SystemClock
from trustwright.ids import serial_text
from trustwright.model.ceremony import Request
from trustwright.x509 import parse
from trustwright.x509.build import build_request
from trustwright.x509.keys import generate_key
from trustwright.x509.profiles import intermediate_profile

PASSPHRASE = "zebra moon lamp tide"
DOMAINS = {"test": "test.example.internal", "prod": "prod.example.internal"}
OIDS = {"test": "1.3.6.1.4.1.99999.1", "prod": "1.3.6.1.4.1.99999.2"}


class Machine:
    """The offline machine: a folder, and the program in it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.root = place / "root"
        (place / "passphrase").write_text(f"{PASSPHRASE}\n")
        (place / "passphrase").chmod(0o600)

    @property
    def environment(self) -> dict[str, str]:
        """Return the program's environment."""
        here = str(Path(__file__).parents[2])
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": here,
            "LC_ALL": "C.UTF-8",
            "TRUSTWRIGHT_ROOT_HOME": str(self.root),
            "TERM": "dumb",
        }

    def command(self, *args: str) -> list[str]:
        """Return a command line."""
        return [sys.executable, "-m", "trustwright.cli.root", *args]

    def run(self, *args: str, stdin: str = "", **changes: str) -> subprocess.CompletedProcess[str]:
        """Run the program without a terminal."""
        return subprocess.run(
            self.command(*args),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            env=self.environment | changes,
            cwd=self.place,
            timeout=60,
            start_new_session=True,
        )

    def ok(self, *args: str, stdin: str = "") -> str:
        """Run the program and expect success; return its standard output."""
        done = self.run(*args, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *args: str, stdin: str = "", **changes: str) -> tuple[int, str]:
        """Run the program and expect one line of error; return exit code and line."""
        done = self.run(*args, stdin=stdin, **changes)
        lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, done.stderr
        assert "Traceback" not in done.stderr
        return done.returncode, lines[0]

    def terminal(self, *args: str) -> Session:
        """Run the program on a terminal."""
        os.chdir(self.place)
        return Session(self.command(*args), self.environment)

    def with_root(self) -> Machine:
        """Make a root without a terminal."""
        self.ok(
            "init",
            "--organization",
            "Example",
            *self.environments(),
            "--passphrase-file",
            "passphrase",
        )
        return self

    def environments(self) -> list[str]:
        """Return the options that name the environments."""
        named = [f"--environment={name}={domain}" for name, domain in DOMAINS.items()]
        return [*named, *(f"--policy-oid={name}={oid}" for name, oid in OIDS.items())]

    def ask(self, environment: str, generation: int = 1, **changes: Any) -> tuple[Path, Request]:
        """Carry a request to the machine."""
        facts = json.loads(self.ok("show", "--json"))
        wanted = intermediate_profile(
            organization="Example",
            environment=environment,
            domain=DOMAINS[environment],
            policy=OIDS[environment],
            generation=generation,
            validity=730 * 86_400,
        )
        now = SystemClock().now()
        last = facts["last"][environment]
        members: dict[str, Any] = {
            "environment": environment,
            "generation": generation,
            "profile": wanted,
            "csr": build_request(generate_key("ec-p384"), wanted.subject),
            "root_fingerprint": facts["fingerprint"],
            "previous": last["binding"] if last else None,
            "created": now,
            "expires": now + timedelta(days=7),
            "reason": "first intermediate",
            "requested_by": "bootstrap",
        }
        request = seal_intermediate_request(**members | changes)
        path = self.place / request_file_name(request)
        path.write_bytes(file_form(request))
        return path, request

    def ask_to_revoke(self, environment: str) -> tuple[Path, Request]:
        """Carry a request to revoke what was signed last for an environment."""
        facts = json.loads(self.ok("show", "--json"))
        last = facts["last"][environment]
        kept = open_response((self.root / "responses" / last["file"]).read_bytes())
        now = SystemClock().now()
        request = seal_revocation_request(
            environment=environment,
            generation=last["generation"],
            serial=serial_text(parse.certificate(kept.certificate or "").serial_number),
            revocation_reason="key_compromise",
            root_fingerprint=facts["fingerprint"],
            previous=last["binding"],
            created=now,
            expires=now + timedelta(days=7),
            reason="the key leaked",
            requested_by="operator",
        )
        path = self.place / request_file_name(request)
        path.write_bytes(file_form(request))
        return path, request

    def answers(self, request: Request) -> list[str]:
        """Return the options that answer the questions of ``sign``."""
        return [
            "--confirm-environment",
            request.environment or "root-crl",
            "--confirm-words",
            words_of(request.digest(), 8),
            "--passphrase-file",
            "passphrase",
        ]
